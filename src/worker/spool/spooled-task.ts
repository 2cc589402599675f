/** The spool of one task: its log, what is received into it, and what takes it on to Kafka. It outlives the task. */
import { abortable, sleep, withTimeout } from '../../base/abort.ts';
import { describeError, TributaryError } from '../../base/errors.ts';
import type { SourceMap } from '../../connectors/contract.ts';
import type { Metrics } from '../../telemetry/metrics.ts';
import { taskUnfencedGauge } from '../task-fence.ts';
import { bytesOf, firstTimeMs } from './forward-sends.ts';
import { Forwarder } from './forwarder.ts';
import { Pace } from './pace.ts';
import type { CatalogEntry, SpoolCatalog } from './spool-catalog.ts';
import { type SpoolMetrics, spoolMetrics } from './spool-metrics.ts';
import { OffsetRelay, type SpoolOffsets } from './spool-offsets.ts';
import { type SpoolSettings, spoolSettingsOf } from './spool-options.ts';
import { type SpoolParts, tablesAreRead } from './spool-parts.ts';
import { TaskLog } from './task-log.ts';

export interface SpooledTaskOptions {
  readonly parts: SpoolParts;
  readonly catalog: SpoolCatalog;
  readonly offsets: SpoolOffsets;
}

const dropBytes = 1024 * 1024;
const closeMs = 1_000;
const maxStoreMs = 1_000;
/** How often records are looked at that become too old while nothing is received: in parts of what they may be, and at most. */
const ageParts = 4;
const maxAgeCheckMs = 5_000;

export class SpooledTask {
  #offsets: SpoolOffsets;
  readonly log: TaskLog;
  readonly metrics: SpoolMetrics;
  readonly #options: SpooledTaskOptions;
  readonly #series: Metrics;
  readonly #forwarder: Forwarder;
  readonly #relay: OffsetRelay;
  readonly #slots = new Map<string, number>();
  #entry: CatalogEntry;
  #atRisk: () => number = () => 0;
  readonly #forRoom = new Set<() => void>();
  readonly #pace = new Pace(() => this.#forwarder.isNearlyUp);
  #ageTimer: NodeJS.Timeout | undefined;
  readonly #storing: NodeJS.Timeout;
  #droppingOld: Promise<void> | undefined;

  static async open(options: SpooledTaskOptions, entry: CatalogEntry): Promise<SpooledTask> {
    const log = new TaskLog(options.parts.broker, entry.log);
    const missing = await log.start();
    const spooled = new SpooledTask(options, entry, log);
    if (missing > 0) spooled.#countDropped('full', missing, 0);
    return spooled;
  }

  private constructor(options: SpooledTaskOptions, entry: CatalogEntry, log: TaskLog) {
    const { parts, offsets } = options;
    const { connector, task } = entry;
    this.#options = options;
    this.#entry = entry;
    this.#offsets = offsets;
    this.log = log;
    for (const [slot, topic] of entry.topics.entries()) this.#slots.set(topic, slot);
    this.#series = parts.metrics.child({ connector, task: String(task) });
    this.metrics = spoolMetrics(this.#series, {
      records: () => log.unforwarded,
      bytes: () => log.bytes,
      oldestAgeSeconds: () => this.#ageMs() / 1000,
      atRisk: () => this.#atRisk(),
    });
    this.#relay = new OffsetRelay(() => this.#offsets, parts.log.child({ connector, task }));
    this.#forwarder = new Forwarder({
      ...{ parts, log, metrics: this.metrics, series: this.#series },
      entry: () => this.#entry,
      onMoved: () => this.#pace.moved(),
      onForwarded: () => {
        this.#relay.forwarded(log.forwarded);
        for (const tell of this.#forRoom) tell();
      },
    });
    this.#forwarder.start();
    this.#watchAge();
    // Also when the task has ended: what it left is forwarded, and whoever starts it next must not read that again.
    const storeMs = Math.min(parts.offsetFlushIntervalMs ?? maxStoreMs, maxStoreMs);
    this.#storing = setInterval(() => void this.storeOffsets(), storeMs).unref();
    taskUnfencedGauge(this.#series, () => this.#offsets.isUnfenced);
  }

  get entry(): CatalogEntry {
    return this.#entry;
  }

  get isEmpty(): boolean {
    return this.#forwarder.isIdle && this.log.unforwarded === 0;
  }

  /** Why nothing is forwarded at the moment. */
  get trouble(): string | undefined {
    return this.#forwarder.trouble;
  }

  /** Of the source, as the connector's configuration has it now. */
  get offsets(): SpoolOffsets {
    return this.#offsets;
  }

  /** The run of the task before this one has ended with everything synced. */
  get isBehindCleanEnd(): boolean {
    return this.#entry.wasEnded === true;
  }

  /**
   * The task has ended; `clean` with everything synced that it had received. Kafka's status may not be there to say so. Its positions
   * follow what is forwarded still, under its epoch, until it is started again, here or elsewhere.
   */
  async ended(clean: boolean): Promise<void> {
    this.#entry = await this.#options.catalog.ended(this.#entry, clean);
  }

  /** The task is started with this configuration. */
  configure(entry: CatalogEntry, offsets: SpoolOffsets): void {
    this.#offsets.ended();
    this.#entry = entry;
    this.#offsets = offsets;
    this.#relay.restarted();
    this.#watchAge();
  }

  /** Throws where another worker has started the task since, and no group can say whose it is. */
  checkOwner(): void {
    if (this.#offsets.failure !== undefined) throw this.#offsets.failure;
  }

  /** Throws where what waits is too old, and the task is to fail then. A quiet feed brings no batch that would be refused. */
  checkAge(settings: SpoolSettings): void {
    if (this.#ageMs() > settings.maxAgeMs) throw fullError(this.#entry, settings, 'age');
  }

  /**
   * Resolves once it can be told where a source goes on that gives again what it gave. Where nothing was ever received here (the
   * spool is new, or its folder was lost) Kafka's table alone may say it, which is waited for. Throws ABORTED.
   */
  async positionKnown(signal: AbortSignal, onTrouble: (trouble: string | undefined) => void): Promise<void> {
    const { tablesRead = tablesAreRead } = this.#options.parts;
    const wasHere = this.log.ends().some((end) => end > 0) || this.#offsets.all(this.#entry.connector).length > 0;
    if (tablesRead.isDone || wasHere) return;
    onTrouble('waits for Kafka: nothing was received here before, and Kafka alone can say where the source goes on');
    await abortable(tablesRead.done, signal, 'Waiting for Kafka');
    onTrouble(undefined);
  }

  /** What was received and is not synced, from now on. */
  watch(atRisk: () => number): void {
    this.#atRisk = atRisk;
  }

  slotOf(topic: string): number | undefined {
    return this.#slots.get(topic);
  }

  /** Gives topics their places. Kafka is not asked. */
  async learn(topics: readonly string[]): Promise<void> {
    for (const topic of topics) {
      if (this.#slots.has(topic)) continue;
      const { catalog } = this.#options;
      const slot = await catalog.slot(this.#entry, topic);
      this.#entry = catalog.get(this.#entry.connector, this.#entry.task)!;
      this.log.grow(slot + 1);
      this.#slots.set(topic, slot);
    }
  }

  /**
   * Waits, makes room or throws, as the connector's configuration says. Throws what forwarding has failed with for good.
   * `mayPace`: the source may be held back for a moment, as it drops nothing then.
   */
  async room(
    settings: SpoolSettings,
    bytes: number,
    mayPace: boolean,
    signal: AbortSignal,
    onWait: () => void,
  ): Promise<void> {
    this.checkOwner();
    const failure = this.#forwarder.takeFailure();
    if (failure !== undefined) throw failure;
    const fullness = (): 'full' | 'age' | undefined => {
      if (this.log.bytes + bytes > settings.maxBytes && this.log.bytes > 0) return 'full';
      return this.#ageMs() > settings.maxAgeMs ? 'age' : undefined;
    };
    for (let isFirst = true; !signal.aborted; isFirst = false) {
      if (fullness() === undefined) return mayPace ? this.#paced(signal) : undefined;
      await this.#forwarder.makeRoom();
      const reason = fullness();
      if (reason === undefined) return;
      switch (settings.whenFull) {
        case 'fail':
          throw fullError(this.#entry, settings, reason);
        case 'drop-oldest':
          if (await this.#drop(reason, settings.maxAgeMs)) continue;
          if (reason === 'age') return; // what is too old is on its way
          break;
        case 'block':
          break;
      }
      if (isFirst) {
        this.metrics.waits.value++;
        onWait();
      }
      await this.#roomMade(signal);
      const failed = this.#forwarder.takeFailure();
      if (failed !== undefined) throw failed;
    }
  }

  async #paced(signal: AbortSignal): Promise<void> {
    const { clock } = this.#options.parts;
    const sinceMs = clock.monotonicMs();
    await this.#pace.wait(signal);
    this.metrics.paceWaitedSeconds.value += (clock.monotonicMs() - sinceMs) / 1000;
  }

  /** The disk is full: what is forwarded is taken away, and then the oldest that is not. */
  async makeSpace(): Promise<void> {
    try {
      await this.#forwarder.makeRoom();
      await this.#drop('full');
    } catch (error) {
      const { connector, task } = this.#entry;
      this.#options.parts.log.warn('spool_not_trimmed', { connector, task, reason: describeError(error) });
    }
  }

  /** A batch is synced: it goes on, and with it the position of the source behind it. */
  received(partition: SourceMap, offset: SourceMap | undefined): void {
    if (offset !== undefined) {
      this.#relay.received(partition, offset, this.log.ends(), this.#options.parts.clock.monotonicMs());
    }
    this.#forwarder.wake();
  }

  /** Positions of the source, behind what Kafka has. While it does not answer, or another worker may run the task, they wait. */
  async storeOffsets(): Promise<void> {
    this.#relay.forwarded(this.log.forwarded);
    if (this.trouble === undefined) await this.#relay.store();
  }

  /** True once all that was received is in Kafka. */
  forwarded(signal: AbortSignal): Promise<boolean> {
    return this.#forwarder.forwarded(signal);
  }

  async close(): Promise<void> {
    clearInterval(this.#ageTimer);
    clearInterval(this.#storing);
    await this.#forwarder.close();
    await this.#droppingOld;
    await withTimeout(this.storeOffsets(), closeMs, 'Storing the offsets').catch((error: unknown) => {
      this.#options.parts.log.warn('offset_commit_failed', { reason: describeError(error) });
    });
    this.#offsets.ended();
    this.#series.remove();
  }

  #ageMs(): number {
    const { oldestMs } = this.#forwarder;
    return oldestMs === Number.POSITIVE_INFINITY ? 0 : Math.max(0, this.#options.parts.clock.nowMs() - oldestMs);
  }

  /** Also while nobody runs the task, and while its feed is quiet. */
  #watchAge(): void {
    clearInterval(this.#ageTimer);
    const settings = spoolSettingsOf(this.#entry.config);
    if (settings?.whenFull !== 'drop-oldest' || settings.maxAgeMs === Number.POSITIVE_INFINITY) return;
    const look = (): void => {
      this.#droppingOld ??= this.#dropOld(settings.maxAgeMs).finally(() => {
        this.#droppingOld = undefined;
      });
    };
    this.#ageTimer = setInterval(look, Math.min(settings.maxAgeMs / ageParts, maxAgeCheckMs));
    this.#ageTimer.unref();
  }

  async #dropOld(maxAgeMs: number): Promise<void> {
    try {
      while (this.#ageMs() > maxAgeMs && (await this.#drop('age', maxAgeMs)));
    } catch (error) {
      const { connector, task } = this.#entry;
      this.#options.parts.log.warn('spool_not_trimmed', { connector, task, reason: describeError(error) });
    }
  }

  /** False where nothing is left that could be dropped: all of it is on its way, or young enough. */
  #drop(reason: 'full' | 'age', maxAgeMs = 0): Promise<boolean> {
    const nowMs = this.#options.parts.clock.nowMs();
    return this.log.drop(
      dropBytes,
      ({ runs }) => reason === 'full' || runs.length === 0 || nowMs - firstTimeMs(runs) > maxAgeMs,
      ({ slot, runs, damaged }) => {
        for (const { from, to } of damaged) this.metrics.corrupted.value += this.log.untoldDamage(slot, to - from, to);
        const records = runs.reduce((sum, run) => sum + run.length, 0);
        const bytes = runs.reduce((sum, run) => sum + bytesOf(run), 0);
        this.#countDropped(reason, records, bytes, firstTimeMs(runs));
      },
    );
  }

  #countDropped(reason: 'full' | 'age', records: number, bytes: number, oldestMs?: number): void {
    const { metrics } = this;
    metrics[reason === 'full' ? 'droppedFull' : 'droppedAge'].value += records;
    metrics[reason === 'full' ? 'droppedFullBytes' : 'droppedAgeBytes'].value += bytes;
    const { connector, task } = this.#entry;
    this.#options.parts.log.warn('spool_dropped', { connector, task, reason, records, bytes, oldestMs });
  }

  /** Resolves when something was forwarded, or after a while: age and disk change by themselves. */
  async #roomMade(signal: AbortSignal): Promise<void> {
    const over = new AbortController();
    const made = () => over.abort();
    this.#forRoom.add(made);
    await sleep(500, AbortSignal.any([signal, over.signal]));
    this.#forRoom.delete(made);
  }
}

function fullError({ connector, task }: CatalogEntry, settings: SpoolSettings, reason: 'full' | 'age'): TributaryError {
  const bound = reason === 'full' ? `spool.max.bytes=${settings.maxBytes}` : `spool.max.age.ms=${settings.maxAgeMs}`;
  return new TributaryError(
    'BROKER_FULL',
    `The spool of "${connector}-${task}" is full (${bound}), and spool.when.full is "fail"`,
    { retriable: true },
  );
}
