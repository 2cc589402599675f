/**
 * What people change: configurations, target states, offsets, and what is started anew. A change is an entry in a table,
 * which whoever runs the connector obeys when it reads it; those of one connector take their turns.
 */
import { isDeepStrictEqual } from 'node:util';
import { sleep } from '../base/abort.ts';
import { TributaryError } from '../base/errors.ts';
import { type RawConfig, type RawConfigWithNulls, withoutNulls } from '../config/raw.ts';
import type { Ownership } from './cluster/ownership.ts';
import type { ConfigTable, TargetState } from './config-table.ts';
import type { ConnectorRunners } from './connector-runners.ts';
import { type OffsetAccess, whileStopped } from './offset-access.ts';
import { changeOffsets, type OffsetChange, type OffsetChangeTarget, resetOffsets } from './offset-changes.ts';
import { asRestarting, type RestartPlan, restartPlan } from './restart-plan.ts';
import { checkConnectorConfig } from './validation.ts';
import type { WorkerOptions } from './worker-options.ts';
import type { ConnectorStatus, RestartOptions } from './worker-view.ts';

export interface ChangeParts {
  readonly options: WorkerOptions;
  readonly configs: ConfigTable;
  readonly runners: ConnectorRunners;
  readonly offsets: OffsetAccess;
  readonly ownership: () => Pick<Ownership, 'owns'>;
  readonly status: (name: string) => ConnectorStatus | undefined;
  /** Throws while nothing can be changed, as Kafka was not there yet. */
  readonly requireKafka: () => void;
}

/** For the owner of a connector that is restarted by itself to say what became of it. */
const ownersWordMs = 10_000;
const targets = { RUNNING: 'STARTED', PAUSED: 'PAUSED', STOPPED: 'STOPPED' } as const;

export class ConnectorChanges {
  readonly #parts: ChangeParts;
  #isOver = false;

  constructor(parts: ChangeParts) {
    this.#parts = parts;
  }

  /** The worker is stopping: nothing is changed any more. */
  end(): void {
    this.#isOver = true;
  }

  /** CONFIG_INVALID. */
  check(name: string, config: RawConfigWithNulls): void {
    checkConnectorConfig(name, config, this.resolved(config), this.#parts.options);
  }

  /** References that stand for nothing stay as they are: whether that matters is seen when the connector starts. */
  resolved(config: RawConfigWithNulls): RawConfigWithNulls {
    const { resolve } = this.#parts.options;
    return resolve === undefined ? config : { ...config, ...resolve(withoutNulls(config), 'keep') };
  }

  /** NOT_FOUND. */
  known(name: string): RawConfig {
    const config = this.#parts.configs.connector(name);
    if (config === undefined) throw new TributaryError('NOT_FOUND', `Unknown connector ${name}`);
    return config;
  }

  async create(
    name: string,
    config: RawConfigWithNulls,
    initialState: 'RUNNING' | 'PAUSED' | 'STOPPED',
  ): Promise<void> {
    this.#requireOpen();
    this.check(name, config);
    const { configs } = this.#parts;
    await this.#change(name, async () => {
      if (configs.connector(name) !== undefined) {
        throw new TributaryError('ALREADY_EXISTS', `Connector ${name} already exists`);
      }
      await configs.putConnector(name, config, targets[initialState]);
    });
  }

  /** Replaces the configuration by what `change` makes of it. NOT_FOUND, CONFIG_INVALID. */
  async patch(name: string, change: (config: RawConfigWithNulls) => RawConfigWithNulls): Promise<void> {
    this.#requireOpen();
    this.known(name);
    const { configs, options } = this.#parts;
    await this.#change(name, async () => {
      this.known(name);
      const config = change(configs.asGiven(name) ?? {});
      this.check(name, config);
      if (config['name'] !== name) {
        // Connect stores it as it is: whoever sends this configuration back will be refused.
        options.log.warn('connector_name_differs', { connector: name, configured: config['name'] });
      }
      await configs.putConnector(name, config);
    });
  }

  async put(name: string, config: RawConfigWithNulls): Promise<'created' | 'updated'> {
    this.#requireOpen();
    this.check(name, config);
    const { configs } = this.#parts;
    return this.#change(name, async () => {
      const known = configs.connector(name) !== undefined;
      await configs.putConnector(name, config);
      return known ? 'updated' : 'created';
    });
  }

  /** Resolves when it is gone, and with it what ran here of it. */
  async delete(name: string): Promise<void> {
    this.#requireOpen();
    this.known(name);
    const { configs, runners } = this.#parts;
    await this.#change(name, async () => {
      this.known(name);
      await configs.remove(name);
    });
    await runners.settled(name);
  }

  async setTarget(name: string, target: TargetState): Promise<void> {
    this.#requireOpen();
    this.known(name);
    const { configs, status } = this.#parts;
    await this.#change(name, async () => {
      const failed = status(name)?.connector.state === 'FAILED';
      if (configs.targetState(name) === target && !failed) return;
      await configs.putTargetState(name, target);
    });
  }

  /** Changes stored offsets. True where the connector confirms it. CONFLICT unless it is stopped. */
  alterOffsets(name: string, changes: readonly OffsetChange[]): Promise<boolean> {
    const unnamed = changes.filter(({ partition }) => partition === null).length;
    if (unnamed > 0) {
      const reason = 'they name no partition of the source';
      this.#parts.options.log.warn('offset_changes_ignored', { connector: name, changes: unnamed, reason });
    }
    return this.#whileStopped(name, (target) => changeOffsets(target, changes));
  }

  resetOffsets(name: string): Promise<boolean> {
    return this.#whileStopped(name, resetOffsets);
  }

  /**
   * Restarts the connector, with its tasks where `includeTasks` says so; `onlyFailed` leaves alone what has not failed.
   * INTERNAL where only the connector was to be restarted and it does not start.
   */
  async restart(name: string, { includeTasks, onlyFailed }: RestartOptions): Promise<ConnectorStatus> {
    this.#requireOpen();
    this.known(name);
    const { runners, options, status } = this.#parts;
    const before = status(name);
    const plan = restartPlan(before, { includeTasks, onlyFailed });
    if (runners.ownsAll(name)) await this.#restartHere(name, plan, { includeTasks, onlyFailed });
    else await this.#restartEverywhere(name, { includeTasks, onlyFailed });
    const { workerId } = options;
    const unassigned = { state: 'UNASSIGNED', workerId, version: null, trace: null } as const;
    return asRestarting(before ?? { name, type: 'unknown', connector: unassigned, tasks: [] }, plan);
  }

  async restartTask(name: string, task: number): Promise<void> {
    this.#requireOpen();
    this.known(name);
    const { configs, runners, ownership } = this.#parts;
    if (configs.targetState(name) === 'STOPPED') {
      // Connect looks for the worker that runs the task, and says this when it finds none.
      throw new TributaryError(
        'CONFLICT',
        'Cannot complete request momentarily due to no known leader URL, likely because a rebalance was underway.',
      );
    }
    if (!ownership().owns(name, task)) {
      await configs.putRestart(name, { includeTasks: true, onlyFailed: false, task });
      return;
    }
    await runners.restartTask(name, task);
  }

  /** Sets the level of a logger on all workers. */
  async setClusterLogLevel(logger: string, level: string): Promise<void> {
    this.#requireOpen();
    await this.#parts.configs.putLoggerLevel(logger, level);
  }

  async #restartHere(name: string, plan: RestartPlan, { includeTasks, onlyFailed }: RestartOptions): Promise<void> {
    const { runners } = this.#parts;
    const work = runners.restart(name, plan);
    if (includeTasks || onlyFailed) return runners.inBackground(name, work);
    await work;
    this.#requireStarted(name);
  }

  /** By a command that all workers read; each does its share. */
  async #restartEverywhere(name: string, options: RestartOptions): Promise<void> {
    const { configs, offsets } = this.#parts;
    const before = offsets.statuses.connector(name);
    await configs.putRestart(name, options);
    if (options.includeTasks || options.onlyFailed || before?.state !== 'FAILED') return;
    await this.#ownersWord(name, before);
    this.#requireStarted(name);
  }

  /** Waits until the connector's owner has told its state anew. */
  async #ownersWord(name: string, before: object): Promise<void> {
    const { options, offsets } = this.#parts;
    const deadlineMs = options.clock.monotonicMs() + ownersWordMs;
    const isAsBefore = (): boolean => isDeepStrictEqual(offsets.statuses.connector(name), before);
    while (isAsBefore() && options.clock.monotonicMs() < deadlineMs) await sleep(50);
  }

  #requireStarted(name: string): void {
    if (this.#parts.status(name)?.connector.state !== 'FAILED') return;
    throw new TributaryError('INTERNAL', `Failed to start connector: ${name}`);
  }

  async #whileStopped<T>(name: string, work: (target: OffsetChangeTarget) => Promise<T>): Promise<T> {
    this.#requireOpen();
    this.known(name);
    return this.#change(name, () => whileStopped(this.#parts.offsets, name, this.known(name), work));
  }

  #change<T>(name: string, change: () => Promise<T>): Promise<T> {
    return this.#parts.runners.change(name, change);
  }

  #requireOpen(): void {
    if (this.#isOver) throw new TributaryError('CONFLICT', 'The worker is stopping');
    this.#parts.requireKafka();
  }
}
