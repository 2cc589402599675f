import { TributaryError } from '../base/errors.ts';
import { type CompressionName, compressionNames } from './codecs.ts';
import { attributeBits, batchHeaderBytes, layout, lengthFieldEnd, readInt64 } from './layout.ts';

/** What stands before the records of a batch. */
export interface BatchHeader {
  /** First byte of the batch in the buffer it was read from. */
  readonly start: number;
  /** Behind its last byte. */
  readonly end: number;
  readonly baseOffset: number;
  /** Compaction may have removed the record at this offset, or all of them. */
  readonly lastOffset: number;
  readonly partitionLeaderEpoch: number;
  readonly crc: number;
  readonly compression: CompressionName;
  /** `append`: the broker set the time, `maxTimestampMs`, for every record. */
  readonly timestampType: 'create' | 'append';
  readonly isTransactional: boolean;
  readonly isControl: boolean;
  /** -1: the producer was not idempotent. */
  readonly producerId: number;
  readonly producerEpoch: number;
  readonly baseSequence: number;
  readonly recordCount: number;
  readonly baseTimestampMs: number;
  readonly maxTimestampMs: number;
}

/**
 * Reads the header of the batch that starts at `start` and checks that the whole batch is there. BATCH_TRUNCATED where
 * the bytes end before the batch does, BATCH_UNSUPPORTED for the formats before Kafka 0.11 and those after v2,
 * BATCH_CORRUPT where a field cannot be right. The checksum is not looked at: see decode.ts.
 */
export function readBatchHeader(bytes: Buffer, start = 0): BatchHeader {
  if (bytes.length - start <= layout.magic) throw truncated(bytes, start, batchHeaderBytes);
  checkMagic(bytes.readInt8(start + layout.magic), start);
  const length = bytes.readInt32BE(start + layout.length);
  if (length < batchHeaderBytes - lengthFieldEnd) throw corrupt(start, `its length is ${length}`);
  const end = start + lengthFieldEnd + length;
  if (end > bytes.length) throw truncated(bytes, start, end - start);

  const attributes = bytes.readInt16BE(start + layout.attributes);
  const compression = compressionNames[attributes & attributeBits.compression];
  if (compression === undefined) {
    const number = attributes & attributeBits.compression;
    throw new TributaryError(
      'BATCH_UNSUPPORTED',
      `Cannot read the batch at byte ${start}: compression ${number} is unknown`,
    );
  }
  const baseOffset = readInt64(bytes, start + layout.baseOffset);
  const lastOffsetDelta = bytes.readInt32BE(start + layout.lastOffsetDelta);
  const recordCount = bytes.readInt32BE(start + layout.recordCount);
  if (!Number.isSafeInteger(baseOffset) || baseOffset < 0) throw corrupt(start, `its first offset is ${baseOffset}`);
  if (lastOffsetDelta < 0) throw corrupt(start, `its last offset delta is ${lastOffsetDelta}`);
  if (recordCount < 0) throw corrupt(start, `its record count is ${recordCount}`);
  return {
    start,
    end,
    baseOffset,
    lastOffset: baseOffset + lastOffsetDelta,
    partitionLeaderEpoch: bytes.readInt32BE(start + layout.partitionLeaderEpoch),
    crc: bytes.readUInt32BE(start + layout.crc),
    compression,
    timestampType: (attributes & attributeBits.logAppendTime) === 0 ? 'create' : 'append',
    isTransactional: (attributes & attributeBits.transactional) !== 0,
    isControl: (attributes & attributeBits.control) !== 0,
    producerId: readInt64(bytes, start + layout.producerId),
    producerEpoch: bytes.readInt16BE(start + layout.producerEpoch),
    baseSequence: bytes.readInt32BE(start + layout.baseSequence),
    recordCount,
    baseTimestampMs: readInt64(bytes, start + layout.baseTimestamp),
    maxTimestampMs: readInt64(bytes, start + layout.maxTimestamp),
  };
}

/**
 * The whole batches of a buffer, in order. A Fetch answer is cut at its size limit, so a last batch that is not all there
 * ends the iteration without an error; the generator's return value is where the whole batches end.
 */
export function* readBatchHeaders(bytes: Buffer, from = 0): Generator<BatchHeader, number> {
  let at = from;
  while (hasWholeBatch(bytes, at)) {
    const header = readBatchHeader(bytes, at);
    yield header;
    at = header.end;
  }
  return at;
}

/** Bytes of the batch that starts here as its length field says, undefined while that field is not there yet. */
export function batchSizeAt(bytes: Buffer, at: number): number | undefined {
  return bytes.length - at < lengthFieldEnd ? undefined : lengthFieldEnd + bytes.readInt32BE(at + layout.length);
}

function hasWholeBatch(bytes: Buffer, at: number): boolean {
  const size = batchSizeAt(bytes, at);
  return size !== undefined && bytes.length - at > layout.magic && size <= bytes.length - at;
}

function checkMagic(magic: number, start: number): void {
  if (magic === 2) return;
  const name = magic === 0 || magic === 1 ? `v${magic}, of Kafka before 0.11` : `v${magic}`;
  throw new TributaryError(
    'BATCH_UNSUPPORTED',
    `Cannot read the batch at byte ${start}: its message format is ${name}, must be v2`,
  );
}

function truncated(bytes: Buffer, start: number, wanted: number): TributaryError {
  const has = Math.max(bytes.length - start, 0);
  return new TributaryError(
    'BATCH_TRUNCATED',
    `Cannot read the batch at byte ${start}: ${has} bytes are there, must be ${wanted}`,
  );
}

function corrupt(start: number, problem: string): TributaryError {
  return new TributaryError('BATCH_CORRUPT', `Cannot read the batch at byte ${start}: ${problem}`);
}
