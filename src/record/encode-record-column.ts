import type { BatchBuffer } from './batch-buffer.ts';
import { type RecordColumn, recordSpan } from './record-column.ts';
import { varintSize, varlongSize, writeVarint, writeVarlong } from './varint.ts';

export interface WrittenRecords {
  readonly count: number;
  /** Position behind the last one. */
  readonly at: number;
  readonly baseTimestampMs: number;
  readonly maxTimestampMs: number;
}

/**
 * What encode.ts does for records, for those of a batch that was read: as many from `from` on as fit below `limit`, with the
 * times they have. Only the two deltas are new; key, value and headers are copied in one piece.
 */
export function writeRecordColumn(
  column: RecordColumn,
  from: number,
  into: BatchBuffer,
  at: number,
  limit: number,
): WrittenRecords {
  const { bytes: source, spans, length } = column;
  const baseTimestampMs = from < length ? column.timestampMs(from) : 0;
  let maxTimestampMs = baseTimestampMs;
  let bytes = into.bytes;
  let index = from;
  for (; index < length; index++) {
    const begin = spans[index * recordSpan.size + recordSpan.key]!;
    const end = spans[index * recordSpan.size + recordSpan.end]!;
    const timestampMs = column.timestampMs(index);
    const timestampDelta = timestampMs - baseTimestampMs;
    const offsetDelta = index - from;
    const bodyBytes = 1 + varlongSize(timestampDelta) + varintSize(offsetDelta) + end - begin;
    const next = at + varintSize(bodyBytes) + bodyBytes;
    if (next > limit) break;
    if (next > bytes.length) {
      into.reserve(next, at);
      bytes = into.bytes;
    }
    at = writeVarint(bytes, bodyBytes, at);
    bytes[at++] = 0;
    at = writeVarlong(bytes, timestampDelta, at);
    at = writeVarint(bytes, offsetDelta, at);
    source.copy(bytes, at, begin, end);
    at = next;
    if (timestampMs > maxTimestampMs) maxTimestampMs = timestampMs;
  }
  return { count: index - from, at, baseTimestampMs, maxTimestampMs };
}
