/** Keeps one task going: starts it, says how it is doing, and starts it again after a failure. */
import { withTimeout } from '../base/abort.ts';
import type { Clock } from '../base/clock.ts';
import { describeError, TributaryError } from '../base/errors.ts';
import type { RawConfig } from '../config/raw.ts';
import type { Log } from '../telemetry/log.ts';
import type { Counter } from '../telemetry/metrics.ts';
import { forGoodText, isForGood, type RestartPolicy, RestartSchedule, restartText } from './restart-schedule.ts';
import type { RunningTask } from './running-task.ts';
import type { State } from './status-table.ts';

export interface TaskState {
  readonly state: State;
  readonly trace: string | null;
  /** What the connector says of itself while it runs (`reconnecting: connection refused`), or when it is started again. */
  readonly detail: string | undefined;
}

export interface TaskRunnerOptions {
  readonly start: (setDetail: (detail: string | undefined) => void) => RunningTask | Promise<RunningTask>;
  readonly restart: RestartPolicy;
  /** Of starts that nobody asked for. */
  readonly restarts: Counter;
  readonly redact: (text: string) => string;
  /** A task that has not ended so long after it was stopped is given up. */
  readonly stopTimeoutMs: number;
  /** Told of each change; `clean` is true where the task ended with everything written. */
  readonly onChange: (state: TaskState, clean: boolean) => void;
  readonly log: Log;
  readonly clock: Clock;
}

export class TaskRunner {
  readonly #options: TaskRunnerOptions;
  #state: TaskState = { state: 'UNASSIGNED', trace: null, detail: undefined };
  #wanted = false;
  #running: RunningTask | undefined;
  /** The start and the whole run of the task there is. */
  #run: Promise<void> = Promise.resolve();
  #timer: NodeJS.Timeout | undefined;
  readonly #schedule = new RestartSchedule();
  #startedAtMs = 0;
  #endedClean = true;
  #isLost = false;

  constructor(options: TaskRunnerOptions) {
    this.#options = options;
  }

  get state(): TaskState {
    return this.#state;
  }

  /** It was started and not stopped, whatever has become of it. */
  get isWanted(): boolean {
    return this.#wanted;
  }

  /** Of the last run: everything that it had was written, or it has failed and said why. */
  get endedClean(): boolean {
    return this.#endedClean;
  }

  /** Resolves when the task runs or has failed to. It must not run already. */
  async start(): Promise<void> {
    clearTimeout(this.#timer);
    this.#wanted = true;
    this.#startedAtMs = this.#options.clock.monotonicMs();
    const started = Promise.withResolvers<void>();
    this.#run = this.#runOnce(started.resolve);
    await started.promise;
  }

  /** True where the task runs and goes on by this configuration. */
  change(config: RawConfig): boolean {
    return this.#state.state === 'RUNNING' && (this.#running?.change?.(config) ?? false);
  }

  /** Waits until the task has ended. Its state is `after` then; a task that had failed keeps its reason when it is paused. */
  async stop(after: State): Promise<void> {
    clearTimeout(this.#timer);
    this.#wanted = false;
    this.#schedule.reset();
    this.#running?.stop();
    const { stopTimeoutMs, log } = this.#options;
    await withTimeout(this.#run, stopTimeoutMs, 'The end of the task').catch((error: unknown) => {
      this.#endedClean = false;
      log.error('task_abandoned', { reason: describeError(error) });
    });
    if (this.#state.state === after || (this.#state.state === 'FAILED' && after === 'PAUSED')) return;
    this.#become({ state: after, trace: null, detail: undefined }, this.#endedClean);
  }

  /** The task is another worker's now: it ends at once, and says nothing of itself any more. */
  async lose(): Promise<void> {
    clearTimeout(this.#timer);
    this.#wanted = false;
    this.#isLost = true;
    if (this.#running?.cancel !== undefined) this.#running.cancel();
    else this.#running?.stop();
    const { stopTimeoutMs, log } = this.#options;
    await withTimeout(this.#run, stopTimeoutMs, 'The end of the task').catch((error: unknown) =>
      log.error('task_abandoned', { reason: describeError(error) }),
    );
  }

  /** Never rejects: what goes wrong is the state. */
  async #runOnce(started: () => void): Promise<void> {
    let detail: string | undefined;
    try {
      const running = await this.#options.start((text) => {
        detail = text === undefined ? undefined : this.#options.redact(text);
        if (this.#state.state === 'RUNNING') this.#state = { ...this.#state, detail };
      });
      this.#running = running;
      this.#become({ state: 'RUNNING', trace: null, detail }, false);
      started();
      if (this.#isLost) running.cancel?.();
      if (!this.#wanted) running.stop();
      this.#endedClean = await running.ended;
    } catch (error) {
      this.#failed(error);
    } finally {
      this.#running = undefined;
      started();
    }
  }

  #failed(error: unknown): void {
    if (this.#isLost) return; // what it was fenced by, or cut off from
    this.#endedClean = true; // it has told its reason; nothing of it is unknown
    const { restart, redact, log, clock } = this.#options;
    const ranMs = clock.monotonicMs() - this.#startedAtMs;
    const planned = this.#wanted ? this.#schedule.next(restart, ranMs, error) : undefined;
    const unplanned = isForGood(error) ? forGoodText : undefined;
    const detail = planned === undefined ? unplanned : restartText(planned, clock.nowMs());
    this.#become({ state: 'FAILED', trace: redact(traceOf(error)), detail }, true);
    log.error('task_failed', { reason: describeError(error) });
    if (planned === undefined) return;
    log.info('task_restart_scheduled', { after_ms: planned.afterMs, failures: planned.failures });
    this.#timer = setTimeout(() => {
      this.#options.restarts.value++;
      this.#become({ ...this.#state, state: 'RESTARTING' }, true);
      void this.start();
    }, planned.afterMs);
  }

  #become(state: TaskState, clean: boolean): void {
    this.#state = state;
    if (!this.#isLost) this.#options.onChange(state, clean);
  }
}

/** The reason first, then where it came from, as Kafka Connect's traces begin. */
function traceOf(error: unknown): string {
  const reason = describeError(error);
  const code = error instanceof TributaryError ? `${error.code}: ` : '';
  const stack = error instanceof Error && error.stack !== undefined ? error.stack.split('\n').slice(1).join('\n') : '';
  return stack === '' ? `${code}${reason}` : `${code}${reason}\n${stack}`;
}
