/**
 * The worker: its life among the others of its group, and the whole surface of the folder (hence more than 300 lines). It runs its
 * share of what the configuration table says; what people change is written there by connector-changes.ts.
 */
import { withTimeout } from '../base/abort.ts';
import { unreachable } from '../base/assert.ts';
import { describeError, TributaryError } from '../base/errors.ts';
import type { ConfigInfos, ConfigKeyInfo } from '../config/config-infos.ts';
import type { RawConfig, RawConfigWithNulls } from '../config/raw.ts';
import type { Counter } from '../telemetry/metrics.ts';
import { type ActiveTopics, activeTopics } from './active-topics.ts';
import { attachTables, tablesBefore, WorkAhead, type WorkerTables } from './ahead.ts';
import { Addresses } from './cluster/addresses.ts';
import type { GroupIdentity, Hearing } from './cluster/hearing.ts';
import type { LeaderWrites } from './cluster/leader-writes.ts';
import type { Leader, Leadership } from './cluster/leadership.ts';
import { leadingOf } from './cluster/leading.ts';
import { Others } from './cluster/others.ts';
import { OwnerWrites } from './cluster/owner-writes.ts';
import { everything, joinWorkers, type Ownership } from './cluster/ownership.ts';
import { weightsOf } from './cluster/work.ts';
import { configEntry } from './config-entries.ts';
import { type ConfigTable, configTable } from './config-table.ts';
import { ConnectorChanges } from './connector-changes.ts';
import { ConnectorClasses } from './connector-classes.ts';
import type { RunnerContext } from './connector-runner.ts';
import { ConnectorRunners } from './connector-runners.ts';
import { connectorStatus } from './connector-status.ts';
import { EarlyCommands } from './early-commands.ts';
import { type OffsetAccess, offsetsOf } from './offset-access.ts';
import type { OffsetChange } from './offset-changes.ts';
import { type OffsetTable, offsetTable, type SourceOffset } from './offset-table.ts';
import { OwnFile } from './own-file.ts';
import { type Plugin, pluginOptions, pluginsOf } from './plugin-catalogue.ts';
import type { KnownWork } from './spool/known-work.ts';
import { WorkerSpool } from './spool/worker-spool.ts';
import { givenUpBy, statusTable, taskOfStatus } from './status-table.ts';
import { statusWriter } from './status-writer.ts';
import { tablesBehind } from './tables-behind.ts';
import { connectorValues, validationAnswer } from './validation.ts';
import { closedInTime, type WorkerEnd } from './worker-end.ts';
import { defaultGracefulStopMs, type ShareOptions, type WorkerOptions } from './worker-options.ts';
import type { ConnectorStatus, ConnectorView, PartStatus, RestartOptions } from './worker-view.ts';

export type { WorkerOptions } from './worker-options.ts';

/**
 * Opens the tables, joins the other workers of its group where it has any, and starts its share of what the tables hold.
 * `fromFile` are connectors of the configuration file: they win over what the table holds of the same names, with a
 * warning where it differs.
 */
export async function startWorker(
  options: WorkerOptions,
  fromFile: Readonly<Record<string, RawConfig>> = {},
): Promise<Worker> {
  const worker = new Worker(options, tablesBefore(options, undefined, {}), fromFile);
  return started(worker, () => worker.takeUp());
}

/**
 * Begins before Kafka was heard: runs what has a spool and was its own, by what it kept of the tables (`known`) and by the file.
 * The rest waits for `takeUp`. Until then all that asks the broker is told that it cannot be reached.
 */
export async function startWorkerAhead(
  options: WorkerOptions,
  fromFile: Readonly<Record<string, RawConfig>>,
  known: KnownWork | undefined,
): Promise<Worker> {
  const worker = new Worker(options, tablesBefore(options, known, fromFile), fromFile);
  return started(worker, () => worker.begin(known));
}

async function started(worker: Worker, start: () => Promise<void>): Promise<Worker> {
  try {
    await start();
  } catch (error) {
    await worker.close();
    throw error;
  }
  return worker;
}

/** For what other workers have written to be read, before their work is taken over all the same. */
const tablesPatienceMs = 10_000;
/** What is not forwarded by then stays in the spool, for the next start. */
const spoolCloseMs = 3_000;
/** For the last statuses, where the tasks have taken all the time there is. */
const tablesCloseMs = 500;
const referencesEveryMs = 10_000;

/** Of a connector that waits for Kafka. */
const waiting: PartStatus = { state: 'UNASSIGNED', workerId: '', version: null, trace: null };

export class Worker implements AsyncDisposable {
  readonly #options: WorkerOptions;
  readonly #tables: WorkerTables;
  readonly #ownFile: OwnFile;
  readonly #context: RunnerContext;
  readonly #configs: ConfigTable;
  readonly #topics: ActiveTopics;
  readonly #offsetAccess: OffsetAccess;
  readonly #runners: ConnectorRunners;
  readonly #changes: ConnectorChanges;
  readonly #classes: ConnectorClasses;
  readonly #leadership: Leadership;
  readonly #leaderWrites: LeaderWrites;
  /** Of the workers that share the work. */
  readonly #addresses: Addresses | undefined;
  #ownership: Ownership = everything;
  /** `ahead`: it runs, and Kafka was not there yet. */
  #state: 'starting' | 'ahead' | 'healthy' | 'stopping' = 'starting';
  /** Why what Kafka says could not be taken up the last time; undefined while it cannot be reached. */
  #notTakenUp: string | undefined;
  readonly #takeUpFailures: Counter;
  readonly #earlyCommands: EarlyCommands;
  readonly #tablesRead = Promise.withResolvers<void>();
  readonly #ahead: WorkAhead;
  #closed: Promise<void> | undefined;
  #end: WorkerEnd | undefined;
  #referencesTimer: NodeJS.Timeout | undefined;
  readonly #spool: WorkerSpool | undefined;

  constructor(options: WorkerOptions, tables: WorkerTables, fromFile: Readonly<Record<string, RawConfig>>) {
    this.#options = options;
    this.#tables = tables;
    this.#takeUpFailures = options.metrics.counter(
      'tributary_worker_take_up_failures_total',
      'Failed tries of a worker that began without its Kafka to go on by what it says, but those that found nobody there',
    );
    this.#earlyCommands = new EarlyCommands(options.log);
    this.#classes = new ConnectorClasses(options.connectors);
    ({ writes: this.#leaderWrites, leadership: this.#leadership } = leadingOf(options, tables, () => this.#ownership));
    const { share, isFenced, broker } = options;
    this.#addresses =
      share && new Addresses({ ...share, workerId: options.workerId, status: tables.status, log: options.log });
    const ownerWrites =
      share !== undefined && isFenced === true && broker.kind === 'kafka'
        ? new OwnerWrites({
            broker,
            groupId: share.groupId,
            table: tables.config,
            mayWrite: (name) => this.#ownership.mayWrite(name, 0),
            log: options.log,
          })
        : undefined;
    this.#configs = configTable(tables.config, {
      changes: (entries) => this.#leaderWrites.put(entries),
      // Before Kafka has answered they are shown here alone.
      tasks: (name, entries) =>
        ownerWrites === undefined || !tables.config.isAttached
          ? tables.config.put(entries)
          : ownerWrites.put(name, entries),
    });
    this.#ownFile = new OwnFile(fromFile, this.#configs, options.log);
    this.#topics = activeTopics(tables.status, options.clock, options.log);
    const offsets = offsetTable(tables.offset);
    const ownership: Pick<Ownership, 'owns' | 'mayWrite'> = {
      owns: (name, task) => this.#ownership.owns(name, task),
      mayWrite: (name, task) => this.#ownership.mayWrite(name, task),
    };
    const tablesRead = {
      get isDone() {
        return tables.offset.isAttached;
      },
      done: this.#tablesRead.promise,
    };
    const { mayWrite } = ownership;
    const spoolOwnership = { mayWrite, heardAtMs: () => this.#ownership.heardAtMs };
    this.#spool =
      options.spool && new WorkerSpool(options.spool, options, offsets, this.#configs, spoolOwnership, tablesRead);
    this.#ahead = new WorkAhead({
      options,
      tables,
      configs: this.#configs,
      classes: this.#classes,
      spool: this.#spool,
      ownership: () => this.#ownership,
    });
    this.#context = {
      options,
      ownership,
      configs: this.#configs,
      offsets,
      statuses: statusWriter(statusTable(tables.status), options.log),
      onTopic: this.#topics.note,
      ...(this.#spool === undefined ? {} : { spool: this.#spool }),
    };
    this.#runners = new ConnectorRunners(this.#context, this.#topics);
    this.#offsetAccess = {
      ...this.#context,
      runner: (name) => this.#runners.get(name),
      ownsConnector: (name) => this.#ownership.owns(name),
    };
    tablesBehind(options.metrics);
    this.#changes = new ConnectorChanges({
      options,
      configs: this.#configs,
      runners: this.#runners,
      offsets: this.#offsetAccess,
      ownership: () => this.#ownership,
      status: (name) => this.status(name),
      requireKafka: () => this.#requireKafka(),
    });
  }

  /** Before Kafka was heard. */
  async begin(known: KnownWork | undefined): Promise<void> {
    for (const [name, config] of this.#ownFile.connectors) this.#changes.check(name, config);
    this.#ownership = this.#ahead.ownership(known);
    this.#state = 'ahead';
    await this.#spool?.goOn((name) => this.#runners.get(name) !== undefined);
    this.#runners.gained(Promise.resolve());
  }

  /** Kafka is there: its tables count from now on. Can be tried again where it fails. */
  async takeUp(): Promise<void> {
    if (this.#state === 'healthy') return;
    for (const [name, config] of this.#ownFile.connectors) this.#changes.check(name, config);
    this.#ahead.tablesComing();
    if (!this.#tables.config.isAttached) this.#earlyCommands.reset();
    await attachTables(this.#options, this.#tables, {
      configRead: () => this.#earlyCommands.begin(),
      config: (key, value) => this.configChanged(key, value),
      status: (key, value) => this.statusChanged(key, value),
    });
    this.#tablesRead.resolve();
    this.#requireRunning();
    await this.#ownFile.write();
    await this.#spool?.goOn((name) => this.#runners.get(name) !== undefined);
    const { share, clock, log, metrics, broker } = this.#options;
    if (share !== undefined) {
      const joined = await joinWorkers({
        ...share,
        broker,
        clock,
        log,
        metrics,
        weights: (partitions) => weightsOf(this.#taskCounts(), partitions),
        outlastsSilence: (name) => this.#ahead.outlastsSilence(name),
        ...this.#others(share),
        onGained: () => this.#gained(),
        onLess: (how) => this.#less(how),
        onShared: () => this.#keepAhead(),
      });
      this.#ownership = joined;
    } else this.#ownership = everything;
    if (this.#state === 'stopping') await this.#ownership.close();
    this.#requireRunning();
    await this.#leadership.update();
    this.#requireRunning();
    this.#state = 'healthy';
    void this.#addresses?.tell();
    const everyMs = this.#options.referencesEveryMs ?? referencesEveryMs;
    this.#referencesTimer = setInterval(() => this.#runners.rereadReferences(), everyMs).unref();
    const offsetsOfRunner = (name: string): OffsetTable => this.#runners.get(name)?.offsets ?? this.#context.offsets;
    this.#runners.compare(async (name) => {
      if (!this.#ahead.isAsBefore(name)) return false;
      return (await this.#spool?.isSuperseded(name, offsetsOfRunner(name))) !== true;
    });
    this.#gained();
    this.#keepAhead();
    for (const [key, value] of this.#earlyCommands.take()) this.configChanged(key, value);
  }

  /** It is tried again. */
  notTakenUp(error: unknown): void {
    this.#takeUpFailures.value++;
    this.#notTakenUp = describeError(error);
  }

  /** A new try has found nobody there. */
  isUnreachable(): void {
    this.#notTakenUp = undefined;
  }

  /** Why nothing can be changed yet. */
  waitsForKafka(): string | undefined {
    if (this.#state !== 'ahead') return undefined;
    const meanwhile = 'tasks with a spool receive meanwhile';
    return this.#notTakenUp === undefined
      ? `The worker waits for its Kafka, which cannot be reached; ${meanwhile}. The log says why`
      : `The worker waits for its Kafka; ${meanwhile}. The last try failed: ${this.#notTakenUp}`;
  }

  /** An entry was written to the status topic, by whichever worker. */
  statusChanged(key: string, value: string | null): void {
    if (this.#state !== 'healthy') return;
    this.#leadership.statusChanged(key);
    const task = value?.includes(this.#options.workerId) === true ? taskOfStatus(key) : undefined;
    if (task !== undefined) this.#keepAhead(task.connector);
    // Told before a worker leaves the group: who hears it looks for the group's own word at once, and not with its next heartbeat.
    const leaving = givenUpBy(value);
    if (leaving !== undefined && leaving !== this.#options.workerId) this.#ownership.expectSharing();
  }

  /** An entry was written to the configuration topic, by whichever worker. */
  configChanged(key: string, value: string | null): void {
    const entry = configEntry(key, value);
    if (entry === undefined) return;
    if (this.#state !== 'healthy') {
      this.#earlyCommands.note(entry, key, value);
      return;
    }
    switch (entry.kind) {
      case 'connector':
        if (entry.isRemoved) this.#runners.remove(entry.name);
        else if (this.#ownership.owns(entry.name)) this.#runners.apply(entry.name);
        this.#keepAhead(entry.name);
        break;
      case 'target':
        this.#keepAhead(entry.name);
        if (this.#configs.connector(entry.name) !== undefined) this.#runners.apply(entry.name);
        break;
      case 'tasks':
        this.#keepAhead(entry.name);
        this.#ownership.weightsChanged();
        if (this.#configs.connector(entry.name) !== undefined && !this.#ownership.owns(entry.name))
          this.#runners.apply(entry.name);
        this.#runners.tasksMade(entry.name);
        break;
      case 'restart': {
        const status = this.status(entry.name);
        if (status !== undefined) this.#runners.restartOwn(status, entry.command);
        break;
      }
      case 'logger':
        this.#options.onLoggerLevel?.(entry.logger, entry.level);
        break;
      default:
        unreachable(entry);
    }
  }

  /** Which worker answers where only one of the group may. */
  leader(): Leader {
    // Nobody else could be asked, and this one says that it waits.
    if (this.#state === 'ahead') return { kind: 'self' };
    return this.#leadership.leader();
  }

  /** Resolves when the tables show what other workers have changed before, and could read themselves. */
  async caughtUp(): Promise<void> {
    await Promise.all(Object.values(this.#tables).map((table) => table.caughtUpWithCommitted()));
  }

  clusterId(): Promise<string> {
    return this.#options.broker.clusterId();
  }

  health(): { readonly state: 'healthy' | 'starting' | 'unhealthy'; readonly reason?: string } {
    if (this.#state === 'stopping') return { state: 'unhealthy', reason: 'the worker is stopping' };
    if (this.#state === 'ahead') return { state: 'starting', reason: this.waitsForKafka()! };
    if (this.#ownership.failure !== undefined) return { state: 'unhealthy', reason: this.#ownership.failure };
    const { config: configs, offset, status } = this.#tables;
    const lost = [configs, offset, status].find(({ isLost }) => isLost);
    if (lost !== undefined) {
      return {
        state: 'unhealthy',
        reason: `topic "${lost.topic}", which the worker keeps its state in, cannot be read`,
      };
    }
    const trouble = this.#options.trouble?.();
    return trouble === undefined ? { state: this.#state } : { state: 'unhealthy', reason: trouble };
  }

  /** How it hears this group; undefined where it is not one of it. */
  hearing(group: GroupIdentity): Hearing | undefined {
    return this.#ownership.hearing(group);
  }

  connectorNames(): readonly string[] {
    return this.#configs.connectors();
  }

  connector(name: string): ConnectorView | undefined {
    const config = this.#configs.asGiven(name);
    if (config === undefined) return undefined;
    const taskConfigs = this.#configs.tasks(name);
    return { name, type: this.#classes.typeOf(config), config, tasks: taskConfigs };
  }

  status(name: string): ConnectorStatus | undefined {
    const config = this.#configs.connector(name);
    if (config === undefined) return undefined;
    const { workerId } = this.#options;
    const sources = { ownership: this.#ownership, statuses: this.#context.statuses, workerId };
    const status = connectorStatus(name, this.#runners.get(name), this.#configs.tasks(name).length, sources);
    const shown = status ?? (this.#state === 'ahead' ? { connector: waiting, tasks: [] } : undefined);
    return shown && { name, type: this.#classes.typeOf(config), ...shown };
  }

  async offsets(name: string): Promise<readonly SourceOffset[]> {
    this.#requireKafka();
    return offsetsOf(this.#offsetAccess, name, this.#changes.known(name));
  }

  alterOffsets(name: string, changes: readonly OffsetChange[]): Promise<boolean> {
    return this.#changes.alterOffsets(name, changes);
  }

  resetOffsets(name: string): Promise<boolean> {
    return this.#changes.resetOffsets(name);
  }

  /** Topics that the connector has written to since they were last forgotten; none of one that there is not. */
  topics(name: string): readonly string[] {
    return this.#topics.of(name);
  }

  async resetTopics(name: string): Promise<void> {
    this.#requireKafka();
    await this.#topics.reset(name);
  }

  plugins(): readonly Plugin[] {
    return pluginsOf(this.#options);
  }

  pluginConfig(name: string): readonly ConfigKeyInfo[] | undefined {
    return pluginOptions(name, this.#options);
  }

  /** What Kafka Connect would say to a configuration. CONFIG_INVALID, INVALID_CONFIG: see connectorValues. */
  validate(config: RawConfigWithNulls): ConfigInfos {
    const resolved = this.#changes.resolved(config);
    return validationAnswer(resolved['connector.class'] ?? '', connectorValues(config, resolved, this.#options));
  }

  secretKeys(config: RawConfigWithNulls): ReadonlySet<string> {
    return this.#classes.secretKeys(config);
  }

  create(name: string, config: RawConfigWithNulls, initialState: 'RUNNING' | 'PAUSED' | 'STOPPED'): Promise<void> {
    return this.#changes.create(name, config, initialState);
  }

  patch(name: string, change: (config: RawConfigWithNulls) => RawConfigWithNulls): Promise<void> {
    return this.#changes.patch(name, change);
  }

  put(name: string, config: RawConfigWithNulls): Promise<'created' | 'updated'> {
    return this.#changes.put(name, config);
  }

  delete(name: string): Promise<void> {
    return this.#changes.delete(name);
  }

  pause(name: string): Promise<void> {
    return this.#changes.setTarget(name, 'PAUSED');
  }

  resume(name: string): Promise<void> {
    return this.#changes.setTarget(name, 'STARTED');
  }

  stop(name: string): Promise<void> {
    return this.#changes.setTarget(name, 'STOPPED');
  }

  restart(name: string, options: RestartOptions): Promise<ConnectorStatus> {
    return this.#changes.restart(name, options);
  }

  restartTask(name: string, task: number): Promise<void> {
    return this.#changes.restartTask(name, task);
  }

  setClusterLogLevel(logger: string, level: string): Promise<void> {
    return this.#changes.setClusterLogLevel(logger, level);
  }

  /**
   * Stops everything, writing what was received and where it ended. Bounded by the time a task may take to stop. Whoever
   * asks again waits for the same end.
   */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** What could not be written; undefined before `close` has ended. */
  get end(): WorkerEnd | undefined {
    return this.#end;
  }

  async #close(): Promise<void> {
    const startedAtMs = this.#options.clock.monotonicMs();
    const isKnown = this.#state === 'healthy';
    this.#state = 'stopping';
    clearInterval(this.#referencesTimer);
    this.#changes.end();
    this.#leadership.stop();
    await this.#runners.stop();
    if (isKnown) this.#ahead.leaves();
    // A broker that is away must not hold up the end: a status that is not written shows as an unclean end later.
    await withTimeout(this.#spool?.close() ?? Promise.resolve(), spoolCloseMs, 'Closing the spool').catch(
      (error: unknown) => this.#options.log.warn('spool_not_closed', { reason: describeError(error) }),
    );
    const own = this.#runners.closeOffsets();
    const tables = Object.values(this.#tables);
    const closing = this.#context.statuses
      .settled()
      .then(() => (isKnown && this.#ownership.isSure ? this.#addresses?.takeBack() : undefined))
      // Others take the work over once this worker has left, and find the statuses that it has written.
      .then(() => this.#ownership.close())
      .then(() => Promise.all([own, this.#leaderWrites.release(), ...tables.map((table) => table.close())]));
    const { gracefulStopMs = defaultGracefulStopMs, log, clock } = this.#options;
    const leftMs = Math.max(gracefulStopMs - (clock.monotonicMs() - startedAtMs), tablesCloseMs);
    const brokerAway = await closedInTime(closing, tables, leftMs);
    if (brokerAway !== undefined) log.warn('tables_not_closed', { reason: brokerAway });
    this.#end = { brokerAway, unwritten: this.#runners.unwritten() };
  }

  #requireKafka(): void {
    const reason = this.waitsForKafka();
    if (reason !== undefined) throw new TributaryError('BROKER_UNAVAILABLE', reason, { retriable: true });
  }

  #requireRunning(): void {
    if (this.#state === 'stopping') throw new TributaryError('ABORTED', 'The worker was stopped before it had started');
  }

  /** The group has given this worker more to do. What those who did it before have told is read first. */
  #gained(): void {
    if (this.#state !== 'healthy') return;
    void this.#leadership.update();
    this.#keepAhead();
    this.#runners.gained(this.#ownership === everything ? Promise.resolve() : this.#tablesCaughtUp());
  }

  /** The group takes work away. Where it waits for that, nobody leads in this one's place before its last write is there. */
  async #less(how: 'released' | 'lost'): Promise<void> {
    const left = this.#leadership.less();
    await this.#runners.gaveUp(how);
    this.#keepAhead();
    if (how === 'released') await left;
  }

  async #tablesCaughtUp(): Promise<void> {
    const read = Promise.all(Object.values(this.#tables).map((table) => table.caughtUp()));
    await withTimeout(read, tablesPatienceMs, 'Reading the tables').catch((error: unknown) => {
      tablesBehind(this.#options.metrics).value++;
      this.#options.log.warn('tables_behind', { reason: describeError(error) });
    });
  }

  /** For a start while Kafka is away. `name`: of no other connector anything has changed. */
  #keepAhead(name?: string): void {
    if (this.#state === 'healthy') this.#ahead.changed(name);
  }

  #others({ askOther: ask, sessionTimeoutMs }: ShareOptions): { readonly others?: Others } {
    const { log, clock } = this.#options;
    if (ask === undefined || this.#spool === undefined) return {};
    const urls = (): readonly string[] => this.#addresses?.others() ?? [];
    return { others: new Others({ ask, urls, sessionTimeoutMs, log, clock }) };
  }

  #taskCounts(): (readonly [string, number])[] {
    return this.connectorNames().map((name) => [name, this.#configs.tasks(name).length] as const);
  }
}
