import type { ConnectorContext, SourceBatch, SourceConnector, SourceMap } from '../../connectors/contract.ts';
import type { RecordColumn } from '../../record/record-column.ts';
import type { StreamPlan } from '../check/stream-plan.ts';
import { connectionError, sourceError } from './connection-problem.ts';
import { connectorConfig } from './connector-config.ts';
import type { Positions } from './positions.ts';

/** Messages that have come together, and where to go on behind them; without a position nothing can be read again. */
export interface Frames {
  readonly messages: readonly (Uint8Array | string)[];
  /** The values of these records come before them; tombstones are no messages. */
  readonly columns?: readonly RecordColumn[];
  readonly partition?: SourceMap;
  readonly offset?: SourceMap;
  /** Records of the partition that are still to come, as far as known. */
  readonly lag?: number;
  /** Called once nothing of the columns is looked at any more. */
  readonly release?: (() => void) | undefined;
}

const connectMs = 10_000;

/**
 * What the connector of a stream receives. With `websocket.validate = 'true'` it resolves when the connection stands, and
 * rejects where the first try fails; the connection that was made is the one that is then read from.
 */
export async function connectorFrames(
  connector: SourceConnector,
  stream: StreamPlan,
  context: ConnectorContext,
  positions: Positions,
): Promise<AsyncIterable<Frames>> {
  const config = connectorConfig(stream);
  const resumeOffset = (partition: SourceMap): SourceMap | undefined => positions.get(stream.name, partition);
  const open = (onConnection?: ConnectorContext['onConnection']): AsyncIterable<SourceBatch> =>
    connector.open(config, { ...context, resumeOffset, ...(onConnection && { onConnection }) });
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
      const { records, partition, offset } = next.value;
      const messages = records.flatMap(({ value }) =>
        typeof value === 'string' || value instanceof Uint8Array ? [value] : [],
      );
      yield offset === undefined ? { messages } : { messages, partition, offset };
      next.value.release?.();
    }
  } catch (error) {
    throw sourceError(stream, error);
  } finally {
    await batches.return?.();
  }
}
