import { setMaxListeners } from 'node:events';
import { TributaryError } from '../../base/errors.ts';
import type { Broker, OffsetSpec } from '../../broker/broker.ts';
import type { SourceBatch } from '../../connectors/contract.ts';
import type { StreamPlan } from '../check/stream-plan.ts';

/** Messages that have come together. */
export type Frames = readonly (Uint8Array | string)[];

/** What a connector received, without what it knows about records. */
export async function* framesOfConnector(batches: AsyncIterable<SourceBatch>): AsyncGenerator<Frames> {
  for await (const batch of batches) {
    // The values are copied out of the connector's memory by the mapper before the next batch is asked for.
    yield batch.records.flatMap(({ value }) =>
      typeof value === 'string' || value instanceof Uint8Array ? [value] : [],
    );
    batch.release?.();
  }
}

/** One reader for each partition of the stream's topic. */
export async function topicReaders(
  broker: Broker,
  { options, name }: StreamPlan,
  signal: AbortSignal,
): Promise<AsyncIterable<Frames>[]> {
  const topic = options.values.get('kafka.topic')!;
  const written = options.values.get('kafka.from') ?? 'latest';
  const from: OffsetSpec = written === 'latest' || written === 'earliest' ? written : { timestampMs: Number(written) };
  const { partitions } = await broker.describeTopic(topic, { signal });
  if (partitions.length === 0)
    throw new TributaryError('UNKNOWN_TOPIC', `Stream "${name}": topic "${topic}" has no partitions`);
  setMaxListeners(partitions.length + 20, signal);
  return partitions.map(({ partition }) => framesOfPartition(broker, topic, partition, from, signal));
}

async function* framesOfPartition(
  broker: Broker,
  topic: string,
  partition: number,
  from: OffsetSpec,
  signal: AbortSignal,
): AsyncGenerator<Frames> {
  for await (const { records } of broker.read({ topic, partition, from, signal })) {
    yield records.flatMap(({ value }) => (value === null ? [] : [value]));
  }
}
