/**
 * What the owner of a connector writes for all workers: the configurations of its tasks. They go out under an epoch of an id that
 * the connector has, raised for each write, so that Kafka refuses one that a worker had on its way when the connector moved, once
 * the new owner has written its own.
 */
import { TributaryError } from '../../base/errors.ts';
import type { Broker } from '../../broker/broker.ts';
import type { Log } from '../../telemetry/log.ts';
import type { Table, TableEntry } from '../table.ts';
import { openFenced } from '../task-fence.ts';

export interface OwnerWritesOptions {
  readonly broker: Broker;
  readonly groupId: string;
  readonly table: Pick<Table, 'put'>;
  /** False where another worker may own the connector by now. */
  readonly mayWrite: (connector: string) => boolean;
  readonly log: Log;
}

/** For a write of a broker that is away: what the connector is asked to do next waits for it. */
const deliveryTimeoutMs = 30_000;

export class OwnerWrites {
  readonly #options: OwnerWritesOptions;

  constructor(options: OwnerWritesOptions) {
    this.#options = options;
  }

  /**
   * CONFLICT where another worker owns the connector, or may own it, by now; BROKER_UNAVAILABLE where no coordinator has answered:
   * nothing is written then.
   */
  async put(connector: string, entries: readonly TableEntry[]): Promise<void> {
    const { broker, groupId, table, mayWrite, log } = this.#options;
    const fencingId = `${groupId}-${connector}-tasks`;
    const producer = await openFenced(
      () => broker.producer({ fencingId, deliveryTimeoutMs }),
      (reason) => log.warn('task_configs_not_fenced', { connector, transactional_id: fencingId, reason }),
    );
    try {
      if (!mayWrite(connector)) throw notOwner(connector);
      await table.put(entries, producer);
    } finally {
      await producer?.close();
    }
  }
}

function notOwner(connector: string): TributaryError {
  return new TributaryError(
    'CONFLICT',
    `Cannot write the tasks of connector "${connector}": another worker may own it by now`,
  );
}
