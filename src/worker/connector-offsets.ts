/**
 * Offsets of a connector that keeps them in a topic of its own (`offsets.storage.topic`): read there first, then where the
 * worker keeps all, so that a connector which gets such a topic later goes on where it was.
 */
import { describeError, isError, TributaryError } from '../base/errors.ts';
import type { Broker, Producer } from '../broker/broker.ts';
import type { Log } from '../telemetry/log.ts';
import { canonicalJson } from './json.ts';
import { type OffsetEntry, type OffsetTable, offsetTable, type SourceOffset } from './offset-table.ts';
import { openTable } from './table.ts';
import type { TableTopic } from './worker-options.ts';

export interface ConnectorOffsets extends OffsetTable {
  readonly topic: string;
  close(): Promise<void>;
}

/** `target` is the topic, made like the worker's own where it is missing. Kafka Connect's words where it cannot be. */
export async function openConnectorOffsets(
  broker: Broker,
  target: TableTopic,
  workers: OffsetTable,
  log: Log,
): Promise<ConnectorOffsets> {
  const { topic } = target;
  const table = await openTable({ ...target, broker, log }).catch((error: unknown) => {
    if (!isError(error, 'INVALID_TOPIC')) throw error;
    throw new TributaryError(error.code, `Unable to create topic(s) '${topic}': ${error.message}`, { cause: error });
  });
  const own = offsetTable(table);
  const also = async (connector: string, offsets: readonly OffsetEntry[], by?: Producer): Promise<void> => {
    await workers.put(connector, offsets, by).catch((error: unknown) => {
      log.warn('offset_copy_failed', { topic, reason: describeError(error) });
    });
  };
  return {
    topic,
    get: (connector, partition) => own.get(connector, partition) ?? workers.get(connector, partition),
    all(connector) {
      const found = new Map<string, SourceOffset>();
      for (const offset of [...workers.all(connector), ...own.all(connector)])
        found.set(canonicalJson(offset.partition), offset);
      return [...found.values()];
    },
    async put(connector, offsets, by) {
      // What is forgotten must not come back from the other table.
      const forgotten = offsets.filter(({ offset }) => offset === null);
      if (forgotten.length > 0) await workers.put(connector, forgotten, by);
      await own.put(connector, offsets, by);
      const kept = offsets.filter(({ offset }) => offset !== null);
      if (kept.length > 0) await also(connector, kept, by);
    },
    send: (producer, connector, offsets) => own.send(producer, connector, offsets),
    async caughtUp(signal, of) {
      await Promise.all([own.caughtUp(signal, of), workers.caughtUp(signal, of)]);
    },
    close: () => table.close(),
  };
}
