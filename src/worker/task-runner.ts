/** Keeps one task going: starts it, says how it is doing, and starts it again after a failure. */
import type { Clock } from '../base/clock.ts';
import { describeError, TributaryError } from '../base/errors.ts';
import type { Log } from '../telemetry/log.ts';
import type { RunningTask } from './running-task.ts';
import type { State } from './status-table.ts';

export interface RestartPolicy {
  readonly enabled: boolean;
  readonly delayMs: number;
  readonly maxDelayMs: number;
}

export interface TaskState {
  readonly state: State;
  readonly trace: string | null;
  /** What the connector says of itself while it runs: `reconnecting: connection refused`. */
  readonly detail: string | undefined;
}

export interface TaskRunnerOptions {
  readonly start: (setDetail: (detail: string | undefined) => void) => RunningTask | Promise<RunningTask>;
  readonly restart: RestartPolicy;
  /** Told of each change; `clean` is true where the task ended with everything written. */
  readonly onChange: (state: TaskState, clean: boolean) => void;
  readonly log: Log;
  readonly clock: Clock;
}

export class TaskRunner {
  readonly #options: TaskRunnerOptions;
  #state: TaskState = { state: 'UNASSIGNED', trace: null, detail: undefined };
  #running: RunningTask | undefined;
  #watched: Promise<void> = Promise.resolve();
  #timer: NodeJS.Timeout | undefined;
  #failuresInARow = 0;
  #startedAtMs = 0;

  constructor(options: TaskRunnerOptions) {
    this.#options = options;
  }

  get state(): TaskState {
    return this.#state;
  }

  async start(): Promise<void> {
    clearTimeout(this.#timer);
    this.#startedAtMs = this.#options.clock.monotonicMs();
    try {
      this.#running = await this.#options.start((detail) => {
        this.#state = { ...this.#state, detail };
      });
    } catch (error) {
      this.#failed(error);
      return;
    }
    this.#become({ state: 'RUNNING', trace: null, detail: this.#state.detail }, false);
    this.#watched = this.#watch(this.#running);
  }

  /** Waits until the task has ended. Its state is `after` then. */
  async stop(after: State): Promise<void> {
    clearTimeout(this.#timer);
    this.#failuresInARow = 0;
    this.#running?.stop();
    await this.#watched;
    if (this.#state.state !== after) this.#become({ state: after, trace: null, detail: undefined }, this.#endedClean);
  }

  #endedClean = true;

  async #watch(running: RunningTask): Promise<void> {
    try {
      this.#endedClean = await running.ended;
    } catch (error) {
      this.#failed(error);
    } finally {
      this.#running = undefined;
    }
  }

  #failed(error: unknown): void {
    this.#endedClean = true; // it has told its reason; nothing of it is unknown
    this.#become({ state: 'FAILED', trace: traceOf(error), detail: undefined }, true);
    this.#options.log.error('task_failed', { reason: describeError(error) });
    const { enabled, delayMs, maxDelayMs } = this.#options.restart;
    if (!enabled) return;
    // A task that ran for long starts its row of failures anew.
    if (this.#options.clock.monotonicMs() - this.#startedAtMs > maxDelayMs) this.#failuresInARow = 0;
    const waitMs = Math.min(delayMs * 2 ** Math.min(this.#failuresInARow, 30), maxDelayMs);
    this.#failuresInARow++;
    this.#options.log.info('task_restart_scheduled', { after_ms: waitMs, failures: this.#failuresInARow });
    this.#timer = setTimeout(() => void this.start(), waitMs);
    this.#timer.unref();
  }

  #become(state: TaskState, clean: boolean): void {
    this.#state = state;
    this.#options.onChange(state, clean);
  }
}

/** The reason first, then where it came from, as Kafka Connect's traces begin. */
function traceOf(error: unknown): string {
  const reason = describeError(error);
  const code = error instanceof TributaryError ? `${error.code}: ` : '';
  const stack = error instanceof Error && error.stack !== undefined ? error.stack.split('\n').slice(1).join('\n') : '';
  return stack === '' ? `${code}${reason}` : `${code}${reason}\n${stack}`;
}
