import type { Random } from './clock.ts';

export interface BackoffPolicy {
  readonly baseMs: number;
  /** Bound of the delay before jitter. */
  readonly maxMs: number;
  /** Share of the delay that is added at random, 0 to 1. */
  readonly jitter: number;
}

/**
 * Delay before retry number `attempt` (1 is the first): min(base * 2^(attempt-1), max) plus a random share of it.
 * Total for every input: the exponent is clamped, so that no attempt number overflows into "no delay".
 */
export function backoffMs(attempt: number, policy: BackoffPolicy, random: Random): number {
  const exponent = Math.min(Math.max(attempt, 1) - 1, 40);
  const delay = Math.min(Math.max(policy.baseMs, 0) * 2 ** exponent, Math.max(policy.maxMs, 0));
  return delay + delay * policy.jitter * random();
}
