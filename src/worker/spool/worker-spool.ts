/** The spool of a worker: opened when the first connector wants it, or at once where something may lie in it. */
import { describeError, isError } from '../../base/errors.ts';
import { SharedQuestion } from '../../base/shared-question.ts';
import type { RawConfig } from '../../config/raw.ts';
import { LimitedWarning } from '../../telemetry/limited-log.ts';
import type { ConfigTable } from '../config-table.ts';
import type { OffsetTable } from '../offset-table.ts';
import type { SpoolSource, WorkerOptions } from '../worker-options.ts';
import type { KnownWork } from './known-work.ts';
import { Spool, type SpoolOptions } from './spool.ts';
import type { TablesRead } from './spool-parts.ts';
import type { SpooledTask } from './spooled-task.ts';

/** `mayWrite` says no where another worker may run the task by now. */
type SpoolOwnership = Required<Pick<SpoolOptions, 'mayWrite' | 'heardAtMs'>>;

const keepMs = 50;

export class WorkerSpool {
  readonly #source: SpoolSource;
  readonly #options: WorkerOptions;
  readonly #offsets: OffsetTable;
  readonly #configs: ConfigTable;
  readonly #ownership: SpoolOwnership;
  readonly #tablesRead: TablesRead;
  readonly #notKept: LimitedWarning;
  /** One write at a time: who asks meanwhile shares the next. */
  readonly #keeping = new SharedQuestion(() => this.#keep());
  #keepTimer: NodeJS.Timeout | undefined;
  #work: (() => Omit<KnownWork, 'atMs'>) | undefined;
  #spool: Promise<Spool> | undefined;

  constructor(
    source: SpoolSource,
    options: WorkerOptions,
    offsets: OffsetTable,
    configs: ConfigTable,
    ownership: SpoolOwnership,
    tablesRead: TablesRead,
  ) {
    this.#source = source;
    this.#options = options;
    this.#offsets = offsets;
    this.#configs = configs;
    this.#ownership = ownership;
    this.#tablesRead = tablesRead;
    this.#notKept = new LimitedWarning(options.log, 'spool_known_work_not_kept', options.clock);
  }

  /**
   * What was left here goes on; that of connectors which were deleted meanwhile goes away behind it, once Kafka's tables tell that.
   * What runs already is looked at behind its end. A disk that cannot be read fails the connectors that want it, each with the reason, and no other. BROKER_LOCKED: another
   * process has it.
   */
  async goOn(isRunning: (connector: string) => boolean): Promise<void> {
    if (!this.#source.isThere && this.#spool === undefined) return;
    const spool = await this.#opened().catch((error: unknown) => {
      if (isError(error, 'BROKER_LOCKED')) throw error;
      this.#options.log.error('spool_not_opened', { reason: describeError(error) });
    });
    if (spool === undefined || !this.#tablesRead.isDone) return;
    for (const connector of spool.connectors()) {
      if (isRunning(connector)) continue;
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

  /**
   * For a start while Kafka is away; where there is no spool nothing could begin by it. `work` is called a moment later, once for
   * all that has asked by then: at the start of hundreds of connectors each of them changes something.
   */
  keep(work: () => Omit<KnownWork, 'atMs'>): void {
    this.#work = work;
    if (this.#spool === undefined) return;
    this.#keepTimer ??= setTimeout(() => {
      this.#keepTimer = undefined;
      void this.#keeping.ask();
    }, keepMs);
  }

  /** Whether the tasks of a connector run by offsets that are not those of Kafka's table any more. */
  async isSuperseded(connector: string, offsets: OffsetTable): Promise<boolean> {
    const spool = await this.#spool?.catch(() => undefined);
    return spool?.isSuperseded(connector, offsets) ?? false;
  }

  /** The connector is gone, or its tasks from this one on. */
  forget(connector: string, fromTask?: number): void {
    this.#spool?.then(
      (spool) => spool.forget(connector, fromTask),
      () => {}, // whoever opened it was told
    );
  }

  async close(): Promise<void> {
    clearTimeout(this.#keepTimer);
    this.#keepTimer = undefined;
    if (this.#work !== undefined) await this.#keeping.ask();
    const spool = await this.#spool?.catch(() => undefined);
    await spool?.close();
  }

  async #keep(): Promise<void> {
    try {
      const spool = await this.#spool;
      if (spool !== undefined && this.#work !== undefined) await spool.keep(this.#work());
    } catch (error) {
      this.#notKept.warn({ reason: describeError(error) });
    }
  }

  #opened(): Promise<Spool> {
    this.#spool ??= this.#open().catch((error: unknown) => {
      this.#spool = undefined; // the next task tries again
      throw error;
    });
    return this.#spool;
  }

  async #open(): Promise<Spool> {
    const {
      broker: kafka,
      log,
      metrics,
      clock,
      random,
      groupId,
      producer,
      topicCreation,
      redact,
      isFenced,
      offsetFlushIntervalMs,
    } = this.#options;
    return Spool.open({
      ...{ kafka, offsets: this.#offsets, ...this.#ownership, log, metrics, clock, random },
      isFenced: isFenced === true && kafka.kind === 'kafka',
      ...(offsetFlushIntervalMs === undefined ? {} : { offsetFlushIntervalMs }),
      tablesRead: this.#tablesRead,
      broker: await this.#source.open(),
      groupId: groupId ?? 'tributary',
      producer: producer ?? {},
      topicCreation: topicCreation ?? { autoCreate: true, partitions: 1 },
      redact: redact ?? ((text) => text),
    });
  }
}
