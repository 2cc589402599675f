/** Binary frames as a client sees them: what the server sends is read, what a client sends is written. */
import { BinaryReader, BinaryWriter } from '../../../src/wire/gateway/binary.ts';

export interface FrameHeader {
  readonly name: string;
  readonly value?: string | null;
  readonly value_base64?: string;
}

export interface FrameRecord {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly timestamp: number;
  readonly key?: string;
  readonly key_base64?: string;
  readonly headers?: readonly FrameHeader[];
  readonly value?: string | null;
  readonly value_base64?: string;
}

/** Frames of one binary message, as the objects that their text form would hold. */
export function decodeFrames(message: Uint8Array): Record<string, unknown>[] {
  const reader = new BinaryReader(message);
  const frames: Record<string, unknown>[] = [];
  do frames.push(decodeFrame(reader));
  while (!reader.atEnd);
  return frames;
}

function decodeFrame(reader: BinaryReader): Record<string, unknown> {
  const type = reader.u8();
  const id = reader.var();
  switch (type) {
    case 1:
      return decodeData(id, reader);
    case 2:
      return decodePublish(id, reader);
    case 3: {
      const ok = { type: 'ok', id, partition: reader.var(), offset: reader.var(), timestamp: reader.var() };
      return reader.u8() === 1 ? { ...ok, duplicate: true } : ok;
    }
    case 4: {
      const ack = { type: 'ack', id, seq: reader.var() };
      const window = reader.var();
      return window === 0 ? ack : { ...ack, window };
    }
    default:
      throw new Error(`no frame has the type ${type}`);
  }
}

function decodeData(id: number, reader: BinaryReader): Record<string, unknown> {
  const seq = reader.var();
  const conflated = reader.var();
  const pos = reader.nullableText();
  const records: Record<string, unknown>[] = [];
  for (let groups = reader.var(); groups > 0; groups--) {
    const topic = reader.text();
    const partition = reader.var();
    let offset = reader.var();
    const baseTimestamp = reader.var();
    for (let count = reader.var(); count > 0; count--) {
      offset += reader.var();
      const timestamp = baseTimestamp + reader.zigzag();
      const record = { topic, partition, offset, timestamp, ...bytesMember('key', reader.nullableBytes(), false) };
      const value = bytesMember('value', reader.nullableBytes(), true);
      records.push({ ...record, ...value, ...headersMember(reader) });
    }
  }
  return {
    type: 'data',
    id,
    seq,
    ...(pos === null ? {} : { pos }),
    ...(conflated === 0 ? {} : { conflated }),
    records,
  };
}

function decodePublish(id: number, reader: BinaryReader): Record<string, unknown> {
  const topic = reader.text();
  const partition = reader.var() - 1;
  const timestamp = reader.var();
  const mid = reader.nullableText();
  return {
    type: 'pub',
    id,
    topic,
    ...(partition < 0 ? {} : { partition }),
    ...(timestamp === 0 ? {} : { timestamp }),
    ...(mid === null ? {} : { mid }),
    ...bytesMember('key', reader.nullableBytes(), false),
    ...bytesMember('value', reader.nullableBytes(), true),
    ...headersMember(reader),
  };
}

function headersMember(reader: BinaryReader): Record<string, unknown> {
  const headers: Record<string, unknown>[] = [];
  for (let count = reader.var(); count > 0; count--) {
    headers.push({ name: reader.text(), ...bytesMember('value', reader.nullableBytes(), true) });
  }
  return headers.length === 0 ? {} : { headers };
}

/** `name` as text where the bytes are UTF-8, `name_base64` otherwise; null is a member only where `keepNull` says so. */
function bytesMember(name: string, bytes: Uint8Array | null, keepNull: boolean): Record<string, unknown> {
  if (bytes === null) return keepNull ? { [name]: null } : {};
  try {
    return { [name]: new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes) };
  } catch {
    return { [`${name}_base64`]: Buffer.from(bytes).toString('base64') };
  }
}

/** A publish as a client writes it. */
export function encodePublish(frame: {
  readonly id: number;
  readonly topic: string;
  readonly partition?: number;
  readonly timestamp?: number;
  readonly mid?: string;
  readonly key?: string | null;
  readonly key_base64?: string;
  readonly value?: string | null;
  readonly value_base64?: string;
  readonly headers?: readonly FrameHeader[];
}): Buffer {
  const writer = new BinaryWriter();
  writer.u8(2);
  writer.var(frame.id);
  writer.bytes(Buffer.from(frame.topic));
  writer.var(frame.partition === undefined ? 0 : frame.partition + 1);
  writer.var(frame.timestamp ?? 0);
  writer.nullableBytes(frame.mid === undefined ? null : Buffer.from(frame.mid));
  writer.nullableBytes(bytesOf(frame.key, frame.key_base64));
  writer.nullableBytes(bytesOf(frame.value, frame.value_base64));
  writer.var(frame.headers?.length ?? 0);
  for (const { name, value, value_base64: encoded } of frame.headers ?? []) {
    writer.bytes(Buffer.from(name));
    writer.nullableBytes(bytesOf(value, encoded));
  }
  return writer.result();
}

export function encodeAck({ id, seq, window = 0 }: { id: number; seq: number; window?: number }): Buffer {
  const writer = new BinaryWriter();
  writer.u8(4);
  for (const value of [id, seq, window]) writer.var(value);
  return writer.result();
}

export function bytesOf(text: string | null | undefined, base64: string | undefined): Buffer | null {
  if (base64 !== undefined) return Buffer.from(base64, 'base64');
  return text === undefined || text === null ? null : Buffer.from(text);
}
