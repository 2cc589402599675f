import { sleep } from '../../base/abort.ts';
import { type BackoffPolicy, backoffMs } from '../../base/backoff.ts';
import type { Clock, Random } from '../../base/clock.ts';
import { describeError, isError, isRetriable, TributaryError } from '../../base/errors.ts';

/** Short at first, since most failures are a leader or a coordinator that moves within milliseconds. */
export const retryPolicy: BackoffPolicy = { baseMs: 10, maxMs: 500, jitter: 0.2 };

export interface RetryOptions {
  readonly clock: Clock;
  readonly random: Random;
  /** Ends the waiting at once; the error is the last one, the caller says ABORTED or BROKER_CLOSED. */
  readonly signal: AbortSignal;
  /** How long to go on, Infinity: for ever. */
  readonly forMs: number;
  /** Default: what the error itself says. */
  readonly isRetriable?: (error: unknown) => boolean;
  readonly onRetry?: (reason: string, error: unknown) => void;
  /** Pauses behind this failure; default: `retryPolicy`. */
  readonly policyOf?: (error: unknown) => BackoffPolicy;
}

/**
 * Runs `attempt` until it succeeds, fails for good, or `forMs` have passed: then BROKER_UNAVAILABLE with the last failure
 * as its cause, unless that failure has a code of its own to tell.
 */
export async function retrying<T>(what: string, options: RetryOptions, attempt: () => Promise<T>): Promise<T> {
  const { clock, random, signal } = options;
  const deadline = clock.monotonicMs() + options.forMs;
  for (let failures = 1; ; failures++) {
    try {
      return await attempt();
    } catch (error) {
      if (signal.aborted || !(options.isRetriable ?? isRetriable)(error)) throw error;
      const delay = backoffMs(failures, options.policyOf?.(error) ?? retryPolicy, random);
      if (clock.monotonicMs() + delay > deadline) throw gaveUp(what, options.forMs, error);
      options.onRetry?.(describeError(error), error);
      await sleep(delay, signal);
      if (signal.aborted) throw error;
    }
  }
}

function gaveUp(what: string, forMs: number, last: unknown): unknown {
  if (!isError(last, 'BROKER_UNAVAILABLE') && !isError(last, 'TIMEOUT')) return last;
  return new TributaryError('BROKER_UNAVAILABLE', `Cannot ${what}: tried for ${Math.round(forMs)} ms`, {
    cause: last,
    retriable: true,
  });
}
