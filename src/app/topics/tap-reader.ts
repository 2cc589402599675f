/** Reads a topic for people and programs that look in: all partitions, without a group. */

import { TributaryError } from '../../base/errors.ts';
import type { Broker, FetchedRecords, ReadOptions } from '../../broker/broker.ts';
import { mergeReaders } from './merge-readers.ts';
import { toTapRecord } from './record-json.ts';
import type { TapFrom, TapOptions, TapRecord } from './topic-access.ts';

/**
 * Batches of records in the order of each partition; partitions take turns. Never holds more than one fetch a partition:
 * a caller that is slow is simply read for later. Ends when the signal aborts. UNKNOWN_TOPIC, UNKNOWN_PARTITION,
 * OFFSET_OUT_OF_RANGE.
 */
export async function* tapTopic(
  broker: Broker,
  topic: string,
  options: TapOptions,
  signal: AbortSignal,
  onReady: () => void = () => {},
): AsyncGenerator<readonly TapRecord[], void, undefined> {
  const partitions = await chosenPartitions(broker, topic, options.partition, signal);
  let left = options.limit ?? Number.POSITIVE_INFINITY;
  let toStart = partitions.length;
  const stop = new AbortController();
  const starts = await Promise.all(
    partitions.map((partition) => startOf(broker, topic, partition, options.from, signal)),
  );
  const readers = partitions.map((partition, i) =>
    broker.read({
      topic,
      partition,
      from: starts[i]!,
      until: options.follow ? undefined : 'end',
      signal: AbortSignal.any([signal, stop.signal]),
      onStart: () => {
        if (--toStart === 0) onReady();
      },
    }),
  );
  if (left <= 0) return onReady();
  const wantedKey = options.key === undefined ? undefined : Buffer.from(options.key);
  for await (const { partition, records } of mergeReaders<FetchedRecords>(readers, () => stop.abort())) {
    let found = wantedKey === undefined ? records : records.filter(({ key }) => key !== null && wantedKey.equals(key));
    if (found.length > left) found = found.slice(0, left);
    left -= found.length;
    if (found.length > 0) yield found.map((record) => toTapRecord(partition, record));
    if (left <= 0) return;
  }
}

async function chosenPartitions(
  broker: Broker,
  topic: string,
  wanted: number | undefined,
  signal: AbortSignal,
): Promise<number[]> {
  const { partitions } = await broker.describeTopic(topic, { signal });
  const numbers = partitions.map(({ partition }) => partition);
  if (wanted === undefined) return numbers;
  if (numbers.includes(wanted)) return [wanted];
  throw new TributaryError(
    'UNKNOWN_PARTITION',
    `Topic "${topic}" has no partition ${wanted}: it has ${numbers.length}, from 0 to ${numbers.length - 1}`,
  );
}

async function startOf(
  broker: Broker,
  topic: string,
  partition: number,
  from: TapFrom,
  signal: AbortSignal,
): Promise<ReadOptions['from']> {
  if (typeof from === 'string' || !('last' in from)) return from;
  const [earliest, latest] = await Promise.all([
    broker.offset(topic, partition, 'earliest', { signal }),
    broker.offset(topic, partition, 'latest', { signal }),
  ]);
  return { offset: Math.max(earliest, latest - from.last) };
}
