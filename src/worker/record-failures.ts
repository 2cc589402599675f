/** Decides what becomes of a step on a record that failed: again, passed over, or the end of the task. */
import { abortError, sleep } from '../base/abort.ts';
import type { Clock, Random } from '../base/clock.ts';
import { describeError, type ErrorCode, isError, isRetriable, TributaryError } from '../base/errors.ts';
import { LimitedWarning } from '../telemetry/limited-log.ts';
import type { Log, LogFields } from '../telemetry/log.ts';
import type { ErrorMetrics } from './error-metrics.ts';
import type { ErrorPolicy } from './error-policy.ts';

/** Steps by Kafka Connect's names: they stand in the headers of dead letters. */
export type Stage =
  | 'TRANSFORMATION'
  | 'KEY_CONVERTER'
  | 'VALUE_CONVERTER'
  | 'HEADER_CONVERTER'
  | 'KAFKA_PRODUCE'
  | 'TASK_PUT';

export interface RecordFailure {
  readonly stage: Stage;
  /** Class of the transform or converter, as configured. */
  readonly className: string;
  /** Topic that the record was meant for, or came from. */
  readonly topic: string;
  readonly error: TributaryError;
}

export interface RecordFailuresOptions {
  readonly policy: ErrorPolicy;
  readonly metrics: ErrorMetrics;
  readonly log: Log;
  readonly clock: Clock;
  readonly random: Random;
}

const retryBaseMs = 300;
/** Failures written to the log with `errors.log.enable`, and the span in which not more than these are. */
const logBurst = 20;
const logSpanMs = 1_000;

export class RecordFailures {
  readonly #options: RecordFailuresOptions;
  readonly #skippedWarning: LimitedWarning;
  #logSpanEndsMs = Number.NEGATIVE_INFINITY;
  #loggedInSpan = 0;
  #heldBack = 0;

  constructor(options: RecordFailuresOptions) {
    this.#options = options;
    this.#skippedWarning = new LimitedWarning(options.log, 'record_skipped', options.clock);
  }

  get policy(): ErrorPolicy {
    return this.#options.policy;
  }

  /**
   * Waits before the next try of a step whose try number `attempt` (from 1) failed, or says that there is none: the error
   * does not go away by itself, or the time for retries, counted from `sinceMs`, is over. ABORTED when the signal is.
   */
  async mayRetry(error: unknown, attempt: number, sinceMs: number, signal: AbortSignal): Promise<boolean> {
    const { policy, metrics, clock, random, log } = this.#options;
    if (!isRetriable(error)) return false;
    const leftMs = policy.retryTimeoutMs - (clock.monotonicMs() - sinceMs);
    if (policy.retryTimeoutMs === 0 || leftMs <= 0) return false;
    this.#failed();
    metrics.retries.value++;
    const doubled = retryBaseMs * 2 ** Math.min(attempt - 1, 30);
    const delayMs = doubled > policy.retryDelayMaxMs ? random() * policy.retryDelayMaxMs : doubled;
    if (attempt === 1) log.warn('record_retried', { reason: describeError(error), after_ms: Math.round(delayMs) });
    await sleep(Math.min(delayMs, leftMs), signal);
    if (signal.aborted) throw abortError(signal, 'A retry');
    return true;
  }

  /** Counts a failure and passes the record over, or throws what fails the task. `text` is the record, for the log. */
  tolerate(failure: RecordFailure, text: () => LogFields): void {
    const { policy, metrics } = this.#options;
    this.#failed();
    metrics.errors.value++;
    if (policy.tolerance === 'none') throw exceeded(failure);
    metrics.skipped.value++;
    if (policy.logsEach) this.#logEach(failure, text);
    else this.#skippedWarning.warn(fieldsOf(failure));
  }

  #failed(): void {
    this.#options.metrics.failures.value++;
    this.#options.metrics.lastErrorMs = this.#options.clock.nowMs();
  }

  #logEach(failure: RecordFailure, text: () => LogFields): void {
    const { policy, metrics, clock, log } = this.#options;
    const nowMs = clock.monotonicMs();
    if (nowMs >= this.#logSpanEndsMs) {
      this.#logSpanEndsMs = nowMs + logSpanMs;
      this.#loggedInSpan = 0;
    }
    if (this.#loggedInSpan >= logBurst) {
      this.#heldBack++;
      return;
    }
    this.#loggedInSpan++;
    metrics.logged.value++;
    const heldBack = this.#heldBack === 0 ? {} : { held_back: this.#heldBack };
    this.#heldBack = 0;
    log.error('record_failed', { ...fieldsOf(failure), ...(policy.logsRecords ? text() : {}), ...heldBack });
  }
}

/** Any error of a step as one with a code; the text names the step's own reason. */
export function asRecordError(error: unknown, code: ErrorCode = 'CONVERSION_FAILED'): TributaryError {
  if (isError(error)) return error;
  return new TributaryError(code, describeError(error), { cause: error });
}

function fieldsOf({ stage, className, topic, error }: RecordFailure): LogFields {
  return { topic, stage, class: className, reason: describeError(error) };
}

/** The reason first; Kafka Connect's own words, which tools look for, follow. */
function exceeded({ stage, className, topic, error }: RecordFailure): TributaryError {
  return new TributaryError(
    error.code,
    `${error.message} (${stage} by ${className}, record for topic "${topic}"). Tolerance exceeded in error handler`,
    { cause: error.cause, retriable: error.retriable },
  );
}
