/** One connector as configured: its tasks, their states, and the changes between running, paused and stopped. */
import { isDeepStrictEqual } from 'node:util';
import { describeError, TributaryError } from '../base/errors.ts';
import { parse, type RawConfig, type RawConfigWithNulls } from '../config/config-def.ts';
import type { Connector } from '../connectors/contract.ts';
import { unrestricted } from '../net/outbound-policy.ts';
import type { Log } from '../telemetry/log.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { builtInTransforms } from '../transform/catalogue.ts';
import { makeChain } from '../transform/chain.ts';
import { connectorProducer, idleClientKeys } from './client-overrides.ts';
import type { ConfigTable, TargetState } from './config-table.ts';
import { type ConnectorOffsets, openConnectorOffsets } from './connector-offsets.ts';
import { converterNames, selectConverters } from './converter-selection.ts';
import { type DeadLetterTopic, errorPolicyOf } from './error-policy.ts';
import { frameworkConfig } from './framework-config.ts';
import type { OffsetTable } from './offset-table.ts';
import { findConnector } from './plugins.ts';
import { RestartSchedule, restartPolicyOf, restartText } from './restart-schedule.ts';
import type { RunningTask } from './running-task.ts';
import { startSinkTask } from './sink-task.ts';
import { type SourceTaskOptions, startSourceTask } from './source-task.ts';
import { type Startups, startups } from './startups.ts';
import type { State, Status } from './status-table.ts';
import type { StatusWriter } from './status-writer.ts';
import { TaskClock } from './task-clock.ts';
import { TaskRunner } from './task-runner.ts';
import { ensureDeadLetterTopic, ensureTopic, topicGroups } from './topic-creation.ts';
import { transactionBoundaryOf } from './transaction-boundary.ts';
import { unknownConnectorKeys } from './unknown-keys.ts';
import { checkConnectorConfig } from './validation.ts';
import { defaultGracefulStopMs, defaultTables, type WorkerOptions } from './worker-options.ts';

export interface ConnectorState {
  readonly state: State;
  readonly trace: string | null;
  readonly version: string | null;
  /** When it is started again, where it could not be started. */
  readonly detail?: string;
}

export interface RunnerContext {
  readonly options: WorkerOptions;
  readonly configs: ConfigTable;
  readonly offsets: OffsetTable;
  readonly statuses: StatusWriter;
  /** Told of the topics that a task has written to, again and again: it must be cheap. */
  readonly onTopic?: (connector: string, task: number, topic: string) => void;
  /** Has the connector started again, in its turn among other changes to it. */
  readonly startAgain?: (connector: string) => void;
}

interface Task {
  readonly config: RawConfig;
  readonly runner: TaskRunner;
  readonly metrics: Metrics;
  /** False where its last start failed before the source was asked for anything. */
  readonly isLoaded: () => boolean;
}

const restartsName = 'tributary_connector_restarts_total';
const restartsHelp = 'Starts of failed connectors that nobody asked for';
/** Beyond the time for a graceful stop: for wrapping up, before a task is given up. */
const abandonAfterMs = 3_000;

const stateOf: Readonly<Record<TargetState, State>> = { STARTED: 'RUNNING', PAUSED: 'PAUSED', STOPPED: 'STOPPED' };

export class ConnectorRunner {
  readonly name: string;
  readonly #context: RunnerContext;
  readonly #log: Log;
  readonly #startups: Startups;
  readonly #taskStartups: Startups;
  #state: ConnectorState = { state: 'UNASSIGNED', trace: null, version: null };
  #tasks: Task[] = [];
  /** How the last run of each task in this process ended; false while it runs. */
  readonly #clean = new Map<number, boolean>();
  readonly #schedule = new RestartSchedule();
  #ownOffsets: ConnectorOffsets | undefined;
  #restartTimer: NodeJS.Timeout | undefined;

  constructor(name: string, context: RunnerContext) {
    this.name = name;
    this.#context = context;
    this.#log = context.options.log.child({ connector: name });
    this.#startups = startups(context.options.metrics, 'connector');
    this.#taskStartups = startups(context.options.metrics, 'task');
  }

  get state(): ConnectorState {
    return this.#state;
  }

  get tasks(): readonly Omit<Task, 'metrics'>[] {
    return this.#tasks;
  }

  /** Brings the connector to what its configuration and target state say, from whatever it was doing. */
  async apply(): Promise<void> {
    const { configs } = this.#context;
    const target = configs.targetState(this.name);
    await this.stopTasks(target === 'STARTED' ? 'UNASSIGNED' : stateOf[target]);
    const stored = configs.connector(this.name);
    if (stored === undefined) return;
    let made: { readonly connector: Connector; readonly taskConfigs: readonly RawConfig[] };
    try {
      made = await this.#startups.counted(() => {
        requireTexts(configs.asGiven(this.name) ?? stored);
        return this.#make(stored);
      });
    } catch (error) {
      this.#forgetTasks(0);
      this.#failed(stored, error, null);
      return;
    }
    const { connector, taskConfigs } = made;
    try {
      await this.#openOffsets(connector, stored);
    } catch (error) {
      this.#forgetTasks(0);
      this.#failed(stored, error, connector.version);
      return;
    }
    // Tasks are made by a running connector: one that was stopped, or never ran, has none while it is paused.
    const known = configs.tasks(this.name);
    const shown = target === 'STARTED' || (target === 'PAUSED' && known.length > 0) ? taskConfigs : [];
    if (!isDeepStrictEqual(known, shown)) await configs.putTasks(this.name, shown);
    this.#schedule.reset();
    this.#become({ state: stateOf[target], trace: null, version: connector.version });
    this.#forgetTasks(shown.length);
    if (target === 'STARTED') {
      this.#tasks = shown.map((config, task) => this.#task(connector, config, task));
      await Promise.all(this.#tasks.map(({ runner }) => runner.start()));
    } else if (
      !isDeepStrictEqual(
        this.#tasks.map(({ config }) => config),
        shown,
      )
    ) {
      this.#tasks = shown.map((config, task) => this.#task(connector, config, task));
      await Promise.all(this.#tasks.map(({ runner }) => runner.stop(stateOf[target])));
    }
  }

  /** Nothing happens while the connector shall not run: its tasks are made anew when it does. */
  async restartTask(task: number): Promise<void> {
    const found = this.#tasks[task];
    if (found === undefined) throw new TributaryError('NOT_FOUND', `Unknown task: ${this.name}-${task}`);
    if (this.#context.configs.targetState(this.name) !== 'STARTED') return;
    await found.runner.stop('RESTARTING');
    await found.runner.start();
  }

  async stopTasks(after: State): Promise<void> {
    clearTimeout(this.#restartTimer);
    await Promise.all(this.#tasks.map(({ runner }) => runner.stop(after)));
    for (const { metrics } of this.#tasks) metrics.remove();
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

  async #openOffsets(connector: Connector, stored: RawConfig): Promise<void> {
    const { options, offsets } = this.#context;
    const wanted = (options.resolve?.(stored, 'keep') ?? stored)['offsets.storage.topic']?.trim();
    const workers = (options.tables ?? defaultTables).offset;
    const topic = connector.kind === 'source' && wanted !== workers.topic ? wanted : undefined;
    if (this.#ownOffsets?.topic === topic) return;
    await this.closeOffsets();
    if (topic === undefined) return;
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
    this.#become({ state: 'FAILED', trace, version, ...detail });
    if (planned === undefined) return;
    this.#log.info('connector_restart_scheduled', { after_ms: planned.afterMs, failures: planned.failures });
    this.#restartTimer = setTimeout(() => {
      options.metrics.counter(restartsName, restartsHelp, { connector: this.name }).value++;
      startAgain?.(this.name);
    }, planned.afterMs);
  }

  #make(stored: RawConfig): { connector: Connector; taskConfigs: readonly RawConfig[] } {
    const { options } = this.#context;
    // A reference that stands for nothing fails the task that would use it, as in Kafka Connect: the connector is there.
    const config = options.resolve?.(stored, 'keep') ?? stored;
    const values = checkConnectorConfig(this.name, stored, config, options);
    const connector = findConnector(options.connectors, config['connector.class'] ?? '');
    for (const { key, reason } of unknownConnectorKeys(config, connector, values)) {
      this.#log.warn('unknown_key', { key, hint: reason });
    }
    // Its tasks read these again: what is wrong with them is known before there are any.
    topicGroups(config);
    for (const { key, reason } of connectorProducer(config).warnings)
      this.#log.warn('idle_key', { key: `producer.override.${key}`, reason });
    for (const key of idleClientKeys(config)) this.#log.warn('idle_key', { key, reason: 'it has no meaning here' });
    if (config['config.action.reload'] === 'restart')
      this.#log.warn('idle_key', { key: 'config.action.reload', reason: 'values behind references are not watched' });
    const { 'tasks.max': max, 'tasks.max.enforce': enforced } = parse(frameworkConfig, config);
    const taskClass = taskClassOf(connector);
    const taskConfigs = this.#atMost(max, enforced, connector.tasks(config, max)).map((task) => ({
      ...withReferences(task, config, stored),
      'task.class': taskClass,
    }));
    return { connector, taskConfigs };
  }

  #atMost(max: number, enforced: boolean, taskConfigs: readonly RawConfig[]): readonly RawConfig[] {
    if (taskConfigs.length <= max) return taskConfigs;
    if (enforced) {
      throw new TributaryError(
        'CONFIG_INVALID',
        `Cannot start connector "${this.name}": it makes ${taskConfigs.length} tasks, and tasks.max allows ${max}; ` +
          'tasks.max.enforce=false lets it have them',
      );
    }
    this.#log.warn('tasks_max_exceeded', { tasks: taskConfigs.length, tasks_max: max });
    return taskConfigs;
  }

  #task(connector: Connector, config: RawConfig, task: number): Task {
    const { options, statuses } = this.#context;
    const metrics = options.metrics.child({ connector: this.name, task: String(task) });
    const log = this.#log.child({ task }, `${taskClassOf(connector)}.${this.name}`);
    // What this process saw counts; the table tells of the process before, and is written behind our back.
    const unclean =
      connector.kind === 'source' && (this.#clean.get(task) ?? statuses.task(this.name, task)?.clean) === false;
    let first = true;
    let isLoaded = true;
    const clock = new TaskClock(options.clock, metrics);
    const runner = new TaskRunner({
      log,
      clock: options.clock,
      redact: options.redact ?? same,
      restart: restartPolicyOf(options.resolve?.(config, 'keep') ?? config, options.autoRestart ?? true),
      restarts: metrics.counter('tributary_task_restarts_total', 'Starts of failed tasks that nobody asked for'),
      stopTimeoutMs: (options.gracefulStopMs ?? defaultGracefulStopMs) + abandonAfterMs,
      onChange: ({ state, trace }, clean) => {
        this.#clean.set(task, clean);
        clock.become(state);
        statuses.putTask(this.name, task, this.#status(state, trace, isLoaded ? connector.version : null, clean));
      },
      start: async (setStatus) => {
        const previousEndUnclean = unclean && first;
        first = false;
        return this.#taskStartups.counted(() => {
          const resolved = options.resolve?.(config) ?? config;
          isLoaded = false;
          const start = this.#prepareTask(connector, resolved, task, previousEndUnclean, metrics, log, setStatus);
          isLoaded = true;
          return start();
        });
      },
    });
    return { config, runner, metrics, isLoaded: () => isLoaded };
  }

  /** Everything that can be wrong with a task's configuration is found here; what it gives starts the task. */
  #prepareTask(
    connector: Connector,
    config: RawConfig,
    task: number,
    previousEndUnclean: boolean,
    metrics: Metrics,
    log: Log,
    setStatus: (detail: string | undefined) => void,
  ): () => RunningTask {
    const { options, configs } = this.#context;
    const { broker, clock, random } = options;
    const outbound = options.outbound?.(this.name, configs.connector(this.name) ?? config) ?? unrestricted;
    const common = { name: this.name, task, config, broker, metrics, log, clock, random, outbound, setStatus };
    const flushMs = options.offsetFlushIntervalMs ?? 5_000;
    const errors = errorPolicyOf(config);
    if (errors.deadLetters !== undefined && errors.tolerance === 'none') {
      const reason = 'errors.tolerance is none: the first failed record fails the task';
      log.warn('dead_letters_unused', { topic: errors.deadLetters.topic, reason });
    }
    const producer = { ...options.producer, ...connectorProducer(config).options };
    const ensureDeadLetters = (target: DeadLetterTopic): Promise<void> => ensureDeadLetterTopic(broker, target, log);
    const redact = options.redact ?? same;
    const both = { ...common, errors, producer, ensureDeadLetters, redact };
    if (connector.kind === 'sink') return () => startSinkTask({ ...both, connector, commitIntervalMs: flushMs });
    const creation = options.topicCreation ?? { autoCreate: true, partitions: 1 };
    const groups = topicGroups(config);
    const sourceOptions: SourceTaskOptions = {
      ...both,
      connector,
      offsets: this.offsets,
      previousEndUnclean,
      onTopic: (topic) => this.#context.onTopic?.(this.name, task, topic),
      transforms: makeChain(config, options.transforms ?? builtInTransforms),
      converters: selectConverters(config, options.converters ?? {}, {
        clock,
        outbound,
        ...(options.converterClasses === undefined ? {} : { classes: options.converterClasses }),
      }),
      converterNames: converterNames(config, options.converters ?? {}),
      ensureTopic: (topic) => ensureTopic(broker, topic, creation, groups, log),
      offsetFlushIntervalMs: flushMs,
      offsetFlushTimeoutMs: options.offsetFlushTimeoutMs ?? 5_000,
      ...(options.exactlyOnceSources === true
        ? {
            exactlyOnce: {
              transactionalId: `${options.groupId ?? 'tributary'}-${this.name}-${task}`,
              boundary: transactionBoundaryOf(config, flushMs),
            },
          }
        : {}),
      gracefulStopMs: options.gracefulStopMs ?? defaultGracefulStopMs,
    };
    return () => startSourceTask(sourceOptions);
  }

  /** Statuses of tasks from this number on; their runners have been stopped. */
  #forgetTasks(from: number): void {
    for (let task = from; task < this.#tasks.length; task++) {
      this.#context.statuses.removeTask(this.name, task);
      this.#clean.delete(task);
    }
    this.#tasks.length = Math.min(this.#tasks.length, from);
  }

  #become(state: ConnectorState): void {
    this.#state = state;
    this.#context.statuses.putConnector(this.name, this.#status(state.state, state.trace, state.version));
    if (state.state === 'FAILED') this.#log.error('connector_failed', { reason: state.trace });
  }

  #status(state: State, trace: string | null, version: string | null, clean?: boolean): Status {
    const status = { state, trace, workerId: this.#context.options.workerId, version };
    return clean === undefined ? status : { ...status, clean };
  }
}

function same(text: string): string {
  return text;
}

/** Connect stores a null and fails at the start; what it would mean nobody can tell. */
function requireTexts(config: RawConfigWithNulls): void {
  const key = Object.keys(config).find((name) => config[name] === null);
  if (key === undefined) return;
  throw new TributaryError(
    'CONFIG_INVALID',
    `Cannot start with null as the value of "${key}": give it a text, or leave it out`,
  );
}

/** A source's task is named as Kafka Connect's connectors name theirs; nothing here reads it, clients show it. */
function taskClassOf({ name, classNames }: Connector): string {
  return (classNames[0] ?? name).replace(/(Connector)?$/, 'Task');
}

/** A task's configuration as it may be stored and shown: with the references that its values came from. */
function withReferences(task: RawConfig, resolved: RawConfig, stored: RawConfig): RawConfig {
  return Object.fromEntries(
    Object.entries(task).map(([key, value]) => [key, value === resolved[key] ? (stored[key] ?? value) : value]),
  );
}
