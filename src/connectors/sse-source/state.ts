/**
 * The stream as states and transitions. Nothing happens here: task.ts reports what it saw as events and does what the
 * effects say. At most one request exists at any time: `admit` is only ever given out by a state that has none, and what
 * it began is over with the event `ended`, which follows every `admit` exactly once.
 */
import { unreachable } from '../../base/assert.ts';
import { backoffMs } from '../../base/backoff.ts';
import type { Random } from '../../base/clock.ts';
import type { Cause } from '../../net/cause.ts';
import { maxRetryAfterMs } from '../../net/retry-after.ts';
import { type Answer, type Policy, verdictOn } from './policy.ts';

export type State =
  | { readonly kind: 'idle' }
  | Admitting
  | Connecting
  | Requesting
  | Open
  | { readonly kind: 'closing'; readonly after: After }
  | { readonly kind: 'waiting'; readonly attempt: number; readonly untilMs: number }
  /** The server wants no more requests; the task stays, and says so. */
  | { readonly kind: 'finished' }
  | { readonly kind: 'failed'; readonly reason: string }
  | { readonly kind: 'stopped' };

interface Trying {
  /** Failed attempts in a row before this one. */
  readonly attempt: number;
  readonly redirects: number;
}
/** Waits for its turn under the rate limits, and for a token. */
type Admitting = Trying & { readonly kind: 'admitting' };
/** Name lookup, TCP, proxy, TLS. */
type Connecting = Trying & { readonly kind: 'connecting'; readonly deadlineMs: number };
/** The request is on its way. */
type Requesting = Trying & { readonly kind: 'requesting'; readonly deadlineMs: number };

interface Open extends Trying {
  readonly kind: 'open';
  readonly sinceMs: number;
  /** Never too late: when something has come since, they move. */
  readonly silentAtMs: number;
  readonly idleAtMs: number;
}

type After =
  | { readonly kind: 'stop' }
  | { readonly kind: 'finish' }
  | { readonly kind: 'fail'; readonly reason: string }
  | { readonly kind: 'retry'; readonly failures: number; readonly cause: Cause; readonly leastWaitMs: number }
  /** At once: a redirect, or the same with a new token. */
  | { readonly kind: 'again'; readonly attempt: number; readonly redirects: number; readonly url?: string };

export type Event =
  | { readonly kind: 'start' }
  /** It is our turn; the connection is being made. */
  | { readonly kind: 'admitted' }
  /** The connection to the server stands; the request goes out. */
  | { readonly kind: 'connected' }
  | { readonly kind: 'answered'; readonly answer: Answer }
  /** What no retry can help. */
  | { readonly kind: 'hopeless'; readonly reason: string }
  /** The request is over, and everything that came by it is in the queue. */
  | { readonly kind: 'ended'; readonly cause: Cause }
  | { readonly kind: 'tick'; readonly seen: Seen }
  | { readonly kind: 'stop' };

/** What only the one who reads knows. Fields, not events: they change with every chunk. */
export interface Seen {
  readonly heardAtMs: number;
  readonly eventAtMs: number;
  /** Our own full queue holds the stream back. */
  readonly paused: boolean;
}

export type Effect =
  /** Wait for a turn and connect, to `url` where a redirect named one, else to the configured server. */
  | { readonly kind: 'admit'; readonly attempt: number; readonly url?: string }
  /** Read the body. */
  | { readonly kind: 'read' }
  /** End the request, or the wait for a turn. */
  | { readonly kind: 'destroy' }
  | { readonly kind: 'forget'; readonly what: 'last-event-id' | 'token'; readonly cause: Cause }
  /** A new attempt was scheduled. */
  | { readonly kind: 'scheduled'; readonly attempt: number; readonly delayMs: number; readonly cause: Cause }
  | { readonly kind: 'redirected'; readonly url: string };

export interface Moment {
  readonly nowMs: number;
  readonly random: Random;
  /** Wait that the server asked for by a `retry` field; null: none. */
  readonly retryMs: number | null;
}

type Step = readonly [State, readonly Effect[]];

/**
 * A deadline that is noticed this much too late was not missed by the peer: our own process stood still, and what the
 * peer sent meanwhile waits unread. It is given the time again.
 */
export const stallMs = 1000;

export function next(state: State, event: Event, moment: Moment, policy: Policy): Step {
  switch (state.kind) {
    case 'idle':
      if (event.kind === 'start') return admit(0, 0);
      return event.kind === 'stop' ? [{ kind: 'stopped' }, []] : [state, []];
    case 'admitting':
    case 'connecting':
    case 'requesting':
      return whileTrying(state, event, moment, policy);
    case 'open':
      return whileOpen(state, event, moment, policy);
    case 'closing':
      if (event.kind === 'ended') return settle(state.after, moment, policy);
      if (event.kind === 'hopeless') return [{ kind: 'closing', after: hopeless(state.after, event.reason) }, []];
      return event.kind === 'stop' ? [{ kind: 'closing', after: { kind: 'stop' } }, []] : [state, []];
    case 'waiting':
      if (event.kind === 'stop') return [{ kind: 'stopped' }, []];
      if (event.kind !== 'tick' || moment.nowMs < state.untilMs) return [state, []];
      return admit(state.attempt, 0);
    case 'finished':
      return event.kind === 'stop' ? [{ kind: 'stopped' }, []] : [state, []];
    case 'failed':
    case 'stopped':
      return [state, []];
    default:
      return unreachable(state);
  }
}

/** When the next tick is due. Infinity: none. */
export function wakeAtMs(state: State): number {
  switch (state.kind) {
    case 'connecting':
    case 'requesting':
      return state.deadlineMs;
    case 'open':
      return Math.min(state.silentAtMs, state.idleAtMs);
    case 'waiting':
      return state.untilMs;
    case 'idle':
    case 'admitting':
    case 'closing':
    case 'finished':
    case 'failed':
    case 'stopped':
      return Infinity;
    default:
      return unreachable(state);
  }
}

function admit(attempt: number, redirects: number, url?: string): Step {
  const effect: Effect = url === undefined ? { kind: 'admit', attempt } : { kind: 'admit', attempt, url };
  return [{ kind: 'admitting', attempt, redirects }, [effect]];
}

function whileTrying(state: Admitting | Connecting | Requesting, event: Event, moment: Moment, policy: Policy): Step {
  const { nowMs } = moment;
  const { attempt, redirects } = state;
  switch (event.kind) {
    case 'admitted':
      if (state.kind !== 'admitting') return [state, []];
      return [{ kind: 'connecting', attempt, redirects, deadlineMs: inMs(nowMs, policy.connectTimeoutMs) }, []];
    case 'connected':
      if (state.kind !== 'connecting') return [state, []];
      return [{ kind: 'requesting', attempt, redirects, deadlineMs: inMs(nowMs, policy.responseTimeoutMs) }, []];
    case 'answered':
      return onAnswer(state, event.answer, nowMs, policy);
    case 'hopeless':
      return leave({ kind: 'fail', reason: event.reason });
    case 'ended':
      return settle(retryAfter(state, event.cause, nowMs, policy), moment, policy);
    case 'tick': {
      if (state.kind === 'admitting' || nowMs < state.deadlineMs) return [state, []];
      const isConnecting = state.kind === 'connecting';
      const timeoutMs = isConnecting ? policy.connectTimeoutMs : policy.responseTimeoutMs;
      if (nowMs - state.deadlineMs > stallMs) return [{ ...state, deadlineMs: nowMs + timeoutMs }, []];
      const cause = isConnecting
        ? { label: 'connect_timeout', text: `no connection within ${timeoutMs} ms` }
        : { label: 'response_timeout', text: `no answer within ${timeoutMs} ms` };
      return leave(retryAfter(state, cause, nowMs, policy));
    }
    case 'stop':
      return leave({ kind: 'stop' });
    case 'start':
      return [state, []];
    default:
      return unreachable(event);
  }
}

function onAnswer(state: Admitting | Connecting | Requesting, answer: Answer, nowMs: number, policy: Policy): Step {
  const { attempt, redirects } = state;
  const verdict = verdictOn(answer, redirects, policy);
  switch (verdict.kind) {
    case 'open': {
      const silentAtMs = inMs(nowMs, policy.heartbeatTimeoutMs);
      const idleAtMs = inMs(nowMs, policy.idleTimeoutMs);
      return [{ kind: 'open', attempt, redirects, sinceMs: nowMs, silentAtMs, idleAtMs }, [{ kind: 'read' }]];
    }
    case 'finished':
      return leave({ kind: 'finish' });
    case 'redirect': {
      const redirected: Effect = { kind: 'redirected', url: verdict.url };
      return leave({ kind: 'again', attempt, redirects: redirects + 1, url: verdict.url }, redirected);
    }
    case 'fail':
      return leave(verdict);
    case 'retry': {
      const { cause, leastWaitMs, forget } = verdict;
      if (forget === 'token')
        return leave({ kind: 'again', attempt, redirects: 0 }, { kind: 'forget', what: forget, cause });
      const after = retryAfter(state, cause, nowMs, policy, leastWaitMs);
      return forget === 'nothing' ? leave(after) : leave(after, { kind: 'forget', what: forget, cause });
    }
    default:
      return unreachable(verdict);
  }
}

function whileOpen(state: Open, event: Event, moment: Moment, policy: Policy): Step {
  switch (event.kind) {
    case 'tick':
      return onTick(state, event.seen, moment.nowMs, policy);
    case 'ended':
      return settle(retryAfter(state, event.cause, moment.nowMs, policy), moment, policy);
    case 'hopeless':
      return leave({ kind: 'fail', reason: event.reason });
    case 'stop':
      return leave({ kind: 'stop' });
    case 'start':
    case 'admitted':
    case 'connected':
    case 'answered':
      return [state, []];
    default:
      return unreachable(event);
  }
}

/** What we do not read we cannot hear: while paused, no silence is held against the server. */
function onTick(state: Open, seen: Seen, nowMs: number, policy: Policy): Step {
  let { silentAtMs, idleAtMs } = state;
  if (policy.heartbeatTimeoutMs > 0) {
    silentAtMs = Math.max(silentAtMs, (seen.paused ? nowMs : seen.heardAtMs) + policy.heartbeatTimeoutMs);
    if (nowMs >= silentAtMs) {
      const text = `nothing came for ${policy.heartbeatTimeoutMs} ms, not even a comment`;
      const cause = { label: 'heartbeat_timeout', text };
      if (nowMs - silentAtMs <= stallMs) return leave(retryAfter(state, cause, nowMs, policy));
      silentAtMs = nowMs + policy.heartbeatTimeoutMs;
    }
  }
  if (policy.idleTimeoutMs > 0) {
    idleAtMs = Math.max(idleAtMs, (seen.paused ? nowMs : seen.eventAtMs) + policy.idleTimeoutMs);
    if (nowMs >= idleAtMs) {
      const cause = { label: 'idle_timeout', text: `no event for ${policy.idleTimeoutMs} ms` };
      if (nowMs - idleAtMs <= stallMs) return leave(retryAfter(state, cause, nowMs, policy));
      idleAtMs = nowMs + policy.idleTimeoutMs;
    }
  }
  return [{ ...state, silentAtMs, idleAtMs }, []];
}

/** Into `closing`: the request is ended, and what then is due waits until it has. */
function leave(after: After, first?: Effect): Step {
  const destroy: Effect = { kind: 'destroy' };
  return [{ kind: 'closing', after }, first === undefined ? [destroy] : [first, destroy]];
}

/** What is read of an ended request may still turn out to be hopeless; a stop stays a stop. */
function hopeless(after: After, reason: string): After {
  return after.kind === 'stop' ? after : { kind: 'fail', reason };
}

/** The request is over. */
function settle(after: After, moment: Moment, policy: Policy): Step {
  switch (after.kind) {
    case 'stop':
      return [{ kind: 'stopped' }, []];
    case 'finish':
      return [{ kind: 'finished' }, []];
    case 'fail':
      return [{ kind: 'failed', reason: after.reason }, []];
    case 'again':
      return admit(after.attempt, after.redirects, after.url);
    case 'retry': {
      const { failures, cause, leastWaitMs } = after;
      const delayMs = Math.max(waitMs(failures, moment, policy), leastWaitMs);
      return [
        { kind: 'waiting', attempt: failures, untilMs: moment.nowMs + delayMs },
        [{ kind: 'scheduled', attempt: failures, delayMs, cause }],
      ];
    }
    default:
      return unreachable(after);
  }
}

/** The server's own wait first, where it asked for one; then the usual back-off, never sooner than the server asked for. */
function waitMs(failures: number, { random, retryMs }: Moment, { backoff }: Policy): number {
  if (retryMs === null) return backoffMs(failures, backoff, random);
  const asked = Math.min(retryMs, maxRetryAfterMs);
  const own = failures === 1 ? 0 : backoffMs(failures - 1, { ...backoff, jitter: 0 }, random);
  return Math.max(own, asked) * (1 + backoff.jitter * random());
}

function retryAfter(state: Trying | Open, cause: Cause, nowMs: number, policy: Policy, leastWaitMs = 0): After {
  const wasStable = 'sinceMs' in state && nowMs - state.sinceMs >= policy.stableMs;
  const failures = (wasStable ? 0 : state.attempt) + 1;
  // Where the outbound policy forbids the address, only the operator can help.
  if (cause.label === 'forbidden') return { kind: 'fail', reason: cause.text };
  if (policy.maxAttempts > 0 && failures > policy.maxAttempts) {
    return { kind: 'fail', reason: `gave up after ${policy.maxAttempts} attempts to reconnect: ${cause.text}` };
  }
  return { kind: 'retry', failures, cause, leastWaitMs };
}

function inMs(nowMs: number, timeoutMs: number): number {
  return timeoutMs > 0 ? nowMs + timeoutMs : Infinity;
}
