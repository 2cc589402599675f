/** Keeps one task going: starts it, says how it is doing, and starts it again after a failure. */
import { withTimeout } from '../base/abort.ts';
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
  #failuresInARow = 0;
  #startedAtMs = 0;
  #endedClean = true;

  constructor(options: TaskRunnerOptions) {
    this.#options = options;
  }

  get state(): TaskState {
    return this.#state;
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

  /** Waits until the task has ended. Its state is `after` then; a task that had failed keeps its reason when it is paused. */
  async stop(after: State): Promise<void> {
    clearTimeout(this.#timer);
    this.#wanted = false;
    this.#failuresInARow = 0;
    this.#running?.stop();
    const { stopTimeoutMs, log } = this.#options;
    await withTimeout(this.#run, stopTimeoutMs, 'The end of the task').catch((error: unknown) => {
      this.#endedClean = false;
      log.error('task_abandoned', { reason: describeError(error) });
    });
    if (this.#state.state === after || (this.#state.state === 'FAILED' && after === 'PAUSED')) return;
    this.#become({ state: after, trace: null, detail: undefined }, this.#endedClean);
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
    this.#endedClean = true; // it has told its reason; nothing of it is unknown
    this.#become({ state: 'FAILED', trace: this.#options.redact(traceOf(error)), detail: undefined }, true);
    this.#options.log.error('task_failed', { reason: describeError(error) });
    const { enabled, delayMs, maxDelayMs } = this.#options.restart;
    if (!enabled || !this.#wanted) return;
    // A task that ran for long starts its row of failures anew.
    if (this.#options.clock.monotonicMs() - this.#startedAtMs > maxDelayMs) this.#failuresInARow = 0;
    const waitMs = Math.min(delayMs * 2 ** Math.min(this.#failuresInARow, 30), maxDelayMs);
    this.#failuresInARow++;
    this.#options.log.info('task_restart_scheduled', { after_ms: waitMs, failures: this.#failuresInARow });
    this.#timer = setTimeout(() => void this.start(), waitMs);
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
