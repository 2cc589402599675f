/**
 * Records of one batch as they lie in it. An object with two views for each record costs 200 bytes of heap and a tenth of a
 * microsecond before anybody has looked at a value; here a record is five numbers, and what else is asked for is made then.
 */
import type { BatchHeader } from './batch-header.ts';
import { type ConsumedRecord, type Header, noHeaders } from './record.ts';
import { readVarlong, varlongLength } from './varint.ts';

/** What stands in `spans` for each record: places in `bytes`. */
export const recordSpan = {
  /** The attributes, behind the record's own length. */
  begin: 0,
  /** The length of the key; key, value and headers follow up to the end. */
  key: 1,
  value: 2,
  /** Behind the value; one before its begin where it is null. */
  valueEnd: 3,
  end: 4,
  /** Numbers a record. */
  size: 5,
} as const;

/** Everything in it was checked when it was made (decode.ts). */
export class RecordColumn implements Iterable<ConsumedRecord> {
  /** The batch, or what it was decompressed to. Holds more than the records. */
  readonly bytes: Buffer;
  readonly spans: Int32Array;
  /** Number of records. */
  readonly length: number;
  /** No record takes more bytes. */
  readonly longest: number;
  readonly #header: BatchHeader;

  constructor(bytes: Buffer, spans: Int32Array, length: number, longest: number, header: BatchHeader) {
    this.bytes = bytes;
    this.spans = spans;
    this.length = length;
    this.longest = longest;
    this.#header = header;
  }

  /** Sum of the sizes of the records. */
  get dataBytes(): number {
    const { spans } = this;
    let sum = 0;
    for (let at = 0; at < this.length * recordSpan.size; at += recordSpan.size)
      sum += spans[at + recordSpan.end]! - spans[at + recordSpan.begin]!;
    return sum;
  }

  offset(index: number): number {
    const at = this.#timestampAt(index);
    return this.#header.baseOffset + readShort(this.bytes, at + lengthOf(this.bytes, at));
  }

  timestampMs(index: number): number {
    const { timestampType, maxTimestampMs, baseTimestampMs } = this.#header;
    if (timestampType === 'append') return maxTimestampMs;
    return baseTimestampMs + readShort(this.bytes, this.#timestampAt(index));
  }

  key(index: number): Buffer | null {
    const { bytes } = this;
    const at = this.spans[index * recordSpan.size + recordSpan.key]!;
    const length = readShort(bytes, at);
    if (length < 0) return null;
    const begin = at + lengthOf(bytes, at);
    return bytes.subarray(begin, begin + length);
  }

  value(index: number): Buffer | null {
    const at = index * recordSpan.size;
    const begin = this.spans[at + recordSpan.value]!;
    const end = this.spans[at + recordSpan.valueEnd]!;
    return end < begin ? null : this.bytes.subarray(begin, end);
  }

  headers(index: number): readonly Header[] {
    const { bytes, spans } = this;
    const span = index * recordSpan.size;
    let at = Math.max(spans[span + recordSpan.value]!, spans[span + recordSpan.valueEnd]!);
    if (bytes[at] === 0) return noHeaders;
    const read = (): number => {
      const value = readShort(bytes, at);
      at += lengthOf(bytes, at);
      return value;
    };
    const field = (): Buffer | null => {
      const length = read();
      if (length < 0) return null;
      at += length;
      return bytes.subarray(at - length, at);
    };
    return Array.from({ length: read() }, () => ({ key: field()!.toString(), value: field() }));
  }

  record(index: number): ConsumedRecord {
    return {
      offset: this.offset(index),
      timestampMs: this.timestampMs(index),
      key: this.key(index),
      value: this.value(index),
      headers: this.headers(index),
    };
  }

  /** A part of it over the same memory. */
  slice(from: number, to: number = this.length): RecordColumn {
    const end = Math.min(to, this.length);
    const spans = this.spans.subarray(from * recordSpan.size, end * recordSpan.size);
    return new RecordColumn(this.bytes, spans, Math.max(end - from, 0), this.longest, this.#header);
  }

  /** The records one by one, made as they are asked for. */
  *[Symbol.iterator](): Generator<ConsumedRecord> {
    for (let index = 0; index < this.length; index++) yield this.record(index);
  }

  #timestampAt(index: number): number {
    return this.spans[index * recordSpan.size + recordSpan.begin]! + 1;
  }
}

/** A number that is there. The first two bytes, which hold all up to 8191, are read without the loop. */
function readShort(bytes: Buffer, at: number): number {
  const first = bytes[at]!;
  if (first < 0x80) return (first >>> 1) ^ -(first & 1);
  const second = bytes[at + 1]!;
  let zigzag = (first & 0x7f) | ((second & 0x7f) << 7);
  if (second < 0x80) return (zigzag >>> 1) ^ -(zigzag & 1);
  for (let shift = 14; shift < 28; shift += 7) {
    at++;
    const byte = bytes[at + 1]!;
    zigzag |= (byte & 0x7f) << shift;
    if (byte < 0x80) return (zigzag >>> 1) ^ -(zigzag & 1);
  }
  return readVarlong(bytes, at - 2)!;
}

function lengthOf(bytes: Buffer, at: number): number {
  if (bytes[at]! < 0x80) return 1;
  return bytes[at + 1]! < 0x80 ? 2 : varlongLength(bytes, at);
}
