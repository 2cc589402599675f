import { TributaryError } from '../base/errors.ts';
import type { BatchHeader } from './batch-header.ts';
import type { Codecs } from './codecs.ts';
import { layout, minRecordBytes } from './layout.ts';
import { type ConsumedRecord, type Header, noHeaders } from './record.ts';
import { readVarlong, varlongLength } from './varint.ts';

export interface DecodeOptions {
  readonly codecs: Codecs;
  /** Records below this offset are skipped: a broker answers with whole batches. */
  readonly fromOffset?: number;
  /** Default true. False where the bytes were checked already. */
  readonly checkCrc?: boolean;
  /** Bound of what a compressed batch may become, default 64 MiB. */
  readonly maxDecompressedBytes?: number;
}

export const defaultMaxDecompressedBytes: number = 64 * 1024 * 1024;

/**
 * Appends the records of a batch to `into` and gives it back. Keys, values and header values are views into `bytes` (of
 * a compressed batch: into what it was decompressed to), so a record that is kept keeps its batch in memory. Control
 * batches hold records too, which are no one's data: look at `header.isControl` first.
 *
 * BATCH_CORRUPT, also where the batch decompresses to more than the bound.
 */
export function decodeRecords(
  bytes: Buffer,
  header: BatchHeader,
  options: DecodeOptions,
  into: ConsumedRecord[] = [],
): ConsumedRecord[] {
  if (options.checkCrc !== false) checkCrc(bytes, header, options.codecs);
  const recordsAt = header.start + layout.records;
  if (header.compression === 'none') {
    return new RecordReader(bytes, recordsAt, header.end, header).readAll(options.fromOffset ?? 0, into);
  }
  const payload = decompress(bytes.subarray(recordsAt, header.end), header, options);
  return new RecordReader(payload, 0, payload.length, header).readAll(options.fromOffset ?? 0, into);
}

/** BATCH_CORRUPT where the checksum is not that of the bytes. */
export function checkCrc(bytes: Buffer, header: BatchHeader, codecs: Codecs): void {
  const crc = codecs.crc32c(bytes.subarray(header.start + layout.attributes, header.end));
  if (crc === header.crc) return;
  throw corrupt(header, `its checksum is ${hex(header.crc)}, but its bytes have ${hex(crc)}`);
}

/**
 * Walks over the records of a batch. Only a record's own end is checked before it is read; a length inside that points
 * beyond it shows when the record does not end where it said. That leaves the loop with one comparison a field.
 */
class RecordReader {
  readonly #bytes: Buffer;
  readonly #header: BatchHeader;
  readonly #end: number;
  #at: number;

  constructor(bytes: Buffer, at: number, end: number, header: BatchHeader) {
    this.#bytes = bytes;
    this.#at = at;
    this.#end = end;
    this.#header = header;
  }

  readAll(fromOffset: number, into: ConsumedRecord[]): ConsumedRecord[] {
    const { recordCount } = this.#header;
    if (recordCount * minRecordBytes > this.#end - this.#at)
      throw this.#corrupt(`it cannot hold ${recordCount} records`);
    for (let index = 0; index < recordCount; index++) {
      const length = this.#varint();
      const recordEnd = this.#at + length;
      if (length < minRecordBytes - 1 || recordEnd > this.#end)
        throw this.#corrupt(`record ${index} has a length of ${length}`);
      const record = this.#record(recordEnd, fromOffset);
      if (this.#at !== recordEnd) throw this.#corrupt(`record ${index} does not end where its length says`);
      if (record !== undefined) into.push(record);
    }
    if (this.#at !== this.#end) throw this.#corrupt(`${this.#end - this.#at} bytes follow its last record`);
    return into;
  }

  /** Undefined, and the rest of the record passed over, where it stands below `fromOffset`. */
  #record(recordEnd: number, fromOffset: number): ConsumedRecord | undefined {
    const header = this.#header;
    this.#at++; // attributes, unused
    const timestampDelta = this.#varlong();
    const offset = header.baseOffset + this.#varint();
    if (offset < fromOffset) {
      this.#at = recordEnd;
      return undefined;
    }
    return {
      offset,
      timestampMs: header.timestampType === 'append' ? header.maxTimestampMs : header.baseTimestampMs + timestampDelta,
      key: this.#nullableBytes(recordEnd),
      value: this.#nullableBytes(recordEnd),
      headers: this.#headers(recordEnd),
    };
  }

  #headers(recordEnd: number): readonly Header[] {
    const count = this.#varint();
    if (count === 0) return noHeaders;
    if (count < 0 || count * 2 > recordEnd - this.#at) throw this.#corrupt(`a record cannot hold ${count} headers`);
    const headers = new Array<Header>(count);
    for (let index = 0; index < count; index++) {
      const key = this.#nullableBytes(recordEnd);
      if (key === null) throw this.#corrupt('a header has no key');
      headers[index] = { key: key.toString(), value: this.#nullableBytes(recordEnd) };
    }
    return headers;
  }

  #nullableBytes(recordEnd: number): Buffer | null {
    const length = this.#varint();
    if (length < 0) return null;
    const start = this.#at;
    if (length > recordEnd - start) throw this.#corrupt(`a field of ${length} bytes passes the end of its record`);
    this.#at = start + length;
    return this.#bytes.subarray(start, start + length);
  }

  /** An int32. The first two bytes, which hold all up to 8191, are read without the loop. */
  #varint(): number {
    const bytes = this.#bytes;
    let byte = bytes[this.#at++]!;
    if (byte < 0x80) return (byte >>> 1) ^ -(byte & 1);
    let zigzag = byte & 0x7f;
    byte = bytes[this.#at++]!;
    if (byte < 0x80) {
      zigzag |= byte << 7;
      return (zigzag >>> 1) ^ -(zigzag & 1);
    }
    zigzag |= (byte & 0x7f) << 7;
    for (let shift = 14; shift < 35; shift += 7) {
      byte = bytes[this.#at++]!;
      zigzag |= (byte & 0x7f) << shift;
      if (byte < 0x80) return (zigzag >>> 1) ^ -(zigzag & 1);
    }
    throw this.#corrupt('a number has more than five bytes');
  }

  #varlong(): number {
    const byte = this.#bytes[this.#at]!;
    if (byte < 0x80) {
      this.#at++;
      return (byte >>> 1) ^ -(byte & 1);
    }
    const value = readVarlong(this.#bytes, this.#at);
    if (value === undefined) throw this.#corrupt('a timestamp has more than ten bytes');
    this.#at += varlongLength(this.#bytes, this.#at);
    return value;
  }

  #corrupt(problem: string): TributaryError {
    return corrupt(this.#header, problem);
  }
}

function decompress(bytes: Buffer, header: BatchHeader, options: DecodeOptions): Buffer {
  const maxBytes = options.maxDecompressedBytes ?? defaultMaxDecompressedBytes;
  try {
    const plain = options.codecs.decompress(header.compression, bytes, maxBytes);
    return Buffer.from(plain.buffer, plain.byteOffset, plain.length);
  } catch (error) {
    throw corrupt(header, `its ${header.compression} content cannot be decompressed`, error);
  }
}

function corrupt(header: BatchHeader, problem: string, cause?: unknown): TributaryError {
  return new TributaryError('BATCH_CORRUPT', `Cannot read the batch at offset ${header.baseOffset}: ${problem}`, {
    cause,
  });
}

function hex(crc: number): string {
  return `0x${crc.toString(16).padStart(8, '0')}`;
}
