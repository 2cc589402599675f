import type { BatchBuffer } from './batch-buffer.ts';
import type { ValueColumn } from './value-column.ts';
import { varintSize, varlongSize, writeVarint, writeVarlong } from './varint.ts';

/** Attributes, no key, no headers: one byte each. */
const fixedBytes = 3;

export interface WrittenValues {
  readonly count: number;
  /** Position behind the last one. */
  readonly at: number;
  readonly baseTimestampMs: number;
  readonly maxTimestampMs: number;
}

/**
 * What encode.ts does for records, for a column: writes as many values from `from` on as fit below `limit`, each as a
 * record, with `nowMs` as its time where it has none. The bytes are the same as those of `[...column]`.
 */
export function writeColumn(
  column: ValueColumn,
  from: number,
  into: BatchBuffer,
  at: number,
  limit: number,
  nowMs: number,
): WrittenValues {
  const { bytes: source, spans, length, times } = column;
  const baseTimestampMs = times?.[from] ?? nowMs;
  let maxTimestampMs = baseTimestampMs;
  let bytes = into.bytes;
  let index = from;
  for (; index < length; index++) {
    const begin = spans[index * 2]!;
    const end = spans[index * 2 + 1]!;
    const valueBytes = end - begin;
    const offsetDelta = index - from;
    const timestampDelta = times === undefined ? 0 : times[index]! - baseTimestampMs;
    const timeBytes = timestampDelta === 0 ? 1 : varlongSize(timestampDelta);
    const bodyBytes = fixedBytes + timeBytes + varintSize(offsetDelta) + varintSize(valueBytes) + valueBytes;
    const next = at + varintSize(bodyBytes) + bodyBytes;
    if (next > limit) break;
    if (next > bytes.length) {
      into.reserve(next, at);
      bytes = into.bytes;
    }
    at = writeVarint(bytes, bodyBytes, at);
    bytes[at++] = 0;
    if (timestampDelta === 0) bytes[at++] = 0;
    else {
      at = writeVarlong(bytes, timestampDelta, at);
      if (baseTimestampMs + timestampDelta > maxTimestampMs) maxTimestampMs = baseTimestampMs + timestampDelta;
    }
    at = writeVarint(bytes, offsetDelta, at);
    bytes[at++] = 1; // zigzag of -1: no key
    at = writeVarint(bytes, valueBytes, at);
    source.copy(bytes, at, begin, end);
    at += valueBytes;
    bytes[at++] = 0;
  }
  return { count: index - from, at, baseTimestampMs, maxTimestampMs };
}
