/**
 * Positions: what a client shows to continue (PROTOCOL.md, section 5). Text that is opaque to clients; it holds the next
 * offset of each partition and no authority. What is not exactly what `encodePosition` writes is refused, never guessed.
 */
import { crc32c } from '../../record/crc32c.ts';
import { BinaryReader, BinaryWriter } from './binary.ts';
import { isTopicName } from './names.ts';

export interface TopicPosition {
  /** First four bytes of the topic's id, 8 hexadecimal digits; `00000000` where the broker gives none. */
  readonly tag: string;
  /** By partition: the next offset to read; null where the partition is not part of it. */
  readonly next: readonly (number | null)[];
}

export type Position = ReadonlyMap<string, TopicPosition>;

export const noTag = '00000000';

const version = 1;

export function encodePosition(position: Position): string {
  const writer = new BinaryWriter();
  writer.u8(version);
  writer.var(position.size);
  for (const topic of [...position.keys()].sort()) {
    const { tag, next } = position.get(topic)!;
    writer.bytes(Buffer.from(topic));
    writer.raw(Buffer.from(tag, 'hex'));
    writer.var(next.length);
    for (const offset of next) writer.var(offset === null ? 0 : offset + 1);
  }
  const body = writer.result();
  const sum = Buffer.alloc(4);
  sum.writeUInt32BE(crc32c(body));
  return Buffer.concat([body, sum]).toString('base64url');
}

/** Undefined for what is not a position. */
export function decodePosition(text: string): Position | undefined {
  const all = Buffer.from(text, 'base64url');
  if (all.length < 6 || all.toString('base64url') !== text) return undefined;
  const body = all.subarray(0, -4);
  if (crc32c(body) !== all.readUInt32BE(body.length)) return undefined;
  try {
    return readBody(new BinaryReader(body));
  } catch {
    return undefined;
  }
}

function readBody(reader: BinaryReader): Position | undefined {
  if (reader.u8() !== version) return undefined;
  const position = new Map<string, TopicPosition>();
  let last = '';
  for (let topics = reader.var(); topics > 0; topics--) {
    const topic = reader.text();
    if (!isTopicName(topic) || topic <= last) return undefined;
    last = topic;
    const tag = Buffer.from(reader.raw(4)).toString('hex');
    const next: (number | null)[] = [];
    for (let partitions = reader.var(); partitions > 0; partitions--) {
      const value = reader.var();
      next.push(value === 0 ? null : value - 1);
    }
    position.set(topic, { tag, next });
  }
  return reader.atEnd ? position : undefined;
}

/** The tag of a topic id in its 36-character form. */
export function tagOf(topicId: string): string {
  const digits = topicId.replaceAll('-', '').slice(0, 8).toLowerCase();
  return /^[0-9a-f]{8}$/.test(digits) ? digits : noTag;
}
