/** From what was read of the spool to sends for Kafka: this is where records get their partitions. */
import { partitionFor } from '../../record/partitioner.ts';
import type { ProduceRecord } from '../../record/record.ts';
import { asList, type Records, ValueColumn } from '../../record/value-column.ts';
import { WholeBatch } from '../../record/whole-batch.ts';
import { cut } from '../batch-limit.ts';
import type { RecordSend, TopicBounds } from '../record-sends.ts';
import { namedPartition } from './spool-producer.ts';

export interface ForwardSends {
  readonly sends: readonly RecordSend[];
  readonly records: number;
  readonly bytes: number;
}

/** Each partition's records stay in order. Records without a key go to `sticky` modulo the partition count. */
export function forwardSends(
  topic: string,
  runs: readonly Records[],
  { partitions, maxBytes }: TopicBounds,
  maxBatchBytes: number,
  sticky: number,
): ForwardSends {
  const sends: RecordSend[] = [];
  let records = 0;
  let bytes = 0;
  /** The producer cuts by its own bound; where the topic's is lower, it is done here. */
  const add = (partition: number, part: Records): void => {
    const fits = maxBytes >= maxBatchBytes || (part instanceof WholeBatch && part.bytes.length <= maxBytes);
    if (fits) sends.push({ topic, partition, records: part });
    else for (const piece of cut(asList(part), maxBytes)) sends.push({ topic, partition, records: piece });
  };
  for (const run of runs) {
    records += run.length;
    bytes += bytesOf(run);
    if (run instanceof ValueColumn || run instanceof WholeBatch) add(partitionFor(null, partitions, sticky), run);
    else for (const [partition, list] of byPartition(asList(run), partitions, sticky)) add(partition, list);
  }
  return { sends, records, bytes };
}

function byPartition(
  records: readonly ProduceRecord[],
  partitions: number,
  sticky: number,
): ReadonlyMap<number, ProduceRecord[]> {
  const lists = new Map<number, ProduceRecord[]>();
  for (const stored of records) {
    const named = namedPartition(stored);
    const record = named?.record ?? stored;
    const partition = named?.partition ?? partitionFor(record.key, partitions, sticky);
    const list = lists.get(partition);
    if (list === undefined) lists.set(partition, [record]);
    else list.push(record);
  }
  return lists;
}

export function bytesOf(records: Records): number {
  if (records instanceof ValueColumn || records instanceof WholeBatch) return records.valueBytes;
  return asList(records).reduce((sum, { key, value }) => sum + (key?.length ?? 0) + (value?.length ?? 0), 0);
}

/** Milliseconds since 1970 of the first record; Infinity where there is none. */
export function firstTimeMs(runs: readonly Records[]): number {
  const [first] = runs;
  if (first === undefined) return Number.POSITIVE_INFINITY;
  if (first instanceof WholeBatch) return first.firstTimeMs;
  const [record] = asList(first.slice(0, 1));
  return record?.timestampMs ?? Number.POSITIVE_INFINITY;
}
