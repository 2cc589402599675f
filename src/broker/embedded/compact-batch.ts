/** Takes records out of a stored batch. Offsets, times and the producer of what stays do not change. */
import { type BatchHeader, readBatchHeader } from '../../record/batch-header.ts';
import type { Codecs } from '../../record/codecs.ts';
import { decodeRecords, defaultMaxDecompressedBytes } from '../../record/decode.ts';
import { batchHeaderBytes, layout, lengthFieldEnd } from '../../record/layout.ts';
import { sealBatch } from '../../record/patch.ts';
import type { ConsumedRecord } from '../../record/record.ts';
import { readVarlong, varlongLength } from '../../record/varint.ts';

/**
 * The batch without the records that `keep` refuses: null where none stays, 'unchanged' where all do. A record is copied as
 * it is stored, length and all, so nothing about it can be lost on the way. BATCH_CORRUPT, BATCH_TRUNCATED.
 */
export function compactBatch(
  bytes: Buffer,
  keep: (record: ConsumedRecord) => boolean,
  codecs: Codecs,
): Buffer | null | 'unchanged' {
  const header = readBatchHeader(bytes);
  const records = decodeRecords(bytes, header, { codecs });
  const isKept = records.map(keep);
  if (!isKept.includes(false)) return 'unchanged';
  if (!isKept.includes(true)) return null;
  return withRecords(bytes, header, isKept, codecs);
}

function withRecords(bytes: Buffer, header: BatchHeader, isKept: readonly boolean[], codecs: Codecs): Buffer {
  const payload = plainPayload(bytes, header, codecs);
  const kept: Buffer[] = [];
  let at = 0;
  for (const isThisKept of isKept) {
    // decodeRecords has walked over the same bytes and found each length right.
    const end = at + varlongLength(payload, at) + (readVarlong(payload, at) ?? 0);
    if (isThisKept) kept.push(payload.subarray(at, end));
    at = end;
  }
  const stored = codecs.compress(header.compression, Buffer.concat(kept));
  const batch = Buffer.concat([bytes.subarray(0, batchHeaderBytes), stored]);
  batch.writeInt32BE(batch.length - lengthFieldEnd, layout.length);
  batch.writeInt32BE(kept.length, layout.recordCount);
  sealBatch(batch, 0, codecs);
  return batch;
}

function plainPayload(bytes: Buffer, header: BatchHeader, codecs: Codecs): Buffer {
  const stored = bytes.subarray(header.start + batchHeaderBytes, header.end);
  if (header.compression === 'none') return stored;
  const plain = codecs.decompress(header.compression, stored, defaultMaxDecompressedBytes);
  return Buffer.from(plain.buffer, plain.byteOffset, plain.length);
}
