/** Makes the tasks of a connector: each with what its configuration says, its series, and where its state is told. */
import { isDeepStrictEqual } from 'node:util';
import type { RawConfig } from '../config/config-def.ts';
import type { Connector } from '../connectors/contract.ts';
import { unrestricted } from '../net/outbound-policy.ts';
import type { Log } from '../telemetry/log.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { builtInTransforms } from '../transform/catalogue.ts';
import { makeChain } from '../transform/chain.ts';
import { connectorProducer } from './client-overrides.ts';
import type { ConfigTable } from './config-table.ts';
import { converterNames, selectConverters } from './converter-selection.ts';
import { type DeadLetterTopic, errorPolicyOf } from './error-policy.ts';
import type { OffsetTable } from './offset-table.ts';
import { onlyOwnDiffer } from './own-options.ts';
import { restartPolicyOf } from './restart-schedule.ts';
import type { RunningTask } from './running-task.ts';
import { startSinkTask } from './sink-task.ts';
import { type SourceTaskOptions, startSourceTask } from './source-task.ts';
import type { SpoolWay } from './spool/receipt.ts';
import { spoolSettingsOf } from './spool/spool-options.ts';
import type { WorkerSpool } from './spool/worker-spool.ts';
import { type Startups, startups } from './startups.ts';
import type { StatusWriter } from './status-writer.ts';
import { TaskClock } from './task-clock.ts';
import { fencingIdOf } from './task-fence.ts';
import { TaskRunner } from './task-runner.ts';
import { ensureDeadLetterTopic, ensureTopic, topicGroups } from './topic-creation.ts';
import { transactionBoundaryOf } from './transaction-boundary.ts';
import { defaultGracefulStopMs, type WorkerOptions } from './worker-options.ts';

export interface Task {
  readonly config: RawConfig;
  readonly runner: TaskRunner;
  readonly metrics: Metrics;
  readonly version: string;
  /** False where its last start failed before the source was asked for anything. */
  readonly isLoaded: () => boolean;
  /** Has the task go on by another configuration, of which only the connector's own options differ; false where it cannot. */
  readonly change: (config: RawConfig) => boolean;
  /**
   * Reads again what references of its configuration stand for. `taken`: it goes on by other values already; `differs`: it goes on
   * by them when it is started again. CONFIG_INVALID where one cannot be read while the task goes on by what it stood for.
   */
  readonly reread: () => 'same' | 'taken' | 'differs';
}

export interface TaskFactoryOptions {
  /** Of the connector. */
  readonly name: string;
  readonly options: WorkerOptions;
  readonly configs: ConfigTable;
  readonly statuses: StatusWriter;
  /** Where the connector's offsets are now. */
  readonly offsets: () => OffsetTable;
  /** False where another worker may do the task already. */
  readonly mayCommit: (task: number) => boolean;
  readonly onTopic: (task: number, topic: string) => void;
  /** Undefined: what is received goes to the broker at once. */
  readonly spool: WorkerSpool | undefined;
  readonly log: Log;
}

/** Beyond the time for a graceful stop: for wrapping up, before a task is given up. */
const abandonAfterMs = 3_000;

export class TaskFactory {
  readonly #parts: TaskFactoryOptions;
  readonly #startups: Startups;
  /** How the last run of each task in this process ended; false while it runs. */
  readonly #clean = new Map<number, boolean>();

  constructor(parts: TaskFactoryOptions) {
    this.#parts = parts;
    this.#startups = startups(parts.options.metrics, 'task');
  }

  make(connector: Connector, config: RawConfig, task: number): Task {
    const { name, options, statuses } = this.#parts;
    const metrics = options.metrics.child({ connector: name, task: String(task) });
    const log = this.#parts.log.child({ task }, `${taskClassOf(connector)}.${name}`);
    // What this process saw counts; the table tells of the process before, and is written behind our back.
    const unclean =
      connector.kind === 'source' && (this.#clean.get(task) ?? statuses.task(name, task)?.clean) === false;
    let current = config;
    /** `current`, with what its references stood for at the last start or change; undefined where that could not be read. */
    let used: RawConfig | undefined;
    let first = true;
    let isLoaded = true;
    const clock = new TaskClock(options.clock, metrics);
    const { workerId } = options;
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
        const version = isLoaded ? connector.version : null;
        statuses.putTask(name, task, { state, trace, workerId, version, clean });
      },
      start: async (setStatus) => {
        const previousEndUnclean = unclean && first;
        first = false;
        return this.#startups.counted(() => {
          used = undefined;
          const resolved = options.resolve?.(current) ?? current;
          used = resolved;
          isLoaded = false;
          const start = this.#prepare(connector, resolved, task, previousEndUnclean, metrics, log, setStatus);
          isLoaded = true;
          return start();
        });
      },
    });
    return {
      get config() {
        return current;
      },
      runner,
      metrics,
      version: connector.version,
      isLoaded: () => isLoaded,
      change: (changed) => {
        const resolved = options.resolve?.(changed) ?? changed;
        if (!runner.change(resolved)) return false;
        current = changed;
        used = resolved;
        return true;
      },
      reread: () => {
        if (!runner.isWanted || options.resolve === undefined) return 'same';
        let resolved: RawConfig;
        try {
          resolved = options.resolve(current);
        } catch (error) {
          if (used === undefined) return 'same'; // it has failed for that
          throw error;
        }
        if (used !== undefined && isDeepStrictEqual(used, resolved)) return 'same';
        if (!onlyOwnDiffer(connector, used, resolved) || !runner.change(resolved)) return 'differs';
        used = resolved;
        return 'taken';
      },
    };
  }

  /** The task has gone, or runs elsewhere: only its status tells how it ended. */
  forget(task: number): void {
    this.#clean.delete(task);
  }

  /** Everything that can be wrong with a task's configuration is found here; what it gives starts the task. */
  #prepare(
    connector: Connector,
    config: RawConfig,
    task: number,
    previousEndUnclean: boolean,
    metrics: Metrics,
    log: Log,
    setStatus: (detail: string | undefined) => void,
  ): () => RunningTask {
    const { name, options, configs } = this.#parts;
    const { broker, clock, random } = options;
    const outbound = options.outbound?.(name, configs.connector(name) ?? config) ?? unrestricted;
    const common = { name, task, config, broker, metrics, log, clock, random, outbound, setStatus };
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
    const producerId = fencingIdOf(options.groupId ?? 'tributary', name, task);
    const sourceOptions: SourceTaskOptions = {
      ...both,
      connector,
      offsets: this.#parts.offsets(),
      mayCommit: () => this.#parts.mayCommit(task),
      previousEndUnclean,
      onTopic: (topic) => this.#parts.onTopic(task, topic),
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
        ? { exactlyOnce: { transactionalId: producerId, boundary: transactionBoundaryOf(config, flushMs) } }
        : options.isFenced === true && broker.kind === 'kafka'
          ? { fencingId: producerId }
          : {}),
      ...this.#spoolOf(config, task, log),
      gracefulStopMs: options.gracefulStopMs ?? defaultGracefulStopMs,
    };
    return () => startSourceTask(sourceOptions);
  }

  /** Where the connector wants a spool and the worker has one. */
  #spoolOf(config: RawConfig, task: number, log: Log): { readonly spool?: SpoolWay } {
    const settings = spoolSettingsOf(config);
    if (settings === undefined) return {};
    const { name, spool, statuses, options } = this.#parts;
    if (spool === undefined) {
      const reason = 'the broker of this worker is on this machine already: what it acknowledges is synced here';
      log.warn('spool_unused', { mode: settings.mode, reason });
      return {};
    }
    const offsets = this.#parts.offsets();
    const ranLastHere = statuses.task(name, task)?.workerId === options.workerId;
    return { spool: { settings, open: () => spool.task(name, task, config, offsets), ranLastHere } };
  }
}

/** A source's task is named as Kafka Connect's connectors name theirs; nothing here reads it, clients show it. */
export function taskClassOf({ name, classNames }: Connector): string {
  return (classNames[0] ?? name).replace(/(Connector)?$/, 'Task');
}

function same(text: string): string {
  return text;
}
