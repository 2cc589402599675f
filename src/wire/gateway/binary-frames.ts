/** The four frames that have a binary form (PROTOCOL.md, section 4). */
import { type ConsumedRecord, type Header, noHeaders } from '../../record/record.ts';
import { BinaryFault, BinaryReader, BinaryWriter, type TextMemory, varLength, writeVar } from './binary.ts';
import { type ClientFrame, type FrameLimits, isId, type PublishRequest } from './frames.ts';
import { isTopicName } from './names.ts';
import { checkHeaderName, checkMid, MemberFault } from './publish-members.ts';
import type { Placement } from './server-frames.ts';

const data = 1;
const pub = 2;
const ok = 3;
const ack = 4;

/** Stops behind the first fatal frame. Never throws. `lastTopic`: of the connection, whose publishes mostly go to one. */
export function readBinaryFrames(
  message: Uint8Array,
  limits: FrameLimits,
  lastTopic: TextMemory = { bytes: new Uint8Array(), text: '' },
): ClientFrame[] {
  const frames: ClientFrame[] = [];
  const reader = new BinaryReader(message);
  try {
    do frames.push(readFrame(reader, limits, lastTopic));
    while (!reader.atEnd);
  } catch (error) {
    if (!(error instanceof BinaryFault)) throw error;
    frames.push({
      type: 'fatal',
      fault: { code: 'bad_request', message: `cannot read a binary frame: ${error.message}` },
    });
  }
  return frames;
}

function readFrame(reader: BinaryReader, limits: FrameLimits, lastTopic: TextMemory): ClientFrame {
  const type = reader.u8();
  if (type !== pub && type !== ack) throw new BinaryFault('its type is not one that clients send');
  const id = reader.var();
  if (!isId(id)) throw new BinaryFault('its id is not a number from 1 to 4294967295');
  return type === pub ? readPublish(id, reader, lastTopic) : readAck(id, reader, limits);
}

function readPublish(id: number, reader: BinaryReader, lastTopic: TextMemory): ClientFrame {
  const topic = reader.rememberedText(lastTopic);
  const partition = reader.var() - 1;
  const timestamp = reader.var();
  const mid = reader.nullableText();
  const key = reader.nullableBytes();
  const value = reader.nullableBytes();
  const headers = readHeaders(reader);
  // All of the frame is read by now: what is wrong in it concerns this publish alone.
  try {
    if (!isTopicName(topic)) throw new MemberFault('"topic" must be the name of a topic');
    for (const { key: name } of headers) checkHeaderName(name);
    const publish: PublishRequest = {
      topic,
      partition: partition < 0 ? null : partition,
      timestampMs: timestamp === 0 ? null : timestamp,
      mid: mid === null ? null : checkMid(mid),
      key,
      value,
      headers,
    };
    return { type: 'pub', id, publish };
  } catch (error) {
    if (!(error instanceof MemberFault)) throw error;
    return { type: 'refused', id, fault: { code: 'bad_request', message: error.message } };
  }
}

function readHeaders(reader: BinaryReader): readonly Header[] {
  let count = reader.var();
  if (count === 0) return noHeaders;
  const headers: Header[] = [];
  for (; count > 0; count--) headers.push({ key: reader.text(), value: reader.nullableBytes() });
  return headers;
}

function readAck(id: number, reader: BinaryReader, limits: FrameLimits): ClientFrame {
  const seq = reader.var();
  const window = reader.var();
  if (window > limits.window) {
    const message = `"window" must be a whole number from 1 to ${limits.window}`;
    return { type: 'refused', id, fault: { code: 'bad_request', message } };
  }
  return { type: 'ack', id, seq, window: window === 0 ? null : window };
}

export function publishedBinary(id: number, { partition, offset, timestamp, duplicate }: Placement): Buffer {
  // As long as it is: there are very many of them, and of a longer one a view would have to be made.
  const length = varLength(id) + varLength(partition) + varLength(offset) + varLength(timestamp);
  const bytes = Buffer.allocUnsafe(length + 2);
  bytes[0] = ok;
  let at = writeVar(bytes, 1, id);
  at = writeVar(bytes, at, partition);
  at = writeVar(bytes, at, offset);
  at = writeVar(bytes, at, timestamp);
  bytes[at] = duplicate ? 1 : 0;
  return bytes;
}

/** Records of one partition that follow each other in a frame. */
export interface BinaryGroup {
  readonly topic: string;
  readonly partition: number;
  readonly records: readonly ConsumedRecord[];
}

export function binaryDataFrame(
  id: number,
  seq: number,
  groups: readonly BinaryGroup[],
  pos: string | null,
  conflated: number,
): Buffer {
  const writer = new BinaryWriter(4096);
  writer.raw(binaryDataHead(id, seq, pos, conflated, groups.length));
  for (const { topic, partition, records } of groups) {
    writer.raw(binaryGroupHead(topic, partition, records[0]!.offset, records[0]!.timestampMs, records.length));
    const encoded = encodeBinaryRecords(records);
    writer.raw(encoded.bytes.subarray(encoded.bodies[0]));
  }
  return writer.result();
}

/** What stands before the groups. */
export function binaryDataHead(id: number, seq: number, pos: string | null, conflated: number, groups: number): Buffer {
  const writer = new BinaryWriter(64 + (pos?.length ?? 0));
  writer.u8(data);
  writer.var(id);
  writer.var(seq);
  writer.var(conflated);
  writer.var(pos === null ? 0 : pos.length + 1);
  if (pos !== null) writer.ascii(pos);
  writer.var(groups);
  return writer.result();
}

/** What stands before the records of a group, with the distance of the first one from the base offset, which is its own. */
export function binaryGroupHead(
  topic: string,
  partition: number,
  baseOffset: number,
  baseTimestamp: number,
  count: number,
): Buffer {
  const writer = new BinaryWriter(48 + topic.length);
  writer.var(topic.length);
  writer.ascii(topic);
  writer.var(partition);
  writer.var(baseOffset);
  writer.var(baseTimestamp);
  writer.var(count);
  writer.u8(0);
  return writer.result();
}

export interface BinaryRecords {
  /** Each record's distance from the one before it, and its body, one behind the other. Times are from the first one's. */
  readonly bytes: Buffer;
  readonly starts: Uint32Array;
  /** Where the body of each begins: a group may begin with any of them. */
  readonly bodies: Uint32Array;
}

export function encodeBinaryRecords(records: readonly ConsumedRecord[]): BinaryRecords {
  const starts = new Uint32Array(records.length + 1);
  const bodies = new Uint32Array(records.length);
  const writer = new BinaryWriter(records.length * 64);
  const [first] = records;
  let previous = first?.offset ?? 0;
  records.forEach(({ offset, timestampMs, key, value, headers }, at) => {
    starts[at] = writer.length;
    writer.var(offset - previous);
    bodies[at] = writer.length;
    writer.zigzag(timestampMs - first!.timestampMs);
    writer.nullableBytes(key);
    writer.nullableBytes(value);
    writer.var(headers.length);
    for (const header of headers) {
      writer.bytes(Buffer.from(header.key));
      writer.nullableBytes(header.value);
    }
    previous = offset;
  });
  starts[records.length] = writer.length;
  return { bytes: writer.result(), starts, bodies };
}
