import { setMaxListeners } from 'node:events';
import { TributaryError } from '../../base/errors.ts';
import type { Broker, OffsetSpec } from '../../broker/broker.ts';
import type { ConnectorContext, SourceBatch, SourceConnector } from '../../connectors/contract.ts';
import type { StreamPlan } from '../check/stream-plan.ts';
import { connectionError, sourceError } from './connection-problem.ts';
import { connectorConfig } from './connector-config.ts';

/** Messages that have come together. */
export type Frames = readonly (Uint8Array | string)[];

const connectMs = 10_000;

/**
 * What the connector of a stream receives. With `websocket.validate = 'true'` it resolves when the connection stands, and
 * rejects where the first try fails; the connection that was made is the one that is then read from.
 */
export async function connectorFrames(
  connector: SourceConnector,
  stream: StreamPlan,
  context: ConnectorContext,
): Promise<AsyncIterable<Frames>> {
  const config = connectorConfig(stream);
  const open = (onConnection?: ConnectorContext['onConnection']): AsyncIterable<SourceBatch> =>
    connector.open(config, { ...context, resumeOffset: () => undefined, ...(onConnection && { onConnection }) });
  if (stream.options.values.get('websocket.validate')?.toLowerCase() !== 'true')
    return framesOf(open()[Symbol.asyncIterator](), undefined, stream);
  const connected = Promise.withResolvers<void>();
  const batches = open((problem) => {
    if (problem === undefined) connected.resolve();
    else connected.reject(connectionError(stream, problem));
  })[Symbol.asyncIterator]();
  // A connector connects when it is asked for the first time.
  const first = batches.next();
  first.catch((error: unknown) => connected.reject(sourceError(stream, error)));
  const timer = setTimeout(() => {
    connected.reject(connectionError(stream, `no connection within ${connectMs} ms`));
  }, connectMs);
  try {
    await connected.promise;
  } finally {
    clearTimeout(timer);
  }
  return framesOf(batches, first, stream);
}

/** Without what the connector knows about records. */
async function* framesOf(
  batches: AsyncIterator<SourceBatch>,
  first: Promise<IteratorResult<SourceBatch>> | undefined,
  stream: StreamPlan,
): AsyncGenerator<Frames> {
  try {
    for (let next = await (first ?? batches.next()); next.done !== true; next = await batches.next()) {
      // The values are copied out of the connector's memory by the mapper before the next batch is asked for.
      yield next.value.records.flatMap(({ value }) =>
        typeof value === 'string' || value instanceof Uint8Array ? [value] : [],
      );
      next.value.release?.();
    }
  } catch (error) {
    throw sourceError(stream, error);
  } finally {
    await batches.return?.();
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
