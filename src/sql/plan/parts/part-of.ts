import { Buffer } from 'node:buffer';
import { partitionForKey } from '../../../record/partitioner.ts';
import { mapKey, mapKeyOfAll } from '../../values/compare.ts';
import type { Value } from '../../values/value.ts';

/**
 * The part of a key. For one value it is the partition into which Kafka's producers put a record with that text as its key, so that
 * rows from a repartition topic and records meet.
 */
export function partOf(keys: readonly Value[], parts: number): number {
  if (keys.length === 0 || parts === 1) return 0;
  const text = keys.length === 1 ? String(mapKey(keys[0]!)) : mapKeyOfAll(keys);
  return partitionForKey(Buffer.from(text), parts);
}
