/** The spool of a worker: opened when the first connector wants it, or at once where something may lie in it. */
import { describeError, isError } from '../../base/errors.ts';
import type { RawConfig } from '../../config/raw.ts';
import type { ConfigTable } from '../config-table.ts';
import type { OffsetTable } from '../offset-table.ts';
import type { SpoolSource, WorkerOptions } from '../worker-options.ts';
import { Spool, type SpoolOptions } from './spool.ts';
import type { SpooledTask } from './spooled-task.ts';

export class WorkerSpool {
  readonly #source: SpoolSource;
  readonly #options: WorkerOptions;
  readonly #offsets: OffsetTable;
  readonly #configs: ConfigTable;
  readonly #mayWrite: SpoolOptions['mayWrite'];
  #spool: Promise<Spool> | undefined;

  /** `mayWrite` says no where another worker may run the task by now. */
  constructor(
    source: SpoolSource,
    options: WorkerOptions,
    offsets: OffsetTable,
    configs: ConfigTable,
    mayWrite: SpoolOptions['mayWrite'],
  ) {
    this.#source = source;
    this.#options = options;
    this.#offsets = offsets;
    this.#configs = configs;
    this.#mayWrite = mayWrite;
  }

  /**
   * What was left here goes on; that of connectors which were deleted meanwhile goes away behind it. A disk that cannot be
   * read fails the connectors that want it, each with the reason, and no other. BROKER_LOCKED: another process has it.
   */
  async goOn(): Promise<void> {
    if (!this.#source.isThere) return;
    const spool = await this.#opened().catch((error: unknown) => {
      if (isError(error, 'BROKER_LOCKED')) throw error;
      this.#options.log.error('spool_not_opened', { reason: describeError(error) });
    });
    if (spool === undefined) return;
    for (const connector of spool.connectors()) {
      if (this.#configs.connector(connector) === undefined) spool.forget(connector);
      else this.tasksMade(connector);
    }
  }

  /** Tasks that the connector has no more of are gone. One that is stopped has none, and has them again when it goes on. */
  tasksMade(connector: string): void {
    const { length } = this.#configs.tasks(connector);
    if (length > 0) this.forget(connector, length);
  }

  /** The spool of a task that starts now. `offsets` are its connector's. */
  async task(connector: string, task: number, config: RawConfig, offsets: OffsetTable): Promise<SpooledTask> {
    return (await this.#opened()).task(connector, task, config, offsets);
  }

  /** The connector is gone, or its tasks from this one on. */
  forget(connector: string, fromTask?: number): void {
    this.#spool?.then(
      (spool) => spool.forget(connector, fromTask),
      () => {}, // whoever opened it was told
    );
  }

  async close(): Promise<void> {
    const spool = await this.#spool?.catch(() => undefined);
    await spool?.close();
  }

  #opened(): Promise<Spool> {
    this.#spool ??= this.#open().catch((error: unknown) => {
      this.#spool = undefined; // the next task tries again
      throw error;
    });
    return this.#spool;
  }

  async #open(): Promise<Spool> {
    const { broker: kafka, log, metrics, clock, random, groupId, producer, topicCreation, redact } = this.#options;
    return Spool.open({
      ...{ kafka, offsets: this.#offsets, mayWrite: this.#mayWrite, log, metrics, clock, random },
      broker: await this.#source.open(),
      groupId: groupId ?? 'tributary',
      producer: producer ?? {},
      topicCreation: topicCreation ?? { autoCreate: true, partitions: 1 },
      redact: redact ?? ((text) => text),
    });
  }
}
