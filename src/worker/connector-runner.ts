/**
 * One connector as configured, as far as it is this worker's: the connector itself (its checks, the making of its tasks,
 * its state) and those of its tasks that the worker owns, with the changes between running, paused and stopped.
 */
import { isDeepStrictEqual } from 'node:util';
import { describeError, isRetriable, TributaryError } from '../base/errors.ts';
import type { RawConfig } from '../config/config-def.ts';
import type { Connector } from '../connectors/contract.ts';
import { LimitedWarning } from '../telemetry/limited-log.ts';
import type { Log } from '../telemetry/log.ts';
import type { Ownership } from './cluster/ownership.ts';
import type { ConfigTable, TargetState } from './config-table.ts';
import { type MadeConnector, makeConnector } from './connector-making.ts';
import { type ConnectorOffsets, openConnectorOffsets } from './connector-offsets.ts';
import type { OffsetTable } from './offset-table.ts';
import { onlyOwnDiffer } from './own-options.ts';
import { findConnector } from './plugins.ts';
import { RestartSchedule, restartPolicyOf, restartText } from './restart-schedule.ts';
import type { WorkerSpool } from './spool/worker-spool.ts';
import { type Startups, startups } from './startups.ts';
import type { State } from './status-table.ts';
import type { StatusWriter } from './status-writer.ts';
import { type Task, TaskFactory } from './task-factory.ts';
import { defaultTables, type WorkerOptions } from './worker-options.ts';

export interface ConnectorState {
  readonly state: State;
  readonly trace: string | null;
  readonly version: string | null;
  /** When it is started again, where it could not be started. */
  readonly detail?: string;
}

export interface RunnerContext {
  readonly options: WorkerOptions;
  readonly ownership: Pick<Ownership, 'owns' | 'mayWrite'>;
  readonly configs: ConfigTable;
  readonly offsets: OffsetTable;
  readonly statuses: StatusWriter;
  /** Told of the topics that a task has written to, again and again: it must be cheap. */
  readonly onTopic?: (connector: string, task: number, topic: string) => void;
  /** Has the connector started again, in its turn among other changes to it. */
  readonly startAgain?: (connector: string) => void;
  /** Where the worker's broker is not on this machine. */
  readonly spool?: WorkerSpool;
}

const restartsName = 'tributary_connector_restarts_total';
const restartsHelp = 'Starts of failed connectors that nobody asked for';

const rereadName = 'tributary_connector_references_changed_total';
const rereadHelp =
  'Times that something else stood behind references of a running task, which goes on by it since then';

const stateOf: Readonly<Record<TargetState, State>> = { STARTED: 'RUNNING', PAUSED: 'PAUSED', STOPPED: 'STOPPED' };
const unassigned: ConnectorState = { state: 'UNASSIGNED', trace: null, version: null };

export class ConnectorRunner {
  readonly name: string;
  readonly #context: RunnerContext;
  readonly #log: Log;
  readonly #startups: Startups;
  readonly #factory: TaskFactory;
  readonly #unreadable: LimitedWarning;
  #state = unassigned;
  /** The connector itself was made here, by the configuration there is. */
  #isMade = false;
  readonly #tasks = new Map<number, Task>();
  readonly #schedule = new RestartSchedule();
  #ownOffsets: ConnectorOffsets | undefined;
  #restartTimer: NodeJS.Timeout | undefined;

  constructor(name: string, context: RunnerContext) {
    this.name = name;
    this.#context = context;
    const { options, configs, statuses, onTopic, ownership } = context;
    this.#log = options.log.child({ connector: name });
    this.#startups = startups(options.metrics, 'connector');
    this.#unreadable = new LimitedWarning(this.#log, 'references_unreadable', options.clock);
    this.#factory = new TaskFactory({
      name,
      options,
      configs,
      statuses,
      offsets: () => this.offsets,
      mayCommit: (task) => ownership.mayWrite(name, task),
      onTopic: (task, topic) => onTopic?.(name, task, topic),
      spool: context.spool,
      log: this.#log,
    });
  }

  get state(): ConnectorState {
    return this.#state;
  }

  /** Those that run here, or would. */
  get tasks(): ReadonlyMap<number, Omit<Task, 'metrics'>> {
    return this.#tasks;
  }

  /** Brings the connector to what its configuration and target state say, from whatever it was doing. */
  async apply(): Promise<void> {
    const { configs } = this.#context;
    const target = configs.targetState(this.name);
    if (target === 'STARTED' && (await this.#changeInPlace())) return;
    await this.stopTasks(target === 'STARTED' ? 'UNASSIGNED' : stateOf[target]);
    const stored = configs.connector(this.name);
    if (stored === undefined) return;
    if (!this.#owns(0)) {
      await this.adjust();
      return;
    }
    const made = await this.#make(stored, true);
    if (made !== undefined) await this.#bringTasks(made.connector);
  }

  /** The tables are read now, and say what was known of them before: what runs by it is not touched. */
  async confirm(): Promise<void> {
    if (this.#owns(0)) this.#isMade = false;
    await this.adjust();
  }

  /** What this worker owns has changed, or somebody else has made the tasks anew: what need not change is not touched. */
  async adjust(): Promise<void> {
    const stored = this.#context.configs.connector(this.name);
    if (stored === undefined) return;
    if (!this.#owns(0)) this.#leaveConnector();
    else if (!this.#isMade) {
      const made = await this.#make(stored, false);
      if (made !== undefined) await this.#bringTasks(made.connector);
      return;
    }
    const isAnyMine =
      this.#tasks.size > 0 || this.#context.configs.tasks(this.name).some((_, task) => this.#owns(task));
    if (!isAnyMine) {
      if (!this.#owns(0)) await this.closeOffsets();
      return;
    }
    try {
      const { options } = this.#context;
      const config = options.resolve?.(stored, 'keep') ?? stored;
      const connector = findConnector(options.connectors, config['connector.class'] ?? '');
      await this.#openOffsets(connector, stored);
      await this.#bringTasks(connector);
    } catch (error) {
      this.#tasksFailed(error);
    }
  }

  /** Ends at once what is another worker's now, which may be at it already. */
  async lose(): Promise<void> {
    if (!this.#owns(0)) {
      clearTimeout(this.#restartTimer);
      this.#isMade = false;
      this.#state = unassigned;
    }
    const lost = [...this.#tasks].filter(([task]) => !this.#owns(task));
    for (const [task, { metrics }] of lost) {
      this.#tasks.delete(task);
      this.#factory.forget(task);
      metrics.remove();
    }
    await Promise.all(lost.map(([, { runner }]) => runner.lose()));
  }

  /** Nothing happens while the connector shall not run: its tasks are made anew when it does. */
  async restartTask(task: number): Promise<void> {
    const found = this.#tasks.get(task);
    if (found === undefined) throw new TributaryError('NOT_FOUND', `Unknown task: ${this.name}-${task}`);
    if (this.#context.configs.targetState(this.name) !== 'STARTED') return;
    await found.runner.stop('RESTARTING');
    await found.runner.start();
  }

  /**
   * Looks again for what references in the configuration stand for, a token in a file, say. Tasks that it concerns go on by it:
   * at once where they can, or else started anew, also those that it had made fail. What cannot be read changes nothing.
   */
  async rereadReferences(): Promise<void> {
    const { configs, options } = this.#context;
    if (configs.targetState(this.name) !== 'STARTED') return;
    for (const [task, { reread }] of [...this.#tasks]) {
      let found: ReturnType<typeof reread>;
      try {
        found = reread();
      } catch (error) {
        this.#unreadable.warn({ task, reason: describeError(error) });
        continue;
      }
      if (found === 'same') continue;
      options.metrics.counter(rereadName, rereadHelp, { connector: this.name }).value++;
      const detail = found === 'taken' ? 'it goes on by the new values' : 'it is started again';
      this.#log.info('references_changed', { task, detail });
      if (found === 'differs') await this.restartTask(task);
    }
  }

  async stopTasks(after: State): Promise<void> {
    clearTimeout(this.#restartTimer);
    const tasks = [...this.#tasks.values()];
    await Promise.all(tasks.map(({ runner }) => runner.stop(after)));
    for (const { metrics } of tasks) metrics.remove();
  }

  /** Where the connector's offsets are: a table of its own stays open in every state, as they may be asked for. */
  get offsets(): OffsetTable {
    return this.#ownOffsets ?? this.#context.offsets;
  }

  /** Behind the last of its tasks. */
  async closeOffsets(): Promise<void> {
    const own = this.#ownOffsets;
    this.#ownOffsets = undefined;
    await own?.close();
  }

  #owns(task: number): boolean {
    return this.#context.ownership.owns(this.name, task);
  }

  /** True where all its tasks run here and go on by the configuration there is now: nothing is started anew. */
  async #changeInPlace(): Promise<boolean> {
    const { options, configs } = this.#context;
    const stored = configs.connector(this.name);
    if (stored === undefined || !this.#isMade || this.#state.state !== 'RUNNING') return false;
    let made: MadeConnector;
    try {
      made = makeConnector(this.name, configs.asGiven(this.name) ?? stored, stored, options, this.#log);
    } catch {
      return false; // the start that follows tells what is wrong with it
    }
    const { connector, taskConfigs } = made;
    const tasks = taskConfigs.map((_, task) => this.#tasks.get(task));
    const isOwn = (config: RawConfig, task: number): boolean =>
      this.#owns(task) && onlyOwnDiffer(connector, tasks[task]?.config, config);
    if (taskConfigs.length === 0 || this.#tasks.size !== taskConfigs.length || !taskConfigs.every(isOwn)) return false;
    try {
      if (!taskConfigs.every((config, task) => tasks[task]!.change(config))) return false;
    } catch {
      return false; // a reference that stands for nothing, say: the start that follows tells
    }
    try {
      await configs.putTasks(this.name, taskConfigs);
    } catch (error) {
      if (isRetriable(error)) return false; // the start that follows writes them, or comes again
      throw error;
    }
    this.#log.info('connector_changed', { detail: 'its tasks go on by the new configuration' });
    return true;
  }

  /** Makes the connector and says so; undefined where that failed. `anew`: on somebody's word. */
  async #make(stored: RawConfig, anew: boolean): Promise<MadeConnector | undefined> {
    const { options, configs } = this.#context;
    const target = configs.targetState(this.name);
    let made: MadeConnector;
    let version: string | null = null;
    try {
      made = await this.#startups.counted(() =>
        makeConnector(this.name, configs.asGiven(this.name) ?? stored, stored, options, this.#log),
      );
      ({ version } = made.connector);
      await this.#openOffsets(made.connector, stored);
    } catch (error) {
      this.#forgetTasks(0);
      this.#failed(stored, error, version);
      return undefined;
    }
    // Tasks are made by a running connector: one that was stopped, or never ran, has none while it is paused.
    const known = configs.tasks(this.name);
    const shown = target === 'STARTED' || (target === 'PAUSED' && known.length > 0) ? made.taskConfigs : [];
    // Workers that run some of the tasks learn from the commit behind them that they are to be started anew.
    const othersRunSome = anew && shown.some((_, task) => !this.#owns(task));
    try {
      if (othersRunSome || !isDeepStrictEqual(known, shown)) await configs.putTasks(this.name, shown);
    } catch (error) {
      if (!isRetriable(error)) throw error;
      this.#failed(stored, error, version);
      return undefined;
    }
    this.#schedule.reset();
    this.#isMade = true;
    this.#become({ state: stateOf[target], trace: null, version });
    return made;
  }

  /** Starts, pauses and ends tasks of this worker, until they are what the table says. */
  async #bringTasks(connector: Connector): Promise<void> {
    const { configs } = this.#context;
    const target = configs.targetState(this.name);
    const configured = target === 'STOPPED' ? [] : configs.tasks(this.name);
    const foreign = [...this.#tasks.keys()].filter((task) => !this.#owns(task));
    await Promise.all(foreign.map((task) => this.#release(task)));
    await this.#endTasks(configured.length);
    await Promise.all(
      configured.map(async (config, task) => {
        if (this.#owns(task)) await this.#bringTask(connector, config, task, target);
      }),
    );
  }

  async #bringTask(connector: Connector, config: RawConfig, task: number, target: TargetState): Promise<void> {
    const known = this.#tasks.get(task);
    const isSame = known !== undefined && isDeepStrictEqual(known.config, config);
    if (target === 'STARTED') {
      if (isSame && known.runner.isWanted) return;
      await known?.runner.stop('UNASSIGNED');
      await this.#newTask(connector, config, task).runner.start();
      return;
    }
    const { runner } = isSame ? known : this.#newTask(connector, config, task);
    if (known !== undefined && !isSame) await known.runner.stop(stateOf[target]);
    await runner.stop(stateOf[target]);
  }

  #newTask(connector: Connector, config: RawConfig, task: number): Task {
    this.#tasks.get(task)?.metrics.remove();
    const made = this.#factory.make(connector, config, task);
    this.#tasks.set(task, made);
    return made;
  }

  /** The task moves to another worker: what it has goes out first, and its status says how it ended. */
  async #release(task: number): Promise<void> {
    const { runner, metrics } = this.#tasks.get(task)!;
    await runner.stop('UNASSIGNED');
    metrics.remove();
    this.#tasks.delete(task);
    this.#factory.forget(task);
  }

  async #endTasks(from: number): Promise<void> {
    const over = [...this.#tasks].filter(([task]) => task >= from);
    await Promise.all(over.map(([, { runner }]) => runner.stop('STOPPED')));
    this.#forgetTasks(from);
  }

  /** Statuses of tasks from this number on; their runners have been stopped. Each worker keeps those of its own. */
  #forgetTasks(from: number): void {
    const { statuses } = this.#context;
    const stored = statuses.tasks(this.name).filter((task) => this.#owns(task));
    for (const task of new Set([...this.#tasks.keys(), ...stored])) {
      if (task < from) continue;
      statuses.removeTask(this.name, task);
      this.#tasks.get(task)?.metrics.remove();
      this.#tasks.delete(task);
      this.#factory.forget(task);
    }
  }

  /** Another worker is to make its tasks and to tell its state. */
  #leaveConnector(): void {
    clearTimeout(this.#restartTimer);
    if (!this.#isMade && this.#state === unassigned) return;
    this.#isMade = false;
    this.#state = unassigned;
    this.#tell(unassigned);
  }

  async #openOffsets(connector: Connector, stored: RawConfig): Promise<void> {
    const { options, offsets } = this.#context;
    const topic = ownOffsetsTopic(connector, stored, options);
    if (this.#ownOffsets?.topic === topic) return;
    await this.closeOffsets();
    if (topic === undefined) return;
    const workers = (options.tables ?? defaultTables).offset;
    this.#ownOffsets = await openConnectorOffsets(options.broker, { ...workers, topic }, offsets, this.#log);
  }

  /** It could not be started: it says why, and tries again later where it shall run. */
  #failed(config: RawConfig, error: unknown, version: string | null): void {
    const { options, configs, startAgain } = this.#context;
    const trace = (options.redact ?? same)(describeError(error));
    const isWanted = startAgain !== undefined && configs.targetState(this.name) === 'STARTED';
    const planned = isWanted
      ? this.#schedule.next(restartPolicyOf(config, options.autoRestart ?? true), 0, error)
      : undefined;
    const detail = planned === undefined ? {} : { detail: restartText(planned, options.clock.nowMs()) };
    this.#isMade = false;
    clearTimeout(this.#restartTimer);
    this.#become({ state: 'FAILED', trace, version, ...detail });
    if (planned === undefined) return;
    this.#log.info('connector_restart_scheduled', { after_ms: planned.afterMs, failures: planned.failures });
    this.#restartTimer = setTimeout(() => {
      options.metrics.counter(restartsName, restartsHelp, { connector: this.name }).value++;
      startAgain?.(this.name);
    }, planned.afterMs);
  }

  /** A worker that cannot run tasks which another one has made (it lacks the plugin, say) says so in their statuses. */
  #tasksFailed(error: unknown): void {
    const { options, configs, statuses } = this.#context;
    const trace = (options.redact ?? same)(describeError(error));
    this.#log.error('tasks_failed', { reason: trace });
    for (const [task] of configs.tasks(this.name).entries()) {
      if (!this.#owns(task) || this.#tasks.has(task)) continue;
      const { workerId } = options;
      statuses.putTask(this.name, task, { state: 'FAILED', trace, workerId, version: null, clean: true });
    }
  }

  #become(state: ConnectorState): void {
    this.#state = state;
    this.#tell(state);
    if (state.state === 'FAILED') this.#log.error('connector_failed', { reason: state.trace });
  }

  #tell({ state, trace, version }: ConnectorState): void {
    const { workerId } = this.#context.options;
    this.#context.statuses.putConnector(this.name, { state, trace, workerId, version });
  }
}

/** The topic of its own that a source keeps its offsets in; undefined where that is the worker's. */
export function ownOffsetsTopic(connector: Connector, stored: RawConfig, options: WorkerOptions): string | undefined {
  const wanted = (options.resolve?.(stored, 'keep') ?? stored)['offsets.storage.topic']?.trim();
  const workers = (options.tables ?? defaultTables).offset;
  return connector.kind === 'source' && wanted !== workers.topic ? wanted : undefined;
}

function same(text: string): string {
  return text;
}
