import { TributaryError } from '../base/errors.ts';
import type { BatchBuffer } from './batch-buffer.ts';
import { type Codecs, type CompressionName, compressionNames } from './codecs.ts';
import { writeColumn } from './encode-column.ts';
import { writeRecordColumn } from './encode-record-column.ts';
import { attributeBits, batchHeaderBytes, layout, lengthFieldEnd, writeInt64 } from './layout.ts';
import type { Header, ProduceRecord } from './record.ts';
import { RecordColumn } from './record-column.ts';
import { asList, type Records, ValueColumn } from './value-column.ts';
import { varintSize, varlongSize, writeVarint, writeVarlong } from './varint.ts';
import { WholeBatch } from './whole-batch.ts';

export interface EncodeOptions {
  readonly codecs: Codecs;
  /** Bound of the encoded batch before compression, its header included. */
  readonly maxBytes: number;
  /** Timestamp of records that have none. */
  readonly nowMs: number;
  /** Default none. A batch that compression would make larger than `maxBytes` is stored without. */
  readonly compression?: CompressionName;
  /** Default 0, as a producer sends it: the broker sets it. */
  readonly baseOffset?: number;
  /** Default -1: not idempotent. */
  readonly producerId?: number | bigint;
  readonly producerEpoch?: number;
  readonly baseSequence?: number;
  readonly isTransactional?: boolean;
}

export interface EncodedBatch {
  /** Where it stands in the buffer it was appended to. */
  readonly start: number;
  readonly end: number;
  /** Records taken, from `from` on. */
  readonly count: number;
}

/**
 * Appends one batch to `into`, holding as many of `records[from..]` as `maxBytes` allows. RECORD_TOO_LARGE where not even
 * the first fits; `into` is then as it was.
 *
 * The trick is in what is not done: a record's size is added up first, from lengths alone, so that everything is
 * written once, straight to its place, and nothing is allocated for a record.
 */
export function encodeBatch(records: Records, from: number, into: BatchBuffer, options: EncodeOptions): EncodedBatch {
  const { maxBytes, nowMs, compression = 'none' } = options;
  const start = into.length;
  if (records instanceof WholeBatch) {
    const isAsItIs = from === 0 && compression === 'none' && records.bytes.length <= maxBytes;
    if (!isAsItIs) return encodeBatch(records.column, from, into, options);
    into.reserve(start + records.bytes.length);
    records.copyTo(into.bytes, start, options, options.codecs);
    into.length = start + records.bytes.length;
    return { start, end: into.length, count: records.length };
  }
  const first = start + batchHeaderBytes;
  const limit = start + maxBytes;
  into.reserve(first);
  const { count, at, baseTimestampMs, maxTimestampMs } = writeAny(records, from, into, first, limit, nowMs);
  if (count === 0) throw nothingFits(records, from, maxBytes, nowMs);
  const stored = compressRecords(into, first, at, limit, options);
  writeHeader(into, start, count, stored, baseTimestampMs, maxTimestampMs, options);
  return { start, end: into.length, count };
}

function writeAny(
  records: Exclude<Records, WholeBatch>,
  from: number,
  into: BatchBuffer,
  at: number,
  limit: number,
  nowMs: number,
) {
  if (records instanceof RecordColumn) return writeRecordColumn(records, from, into, at, limit);
  if (!(records instanceof ValueColumn)) return writeRecords(records, from, into, at, limit, nowMs);
  return writeColumn(records, from, into, at, limit, nowMs);
}

function writeRecords(
  records: readonly ProduceRecord[],
  from: number,
  into: BatchBuffer,
  at: number,
  limit: number,
  nowMs: number,
) {
  const baseTimestampMs = records[from]?.timestampMs ?? nowMs;
  let maxTimestampMs = baseTimestampMs;
  let bytes = into.bytes;
  let index = from;
  for (; index < records.length; index++) {
    const record = records[index]!;
    const timestampMs = record.timestampMs ?? nowMs;
    const timestampDelta = timestampMs - baseTimestampMs;
    const offsetDelta = index - from;
    const bodyBytes = recordBodyBytes(record, timestampDelta, offsetDelta);
    const end = at + varintSize(bodyBytes) + bodyBytes;
    if (end > limit) break;
    if (end > bytes.length) {
      into.reserve(end, at);
      bytes = into.bytes;
    }
    at = writeRecord(bytes, at, bodyBytes, record, timestampDelta, offsetDelta);
    if (timestampMs > maxTimestampMs) maxTimestampMs = timestampMs;
  }
  return { count: index - from, at, baseTimestampMs, maxTimestampMs };
}

/** Bytes of a batch that holds this record alone, before compression. */
export function batchBytesOf(record: ProduceRecord): number {
  const body = recordBodyBytes(record, 0, 0);
  return batchHeaderBytes + varintSize(body) + body;
}

function recordBodyBytes(record: ProduceRecord, timestampDelta: number, offsetDelta: number): number {
  const { key, value, headers } = record;
  // 1: the attributes of a record, which no version of Kafka uses
  let size = 1 + varlongSize(timestampDelta) + varintSize(offsetDelta) + varintSize(headers.length);
  size += key === null ? 1 : varintSize(key.length) + key.length;
  size += value === null ? 1 : varintSize(value.length) + value.length;
  return headers.length === 0 ? size : size + headerBytes(headers);
}

function writeRecord(
  bytes: Buffer,
  at: number,
  bodyBytes: number,
  record: ProduceRecord,
  timestampDelta: number,
  offsetDelta: number,
): number {
  at = writeVarint(bytes, bodyBytes, at);
  bytes[at++] = 0;
  at = writeVarlong(bytes, timestampDelta, at);
  at = writeVarint(bytes, offsetDelta, at);
  at = writeBytes(bytes, record.key, at);
  at = writeBytes(bytes, record.value, at);
  at = writeVarint(bytes, record.headers.length, at);
  return record.headers.length === 0 ? at : writeHeaders(bytes, record.headers, at);
}

function writeBytes(bytes: Buffer, value: Uint8Array | null, at: number): number {
  if (value === null) {
    bytes[at] = 1; // zigzag of -1
    return at + 1;
  }
  at = writeVarint(bytes, value.length, at);
  bytes.set(value, at);
  return at + value.length;
}

function headerBytes(headers: readonly Header[]): number {
  let size = 0;
  for (const { key, value } of headers) {
    const keyBytes = Buffer.byteLength(key);
    size += varintSize(keyBytes) + keyBytes + (value === null ? 1 : varintSize(value.length) + value.length);
  }
  return size;
}

function writeHeaders(bytes: Buffer, headers: readonly Header[], at: number): number {
  for (const { key, value } of headers) {
    at = writeVarint(bytes, Buffer.byteLength(key), at);
    at += bytes.write(key, at);
    at = writeBytes(bytes, value, at);
  }
  return at;
}

/** Compresses what stands from `at` to `end` in place and sets the buffer's length. */
function compressRecords(
  into: BatchBuffer,
  at: number,
  end: number,
  limit: number,
  options: EncodeOptions,
): CompressionName {
  into.length = end;
  const { codecs, compression = 'none' } = options;
  if (compression === 'none') return 'none';
  const compressed = codecs.compress(compression, into.view(at, end));
  if (at + compressed.length > limit) return 'none';
  into.reserve(at + compressed.length, at);
  into.bytes.set(compressed, at);
  into.length = at + compressed.length;
  return compression;
}

function writeHeader(
  into: BatchBuffer,
  start: number,
  count: number,
  compression: CompressionName,
  baseTimestampMs: number,
  maxTimestampMs: number,
  options: EncodeOptions,
): void {
  const { bytes, length: end } = into;
  const attributes =
    compressionNames.indexOf(compression) | (options.isTransactional === true ? attributeBits.transactional : 0);
  writeInt64(bytes, options.baseOffset ?? 0, start + layout.baseOffset);
  bytes.writeInt32BE(end - start - lengthFieldEnd, start + layout.length);
  bytes.writeInt32BE(-1, start + layout.partitionLeaderEpoch);
  bytes.writeInt8(2, start + layout.magic);
  bytes.writeInt16BE(attributes, start + layout.attributes);
  bytes.writeInt32BE(count - 1, start + layout.lastOffsetDelta);
  writeInt64(bytes, baseTimestampMs, start + layout.baseTimestamp);
  writeInt64(bytes, maxTimestampMs, start + layout.maxTimestamp);
  writeInt64(bytes, Number(options.producerId ?? -1), start + layout.producerId);
  bytes.writeInt16BE(options.producerEpoch ?? -1, start + layout.producerEpoch);
  bytes.writeInt32BE(options.baseSequence ?? -1, start + layout.baseSequence);
  bytes.writeInt32BE(count, start + layout.recordCount);
  bytes.writeUInt32BE(options.codecs.crc32c(bytes.subarray(start + layout.attributes, end)), start + layout.crc);
}

function nothingFits(records: Records, from: number, maxBytes: number, nowMs: number): TributaryError {
  const [record] = asList(records.slice(from, from + 1));
  if (record === undefined)
    return new TributaryError('INTERNAL', `Cannot encode a batch of no records (from ${from} of ${records.length})`);
  const size = batchBytesOf({ ...record, timestampMs: record.timestampMs ?? nowMs });
  return new TributaryError(
    'RECORD_TOO_LARGE',
    `Cannot store a record of ${size} bytes in a batch: must be at most ${maxBytes}`,
  );
}
