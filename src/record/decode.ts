import { TributaryError } from '../base/errors.ts';
import type { BatchHeader } from './batch-header.ts';
import type { Codecs } from './codecs.ts';
import { layout, minRecordBytes } from './layout.ts';
import type { ConsumedRecord } from './record.ts';
import { RecordColumn, recordSpan } from './record-column.ts';

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
 * The records of a batch, as they lie in `bytes` (of a compressed batch: in what it was decompressed to): a column that is kept
 * keeps its batch in memory. All of it is checked here, so that looking into the column gives no errors. Control batches hold
 * records too, which are no one's data: look at `header.isControl` first.
 *
 * BATCH_CORRUPT, also where the batch decompresses to more than the bound.
 */
export function decodeColumn(bytes: Buffer, header: BatchHeader, options: DecodeOptions): RecordColumn {
  if (options.checkCrc !== false) checkCrc(bytes, header, options.codecs);
  const recordsAt = header.start + layout.records;
  const { fromOffset = 0 } = options;
  if (header.compression === 'none') return new RecordReader(bytes, recordsAt, header.end, header).readAll(fromOffset);
  const payload = decompress(bytes.subarray(recordsAt, header.end), header, options);
  return new RecordReader(payload, 0, payload.length, header).readAll(fromOffset);
}

/** The same one by one, appended to `into`, which is given back. */
export function decodeRecords(
  bytes: Buffer,
  header: BatchHeader,
  options: DecodeOptions,
  into: ConsumedRecord[] = [],
): ConsumedRecord[] {
  const column = decodeColumn(bytes, header, options);
  for (let index = 0; index < column.length; index++) into.push(column.record(index));
  return into;
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

  readAll(fromOffset: number): RecordColumn {
    const { recordCount } = this.#header;
    if (recordCount * minRecordBytes > this.#end - this.#at)
      throw this.#corrupt(`it cannot hold ${recordCount} records`);
    const spans = new Int32Array(recordCount * recordSpan.size);
    let count = 0;
    let longest = 0;
    for (let index = 0; index < recordCount; index++) {
      const length = this.#varint();
      const recordEnd = this.#at + length;
      if (length < minRecordBytes - 1 || recordEnd > this.#end)
        throw this.#corrupt(`record ${index} has a length of ${length}`);
      const isWanted = this.#record(recordEnd, fromOffset, spans, count * recordSpan.size);
      if (this.#at !== recordEnd) throw this.#corrupt(`record ${index} does not end where its length says`);
      if (!isWanted) continue;
      count++;
      if (length > longest) longest = length;
    }
    if (this.#at !== this.#end) throw this.#corrupt(`${this.#end - this.#at} bytes follow its last record`);
    return new RecordColumn(this.#bytes, spans, count, longest, this.#header);
  }

  /** False, and the rest of the record passed over, where it stands below `fromOffset`. */
  #record(recordEnd: number, fromOffset: number, spans: Int32Array, span: number): boolean {
    const begin = this.#at++; // attributes, unused
    this.#varlong();
    const offset = this.#header.baseOffset + this.#varint();
    if (offset < fromOffset) {
      this.#at = recordEnd;
      return false;
    }
    spans[span + recordSpan.begin] = begin;
    spans[span + recordSpan.key] = this.#at;
    this.#field(recordEnd);
    const length = this.#field(recordEnd);
    spans[span + recordSpan.value] = length < 0 ? this.#at : this.#at - length;
    spans[span + recordSpan.valueEnd] = length < 0 ? this.#at - 1 : this.#at;
    this.#headers(recordEnd);
    spans[span + recordSpan.end] = recordEnd;
    return true;
  }

  #headers(recordEnd: number): void {
    const count = this.#varint();
    if (count === 0) return;
    if (count < 0 || count * 2 > recordEnd - this.#at) throw this.#corrupt(`a record cannot hold ${count} headers`);
    for (let index = 0; index < count; index++) {
      if (this.#field(recordEnd) < 0) throw this.#corrupt('a header has no key');
      this.#field(recordEnd);
    }
  }

  /** Passes over a length and so many bytes; gives the length, which is negative for null. */
  #field(recordEnd: number): number {
    const length = this.#varint();
    if (length < 0) return -1;
    if (length > recordEnd - this.#at) throw this.#corrupt(`a field of ${length} bytes passes the end of its record`);
    this.#at += length;
    return length;
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

  /** Passes over a number of up to 64 bits. */
  #varlong(): void {
    const bytes = this.#bytes;
    for (let left = 10; left > 0; left--) if (bytes[this.#at++]! < 0x80) return;
    throw this.#corrupt('a timestamp has more than ten bytes');
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
