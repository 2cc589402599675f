/**
 * A hole under repair, as states and transitions: what is asked for next, and when there is nothing more to ask. An answer may
 * hold fewer messages than were asked for, from either end of the range: what is left at the ends is asked for, too, as long as
 * answers bring something. What is missing between two messages of one answer the server does not have.
 *
 * Every way back to the network brought a message, or is one of so many attempts; a bound in time ends all of it.
 */
import { unreachable } from '../../base/assert.ts';
import { type BackoffPolicy, backoffMs } from '../../base/backoff.ts';
import type { Random } from '../../base/clock.ts';

/** Numbers, both included. */
export interface Range {
  readonly from: number;
  readonly to: number;
}

export type RepairState =
  | { readonly kind: 'asking'; readonly range: Range; readonly later: readonly Range[]; readonly attempt: number }
  | {
      readonly kind: 'waiting';
      readonly range: Range;
      readonly later: readonly Range[];
      readonly attempt: number;
      readonly untilMs: number;
    }
  /** `failure`: what kept the rest away; undefined: the server was asked for all of it. */
  | { readonly kind: 'over'; readonly failure: RepairFailure | undefined };

export type RepairEvent =
  /** `first` and `last` of the messages that are new and in the range. */
  | { readonly kind: 'answered'; readonly first: number; readonly last: number }
  /** Nothing of the range is there. */
  | { readonly kind: 'nothing' }
  | {
      readonly kind: 'failed';
      readonly failure: RepairFailure;
      readonly isRetriable: boolean;
    }
  | { readonly kind: 'tick' }
  | { readonly kind: 'expired'; readonly failure: RepairFailure };

export interface RepairFailure {
  readonly label: BackfillFailure;
  readonly text: string;
  /** It is the server's, whatever it is asked for, and it wants not to be asked for so long. Absent: it is of this hole alone. */
  readonly leastPauseMs?: number;
}

/** Why messages that are missing were not got. */
export const backfillFailures = [
  'unauthorized',
  'rejected',
  'unreachable',
  'timeout',
  'unusable',
  'forbidden',
  'too_large',
  'held_too_long',
  'paused',
  'too_many_holes',
] as const;
export type BackfillFailure = (typeof backfillFailures)[number];

export interface RepairPolicy {
  readonly step: number;
  /** Of one question, the first included. */
  readonly attempts: number;
  readonly backoff: BackoffPolicy;
  /** Nothing is asked for then: no wait goes so far. */
  readonly untilMs: number;
}

/** Where more are missing than may be asked for, the newest of them are. */
export function beginRepair({ from, to }: Range, maxMessages: number, step: number): RepairState {
  const least = to - (maxMessages - 1) * step;
  return { kind: 'asking', range: { from: Math.max(from, least), to }, later: [], attempt: 1 };
}

export function nextRepair(
  state: RepairState,
  event: RepairEvent,
  { nowMs, random }: { readonly nowMs: number; readonly random: Random },
  policy: RepairPolicy,
): RepairState {
  if (state.kind === 'over') return state;
  switch (event.kind) {
    case 'answered': {
      const { from, to } = state.range;
      const { step } = policy;
      const behind = event.last < to ? [{ from: event.last + step, to }] : [];
      const before = event.first > from ? [{ from, to: event.first - step }] : [];
      return ask([...behind, ...before, ...state.later]);
    }
    case 'nothing':
      return ask(state.later);
    case 'failed': {
      const { range, later, attempt } = state;
      if (!event.isRetriable || attempt >= policy.attempts) return { kind: 'over', failure: event.failure };
      const waitMs = Math.max(backoffMs(attempt, policy.backoff, random), event.failure.leastPauseMs ?? 0);
      const untilMs = nowMs + waitMs;
      // The feed would be held for nothing.
      if (untilMs >= policy.untilMs) return { kind: 'over', failure: event.failure };
      return { kind: 'waiting', range, later, attempt, untilMs };
    }
    case 'tick':
      if (state.kind !== 'waiting' || nowMs < state.untilMs) return state;
      return { kind: 'asking', range: state.range, later: state.later, attempt: state.attempt + 1 };
    case 'expired':
      return { kind: 'over', failure: event.failure };
    default:
      return unreachable(event);
  }
}

function ask([range, ...later]: readonly Range[]): RepairState {
  return range === undefined ? { kind: 'over', failure: undefined } : { kind: 'asking', range, later, attempt: 1 };
}

/** What is left of a range without these numbers of it, which are in order. */
export function without({ from, to }: Range, numbers: readonly number[], step: number): Range[] {
  const left: Range[] = [];
  let next = from;
  for (const number of numbers) {
    if (number > next) left.push({ from: next, to: number - step });
    next = Math.max(next, number + step);
  }
  if (next <= to) left.push({ from: next, to });
  return left;
}
