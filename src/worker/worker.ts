/**
 * The worker: runs what its configuration table says, and changes that table for those who ask. One change a connector at
 * a time; connectors never wait for each other. Above 300 lines because it is the whole surface of the folder: each method
 * is a few lines that check, take their turn and hand on to the runner or a table.
 */
import { withTimeout } from '../base/abort.ts';
import { describeError, TributaryError } from '../base/errors.ts';
import type { ConfigInfos, ConfigKeyInfo } from '../config/config-infos.ts';
import { type RawConfig, type RawConfigWithNulls, withoutNulls } from '../config/raw.ts';
import type { Connector } from '../connectors/contract.ts';
import { type ActiveTopics, activeTopics } from './active-topics.ts';
import { connectorProducer } from './client-overrides.ts';
import { type ConfigTable, configTable, type TargetState } from './config-table.ts';
import { ConnectorRunner, type RunnerContext } from './connector-runner.ts';
import { connectorOptions } from './framework-config.ts';
import { changeOffsets, groupOf, type OffsetChange, type OffsetChangeTarget, resetOffsets } from './offset-changes.ts';
import { offsetTable, type SourceOffset } from './offset-table.ts';
import { type Plugin, pluginOptions, pluginsOf } from './plugin-catalogue.ts';
import { findConnector } from './plugins.ts';
import { statusTable } from './status-table.ts';
import { statusWriter } from './status-writer.ts';
import { openTable, type Table } from './table.ts';
import { checkConnectorConfig, connectorValues, validationAnswer } from './validation.ts';
import { defaultGracefulStopMs, defaultTables, type WorkerOptions } from './worker-options.ts';
import type { ConnectorStatus, ConnectorType, ConnectorView, PartStatus, RestartOptions } from './worker-view.ts';

export type { WorkerOptions } from './worker-options.ts';

/**
 * Opens the tables and starts what they hold. `fromFile` are connectors of the configuration file: they win over what the
 * table holds of the same names, with a warning where it differs.
 */
export async function startWorker(
  options: WorkerOptions,
  fromFile: Readonly<Record<string, RawConfig>> = {},
): Promise<Worker> {
  const { broker, log } = options;
  const topics = options.tables ?? defaultTables;
  const opened = await Promise.all(
    [topics.config, topics.offset, topics.status].map((table) => openTable({ ...table, broker, log })),
  );
  const [config, offset, status] = opened as [Table, Table, Table];
  const topicsWritten = activeTopics(status, options.clock, log);
  const context: RunnerContext = {
    options,
    configs: configTable(config),
    offsets: offsetTable(offset),
    statuses: statusWriter(statusTable(status), log),
    onTopic: topicsWritten.note,
  };
  const worker = new Worker(options, opened, context, topicsWritten);
  try {
    await worker.start(fromFile);
  } catch (error) {
    await worker.close();
    throw error;
  }
  return worker;
}

const targets = { RUNNING: 'STARTED', PAUSED: 'PAUSED', STOPPED: 'STOPPED' } as const;

export class Worker implements AsyncDisposable {
  readonly #options: WorkerOptions;
  readonly #tables: readonly Table[];
  readonly #context: RunnerContext;
  readonly #configs: ConfigTable;
  readonly #topics: ActiveTopics;
  readonly #runners = new Map<string, ConnectorRunner>();
  /** The change of each connector that is under way; the next one waits for it. */
  readonly #changes = new Map<string, Promise<unknown>>();
  /** Asked for each configuration that is shown. */
  readonly #secretKeys = new Map<Connector, ReadonlySet<string>>();
  #state: 'starting' | 'healthy' | 'stopping' = 'starting';

  constructor(options: WorkerOptions, tables: readonly Table[], context: RunnerContext, topics: ActiveTopics) {
    this.#options = options;
    this.#topics = topics;
    this.#tables = tables;
    this.#context = { ...context, startAgain: (name) => this.#applyInBackground(name) };
    this.#configs = context.configs;
  }

  async start(fromFile: Readonly<Record<string, RawConfig>>): Promise<void> {
    for (const [name, config] of Object.entries(fromFile)) await this.#takeFromFile(name, { ...config, name });
    for (const name of this.connectorNames()) this.#applyInBackground(name);
    this.#state = 'healthy';
  }

  clusterId(): Promise<string> {
    return this.#options.broker.clusterId();
  }

  health(): { readonly state: 'healthy' | 'starting' | 'unhealthy'; readonly reason?: string } {
    if (this.#state === 'stopping') return { state: 'unhealthy', reason: 'the worker is stopping' };
    const lost = this.#tables.find(({ isLost }) => isLost);
    if (lost !== undefined) {
      return {
        state: 'unhealthy',
        reason: `topic "${lost.topic}", which the worker keeps its state in, cannot be read`,
      };
    }
    const trouble = this.#options.trouble?.();
    return trouble === undefined ? { state: this.#state } : { state: 'unhealthy', reason: trouble };
  }

  connectorNames(): readonly string[] {
    return this.#configs.connectors();
  }

  connector(name: string): ConnectorView | undefined {
    const config = this.#configs.asGiven(name);
    if (config === undefined) return undefined;
    const taskConfigs = this.#configs.tasks(name);
    return { name, type: this.#typeOf(config), config, tasks: taskConfigs };
  }

  status(name: string): ConnectorStatus | undefined {
    const config = this.#configs.connector(name);
    const runner = this.#runners.get(name);
    if (config === undefined || runner === undefined) return undefined;
    const { workerId } = this.#options;
    const { version } = runner.state;
    return {
      name,
      type: this.#typeOf(config),
      connector: { ...runner.state, workerId },
      tasks: runner.tasks.map(({ runner: { state }, isLoaded }, task) => ({
        task,
        workerId,
        version: isLoaded() ? version : null,
        ...state,
      })),
    };
  }

  async offsets(name: string): Promise<readonly SourceOffset[]> {
    const config = this.#known(name);
    if (this.#typeOf(config) !== 'sink') return (this.#runners.get(name) ?? this.#context).offsets.all(name);
    const committed = await this.#options.broker.committedOffsets(groupOf(name));
    return committed.map(({ topic, partition, offset }) => ({
      partition: { kafka_topic: topic, kafka_partition: partition },
      offset: { kafka_offset: offset },
    }));
  }

  /** Changes stored offsets. True where the connector confirms it. CONFLICT unless it is stopped. */
  alterOffsets(name: string, changes: readonly OffsetChange[]): Promise<boolean> {
    const unnamed = changes.filter(({ partition }) => partition === null).length;
    if (unnamed > 0) {
      const reason = 'they name no partition of the source';
      this.#options.log.warn('offset_changes_ignored', { connector: name, changes: unnamed, reason });
    }
    return this.#whileStopped(name, (target) => changeOffsets(target, changes));
  }

  resetOffsets(name: string): Promise<boolean> {
    return this.#whileStopped(name, resetOffsets);
  }

  /** Topics that the connector has written to since they were last forgotten; none of one that there is not. */
  topics(name: string): readonly string[] {
    return this.#topics.of(name);
  }

  async resetTopics(name: string): Promise<void> {
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
    const resolved = this.#resolved(config);
    return validationAnswer(resolved['connector.class'] ?? '', connectorValues(config, resolved, this.#options));
  }

  secretKeys(config: RawConfigWithNulls): ReadonlySet<string> {
    const connector = this.#classOf(config);
    if (connector === undefined) return new Set();
    let keys = this.#secretKeys.get(connector);
    if (keys === undefined) {
      const { options } = connectorOptions(connector.config);
      keys = new Set(Object.keys(options).filter((key) => options[key]!.type === 'PASSWORD'));
      this.#secretKeys.set(connector, keys);
    }
    return keys;
  }

  async create(
    name: string,
    config: RawConfigWithNulls,
    initialState: 'RUNNING' | 'PAUSED' | 'STOPPED',
  ): Promise<void> {
    this.#requireOpen();
    this.#check(name, config);
    await this.#change(name, async () => {
      if (this.#configs.connector(name) !== undefined) {
        throw new TributaryError('ALREADY_EXISTS', `Connector ${name} already exists`);
      }
      await this.#configs.putConnector(name, config, targets[initialState]);
    });
    this.#applyInBackground(name);
  }

  /** Replaces the configuration by what `change` makes of it. NOT_FOUND, CONFIG_INVALID. */
  async patch(name: string, change: (config: RawConfigWithNulls) => RawConfigWithNulls): Promise<void> {
    this.#requireOpen();
    this.#known(name);
    await this.#change(name, async () => {
      this.#known(name);
      const config = change(this.#configs.asGiven(name) ?? {});
      this.#check(name, config);
      if (config['name'] !== name) {
        // Connect stores it as it is: whoever sends this configuration back will be refused.
        this.#options.log.warn('connector_name_differs', { connector: name, configured: config['name'] });
      }
      await this.#configs.putConnector(name, config);
    });
    this.#applyInBackground(name);
  }

  async put(name: string, config: RawConfigWithNulls): Promise<'created' | 'updated'> {
    this.#requireOpen();
    this.#check(name, config);
    const existed = await this.#change(name, async () => {
      const known = this.#configs.connector(name) !== undefined;
      await this.#configs.putConnector(name, config);
      return known;
    });
    this.#applyInBackground(name);
    return existed ? 'updated' : 'created';
  }

  async delete(name: string): Promise<void> {
    this.#requireOpen();
    this.#known(name);
    await this.#change(name, async () => {
      await this.#runners.get(name)?.stopTasks('UNASSIGNED');
      await this.#runners.get(name)?.closeOffsets();
      this.#runners.delete(name);
      await this.#configs.remove(name);
      this.#context.statuses.remove(name);
      await this.#topics.reset(name);
    });
  }

  pause(name: string): Promise<void> {
    return this.#setTarget(name, 'PAUSED');
  }

  resume(name: string): Promise<void> {
    return this.#setTarget(name, 'STARTED');
  }

  stop(name: string): Promise<void> {
    return this.#setTarget(name, 'STOPPED');
  }

  /**
   * Restarts the connector, with its tasks where `includeTasks` says so; `onlyFailed` leaves alone what has not failed.
   * INTERNAL where only the connector was to be restarted and it does not start.
   */
  async restart(name: string, { includeTasks, onlyFailed }: RestartOptions): Promise<ConnectorStatus> {
    this.#requireOpen();
    this.#known(name);
    const before = this.status(name);
    const restartConnector = !onlyFailed || before?.connector.state === 'FAILED';
    const tasks = (before?.tasks ?? []).filter(({ state }) => includeTasks && (!onlyFailed || state === 'FAILED'));
    const work = this.#change(name, async () => {
      // A connector has no work of its own: starting it anew makes its tasks, which is only wanted where it had failed.
      if (before?.connector.state === 'FAILED') await this.#runners.get(name)?.apply();
      else for (const { task } of tasks) await this.#runners.get(name)?.restartTask(task);
    });
    if (!includeTasks && !onlyFailed) {
      await work;
      if (this.status(name)?.connector.state === 'FAILED') {
        throw new TributaryError('INTERNAL', `Failed to start connector: ${name}`);
      }
    } else this.#inBackground(name, work);
    const status = before ?? { name, type: 'unknown', connector: this.#unassigned(), tasks: [] };
    const restarting = (part: number): boolean => tasks.some(({ task }) => task === part);
    return {
      ...status,
      connector: restartConnector ? { ...status.connector, state: 'RESTARTING' } : status.connector,
      tasks: status.tasks.map((task) => (restarting(task.task) ? { ...task, state: 'RESTARTING' } : task)),
    };
  }

  async restartTask(name: string, task: number): Promise<void> {
    this.#requireOpen();
    this.#known(name);
    if (this.#configs.targetState(name) === 'STOPPED') {
      // Connect looks for the worker that runs the task, and says this when it finds none.
      throw new TributaryError(
        'CONFLICT',
        'Cannot complete request momentarily due to no known leader URL, likely because a rebalance was underway.',
      );
    }
    await this.#change(name, async () => {
      const runner = this.#runners.get(name);
      if (runner === undefined) throw new TributaryError('NOT_FOUND', `Unknown task: ${name}-${task}`);
      await runner.restartTask(task);
    });
  }

  /** Stops everything, writing what was received and where it ended. Bounded by the time a task may take to stop. */
  async close(): Promise<void> {
    if (this.#state === 'stopping') return;
    this.#state = 'stopping';
    await Promise.all(
      [...this.#runners.values()].map((runner) => this.#change(runner.name, () => runner.stopTasks('UNASSIGNED'))),
    );
    // A broker that is away must not hold up the end: a status that is not written shows as an unclean end later.
    const own = [...this.#runners.values()].map((runner) => runner.closeOffsets());
    const tablesClosed = this.#context.statuses
      .settled()
      .then(() => Promise.all([...own, ...this.#tables.map((t) => t.close())]));
    await withTimeout(tablesClosed, this.#options.gracefulStopMs ?? defaultGracefulStopMs, 'Closing the tables').catch(
      (error: unknown) => this.#options.log.warn('tables_not_closed', { reason: describeError(error) }),
    );
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #takeFromFile(name: string, config: RawConfig): Promise<void> {
    this.#check(name, config);
    const stored = this.#configs.connector(name);
    if (stored !== undefined && JSON.stringify(sorted(stored)) !== JSON.stringify(sorted(config))) {
      this.#options.log.warn('connector_replaced', {
        connector: name,
        reason: 'the configuration file says otherwise than what was stored: the file wins',
      });
    }
    await this.#configs.putConnector(name, config);
  }

  async #setTarget(name: string, target: TargetState): Promise<void> {
    this.#requireOpen();
    this.#known(name);
    const isNew = await this.#change(name, async () => {
      const failed = this.#runners.get(name)?.state.state === 'FAILED';
      if (this.#configs.targetState(name) === target && !failed) return false;
      await this.#configs.putTargetState(name, target);
      return true;
    });
    if (isNew) this.#applyInBackground(name);
  }

  #applyInBackground(name: string): void {
    let runner = this.#runners.get(name);
    if (runner === undefined) {
      runner = new ConnectorRunner(name, this.#context);
      this.#runners.set(name, runner);
    }
    const applied = runner;
    this.#inBackground(
      name,
      this.#change(name, () => applied.apply()),
    );
  }

  #inBackground(name: string, work: Promise<unknown>): void {
    work.catch((error: unknown) => {
      this.#options.log.error('connector_change_failed', { connector: name, reason: describeError(error) });
    });
  }

  /** Runs a change behind those of the same connector that came before, whether they succeeded or not. */
  async #change<T>(name: string, change: () => Promise<T>): Promise<T> {
    const before = this.#changes.get(name) ?? Promise.resolve();
    const mine = before.then(change, change);
    this.#changes.set(name, mine);
    try {
      return await mine;
    } finally {
      if (this.#changes.get(name) === mine) this.#changes.delete(name);
    }
  }

  #requireOpen(): void {
    if (this.#state === 'stopping') throw new TributaryError('CONFLICT', 'The worker is stopping');
  }

  #known(name: string): RawConfig {
    const config = this.#configs.connector(name);
    if (config === undefined) throw new TributaryError('NOT_FOUND', `Unknown connector ${name}`);
    return config;
  }

  #check(name: string, config: RawConfigWithNulls): void {
    checkConnectorConfig(name, config, this.#resolved(config), this.#options);
  }

  /** References that stand for nothing stay as they are: whether that matters is seen when the connector starts. */
  #resolved(config: RawConfigWithNulls): RawConfigWithNulls {
    const { resolve } = this.#options;
    return resolve === undefined ? config : { ...config, ...resolve(withoutNulls(config), 'keep') };
  }

  async #whileStopped<T>(name: string, work: (target: OffsetChangeTarget) => Promise<T>): Promise<T> {
    this.#requireOpen();
    this.#known(name);
    return this.#change(name, async () => {
      const config = this.#known(name);
      if (this.#configs.targetState(name) !== 'STOPPED') {
        throw new TributaryError(
          'USAGE',
          'Connectors must be in the STOPPED state before their offsets can be modified. This can be done for the ' +
            `specified connector by issuing a 'PUT' request to the '/connectors/${name}/stop' endpoint`,
        );
      }
      const { broker, connectors, resolve } = this.#options;
      const connector = findConnector(connectors, config['connector.class'] ?? '');
      const resolved = resolve?.(config, 'keep') ?? config;
      requireProducer(resolved);
      return work({
        name,
        connector,
        config: resolved,
        offsets: (this.#runners.get(name) ?? this.#context).offsets,
        broker,
      });
    });
  }

  #classOf(config: RawConfigWithNulls): Connector | undefined {
    try {
      return findConnector(this.#options.connectors, config['connector.class'] ?? '');
    } catch {
      return undefined; // a class that is gone: shown as unknown, and its start has failed with the reason
    }
  }

  #typeOf(config: RawConfigWithNulls): ConnectorType {
    return this.#classOf(config)?.kind ?? 'unknown';
  }

  #unassigned(): PartStatus {
    return { state: 'UNASSIGNED', workerId: this.#options.workerId, version: null, trace: null };
  }
}

/** Kafka Connect makes a producer with the connector's overrides to write its offsets, and fails where that cannot be made. */
function requireProducer(config: RawConfig): void {
  try {
    connectorProducer(config);
  } catch (error) {
    throw new TributaryError('INTERNAL', `Failed to perform offset change: ${describeError(error)}`, { cause: error });
  }
}

function sorted(config: RawConfig): readonly (readonly [string, string])[] {
  return Object.entries(config).sort(([a], [b]) => (a < b ? -1 : 1));
}
