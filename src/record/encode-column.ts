import type { BatchBuffer } from './batch-buffer.ts';
import type { ValueColumn } from './value-column.ts';
import { varintSize, writeVarint } from './varint.ts';

/** Attributes, delta of the time, no key, no headers: one byte each. */
const fixedBytes = 4;

export interface WrittenValues {
  readonly count: number;
  /** Position behind the last one. */
  readonly at: number;
}

/**
 * What encode.ts does for records, for a column: writes as many values from `from` on as fit below `limit`, each as a
 * record with the time of the batch. The bytes are the same as those of `[...column]`.
 */
export function writeColumn(
  column: ValueColumn,
  from: number,
  into: BatchBuffer,
  at: number,
  limit: number,
): WrittenValues {
  const { bytes: source, spans, length } = column;
  let bytes = into.bytes;
  let index = from;
  for (; index < length; index++) {
    const begin = spans[index * 2]!;
    const end = spans[index * 2 + 1]!;
    const valueBytes = end - begin;
    const offsetDelta = index - from;
    const bodyBytes = fixedBytes + varintSize(offsetDelta) + varintSize(valueBytes) + valueBytes;
    const next = at + varintSize(bodyBytes) + bodyBytes;
    if (next > limit) break;
    if (next > bytes.length) {
      into.reserve(next, at);
      bytes = into.bytes;
    }
    at = writeVarint(bytes, bodyBytes, at);
    bytes[at++] = 0;
    bytes[at++] = 0;
    at = writeVarint(bytes, offsetDelta, at);
    bytes[at++] = 1; // zigzag of -1: no key
    at = writeVarint(bytes, valueBytes, at);
    source.copy(bytes, at, begin, end);
    at += valueBytes;
    bytes[at++] = 0;
  }
  return { count: index - from, at };
}
