/** All spools of a worker: a broker inside the process, with a log for each task that wants one. docs/spool.md says what it is for. */
import { CallsInTurn } from '../../base/calls-in-turn.ts';
import { describeError } from '../../base/errors.ts';
import type { RawConfig } from '../../config/raw.ts';
import type { Counter } from '../../telemetry/metrics.ts';
import type { OffsetTable } from '../offset-table.ts';
import { offsetTable } from '../offset-table.ts';
import { openTable, type Table } from '../table.ts';
import { fencingIdOf } from '../task-fence.ts';
import { type KnownWork, keepKnownWork, knownWorkTopic } from './known-work.ts';
import { PositionFence } from './position-fence.ts';
import { type CatalogEntry, catalogTopic, logName, SpoolCatalog } from './spool-catalog.ts';
import { SpoolOffsets } from './spool-offsets.ts';
import { type SpoolParts, tablesAreRead } from './spool-parts.ts';
import { SpooledTask } from './spooled-task.ts';

export type SpoolOptions = Omit<SpoolParts, 'id' | 'positionsOf'>;

const forEver = (): number => Number.POSITIVE_INFINITY;
const offsetsTopic = '__spool-offsets';
const knownTopic = '__spool-known-offsets';

export class Spool implements AsyncDisposable {
  readonly #parts: SpoolParts;
  readonly #catalog: SpoolCatalog;
  readonly #local: OffsetTable;
  readonly #known: Table;
  readonly #knownWork: Table;
  readonly #tables: readonly Table[];
  readonly #tasks = new Map<string, Promise<SpooledTask>>();
  readonly #turns = new Map<string, CallsInTurn>();
  /** Logs that are taken away once they are forwarded. */
  readonly #leaving = new Set<string>();

  /** Begins to forward what lies there, whoever it belongs to. */
  static async open(options: SpoolOptions): Promise<Spool> {
    const { broker, log } = options;
    const id = await broker.clusterId();
    const table = (topic: string): Promise<Table> => openTable({ broker, topic, partitions: 1, log });
    const tables = await Promise.all([
      table(catalogTopic),
      table(offsetsTopic),
      table(knownTopic),
      table(knownWorkTopic),
    ]);
    const spool = new Spool({ ...options, id, positionsOf: `tributary-spool-${id}` }, tables);
    await spool.#goOn();
    return spool;
  }

  private constructor(parts: SpoolParts, tables: readonly [Table, Table, Table, Table]) {
    const [catalog, offsets, known, knownWork] = tables;
    this.#parts = parts;
    this.#catalog = new SpoolCatalog(parts.broker, catalog);
    this.#local = offsetTable(offsets);
    this.#known = known;
    this.#knownWork = knownWork;
    this.#tables = tables;
  }

  /** The spool of a task that starts now, with the table that its connector's offsets stand in. */
  async task(connector: string, task: number, config: RawConfig, offsets: OffsetTable): Promise<SpooledTask> {
    return this.#inTurn(logName(connector, task), async () => {
      const entry = await this.#catalog.open(connector, task, config);
      const spooled = await this.#spooled(entry, offsets);
      spooled.configure(entry, this.#offsetsOf(entry, offsets, spooled.metrics.refused));
      return spooled;
    });
  }

  /** The connector is gone, or its tasks from this one on: what they have received still goes out, then their logs are taken away. */
  forget(connector: string, fromTask = 0): void {
    for (const entry of this.#catalog.all()) {
      if (entry.connector === connector && entry.task >= fromTask) void this.#forgetTask(entry);
    }
  }

  /** Connectors that something lies here for. */
  connectors(): readonly string[] {
    return [...new Set(this.#catalog.all().map(({ connector }) => connector))];
  }

  /** For a start while Kafka is away. */
  keep(work: Omit<KnownWork, 'atMs'>): Promise<void> {
    return keepKnownWork(this.#knownWork, work, this.#parts.clock.nowMs());
  }

  /** Somebody else has stored an offset of this connector in Kafka's table, whose tasks may run here by an older one. */
  isSuperseded(connector: string, offsets: OffsetTable): boolean {
    const entry = this.#catalog.all().find((one) => one.connector === connector);
    if (entry === undefined) return false;
    const own = this.#offsetsOf(entry, offsets);
    return this.#local.all(connector).some(({ partition }) => own.isSuperseded(partition));
  }

  async close(): Promise<void> {
    const tasks = await Promise.allSettled([...this.#tasks.values()]);
    await Promise.all(tasks.map((task) => (task.status === 'fulfilled' ? task.value.close() : undefined)));
    await Promise.all(this.#tables.map((table) => table.close()));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #goOn(): Promise<void> {
    for (const entry of await this.#catalog.withoutLog()) {
      const { connector, task, log } = entry;
      // Of one that is to stay the task makes a new log, and somebody must hear that the old one has gone.
      if (entry.isOrphan !== true) this.#parts.log.error('spool_log_missing', { connector, task, log });
      await this.#catalog.remove(entry);
    }
    for (const entry of this.#catalog.all()) {
      const { connector, task } = entry;
      const spooled = await this.#spooled(entry, this.#parts.offsets);
      const { unforwarded, bytes } = spooled.log;
      if (unforwarded > 0) this.#parts.log.info('spool_found', { connector, task, records: unforwarded, bytes });
    }
  }

  #spooled(entry: CatalogEntry, kafka: OffsetTable): Promise<SpooledTask> {
    const { connector, task } = entry;
    const name = logName(connector, task);
    let spooled = this.#tasks.get(name);
    if (spooled === undefined) {
      const offsets = this.#offsetsOf(entry, kafka);
      spooled = SpooledTask.open({ parts: this.#parts, catalog: this.#catalog, offsets }, entry);
      this.#tasks.set(name, spooled);
      spooled.catch(() => this.#tasks.delete(name));
    }
    return spooled;
  }

  /** `refusals`: of a run that starts now, whose positions are fenced. */
  #offsetsOf({ connector, task }: CatalogEntry, kafka: OffsetTable, refusals?: Counter): SpoolOffsets {
    const { groupId, isFenced, heardAtMs = forEver, clock } = this.#parts;
    const log = this.#parts.log.child({ connector });
    const mayWrite = (): boolean => this.#parts.mayWrite(connector, task);
    const { tablesRead = tablesAreRead } = this.#parts;
    const isKafkaRead = (): boolean => tablesRead.isDone;
    const fence =
      refusals !== undefined && isFenced === true
        ? new PositionFence({
            kafka: this.#parts.kafka,
            fencingId: fencingIdOf(groupId, connector, task),
            heardAtMs,
            monotonicMs: () => clock.monotonicMs(),
            log: log.child({ task }),
          })
        : undefined;
    return new SpoolOffsets({
      connector,
      local: this.#local,
      kafka,
      known: this.#known,
      mayWrite,
      isKafkaRead,
      log,
      clock,
      fence,
      refusals,
    });
  }

  /** A log is taken away or opened, never both at once. */
  #inTurn<T>(name: string, work: () => Promise<T>): Promise<T> {
    const turns = this.#turns.get(name) ?? new CallsInTurn();
    this.#turns.set(name, turns);
    return turns.run(`The spool of "${name}"`, undefined, work);
  }

  async #forgetTask(entry: CatalogEntry): Promise<void> {
    const { connector, task, log: name } = entry;
    try {
      await this.#catalog.orphan(entry);
      if (this.#leaving.has(name)) return;
      this.#leaving.add(name);
      await this.#takeAway(entry).finally(() => this.#leaving.delete(name));
    } catch (error) {
      this.#parts.log.warn('spool_not_removed', { connector, task, reason: describeError(error) });
    }
  }

  async #takeAway(entry: CatalogEntry): Promise<void> {
    const { connector, task, log: name } = entry;
    const spooled = await this.#spooled(entry, this.#parts.offsets);
    if (!(await spooled.forwarded(new AbortController().signal))) return;
    await this.#inTurn(name, async () => {
      if (this.#catalog.get(connector, task)?.isOrphan !== true) return; // it was made again meanwhile
      this.#tasks.delete(name);
      await spooled.close();
      await this.#catalog.remove(entry);
      this.#parts.log.info('spool_removed', { connector, task });
    });
  }
}
