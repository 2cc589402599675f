/**
 * The connection as states and transitions. Nothing happens here: task.ts reports what it saw as events and does what the
 * effects say. At most one socket exists at any time, because `connect` is only ever given out by a state that has none,
 * and a state that has one is left for such a state only by the event `ended`.
 * One file, although a long one: the table of states and events is one thing and is read as one.
 */
import { unreachable } from '../../base/assert.ts';
import { backoffMs } from '../../base/backoff.ts';
import type { Random } from '../../base/clock.ts';
import type { Cause } from '../../net/cause.ts';
import { type Policy, type Refusal, type Verdict, verdictOnClose, verdictOnRefusal } from './policy.ts';

export type State =
  | { readonly kind: 'idle' }
  | Connecting
  | Upgrading
  | Open
  | Closing
  | { readonly kind: 'waiting'; readonly attempt: number; readonly untilMs: number }
  | { readonly kind: 'failed'; readonly reason: string }
  | { readonly kind: 'stopped' };

interface Dialling {
  /** Failed attempts in a row before this one. */
  readonly attempt: number;
  readonly redirects: number;
  readonly deadlineMs: number;
}
/** Name lookup, TCP, proxy, TLS. */
type Connecting = Dialling & { readonly kind: 'connecting' };
/** The upgrade request is on its way. */
type Upgrading = Dialling & { readonly kind: 'upgrading' };

interface Open {
  readonly kind: 'open';
  readonly attempt: number;
  readonly sinceMs: number;
  readonly pingAtMs: number;
  /** When the ping was sent after which nothing has been heard yet; null: none is waited for. */
  readonly pingedAtMs: number | null;
  /** Never too late: when messages have come since, it moves. */
  readonly idleAtMs: number;
  readonly heartbeatAtMs: number;
  /** When all subscriptions must have been confirmed. */
  readonly confirmedByMs: number;
}

/** The connection is over, its socket not yet gone. */
interface Closing {
  readonly kind: 'closing';
  readonly deadlineMs: number;
  readonly after: After;
}

type After =
  | { readonly kind: 'stop' }
  | { readonly kind: 'fail'; readonly reason: string }
  | { readonly kind: 'retry'; readonly failures: number; readonly cause: Cause; readonly leastWaitMs: number }
  | { readonly kind: 'redirect'; readonly attempt: number; readonly redirects: number; readonly url: string };

export type Event =
  | { readonly kind: 'start' }
  /** The connection to the server stands; the upgrade request goes out. */
  | { readonly kind: 'connected' }
  | { readonly kind: 'opened' }
  | { readonly kind: 'refused'; readonly refusal: Refusal }
  /** The server closed by a close frame. */
  | { readonly kind: 'close-received'; readonly code: number; readonly reason: string }
  /** The server broke the protocol; `code` is the answer that the standard wants. */
  | { readonly kind: 'malformed'; readonly code: number; readonly cause: Cause }
  /** Subscriptions were sent over the open connection. */
  | { readonly kind: 'subscribed' }
  /** The server will not give what it was asked for. */
  | { readonly kind: 'unserved'; readonly cause: Cause; readonly forGood: boolean }
  /** The socket is gone. Follows every `connect` exactly once. */
  | { readonly kind: 'ended'; readonly cause: Cause }
  | { readonly kind: 'tick'; readonly seen: Seen }
  | { readonly kind: 'stop' };

/** What only the one who reads the socket knows. Fields, not events: they change with every chunk. */
export interface Seen {
  readonly heardAtMs: number;
  readonly messageAtMs: number;
  /** Our own full queue holds the socket back. */
  readonly paused: boolean;
  /** Subscriptions that the server has not confirmed, of which it must. */
  readonly unconfirmed: number;
}

export type Effect =
  /** Connect, to `url` where a redirect named one, else to the configured server. */
  | { readonly kind: 'connect'; readonly attempt: number; readonly url?: string }
  /** The connection is open: send what the configuration wants to be sent. */
  | { readonly kind: 'greet' }
  | { readonly kind: 'ping'; readonly paused: boolean }
  | { readonly kind: 'heartbeat' }
  | { readonly kind: 'close'; readonly code: number; readonly reason: string }
  /** Cut the socket. */
  | { readonly kind: 'destroy' }
  /** A new attempt was scheduled. */
  | { readonly kind: 'scheduled'; readonly attempt: number; readonly delayMs: number; readonly cause: Cause }
  | { readonly kind: 'redirected'; readonly url: string };

export interface Moment {
  readonly nowMs: number;
  readonly random: Random;
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
      if (event.kind === 'start') return connect(0, 0, moment, policy);
      return event.kind === 'stop' ? [{ kind: 'stopped' }, []] : [state, []];
    case 'connecting':
    case 'upgrading':
      return whileDialling(state, event, moment, policy);
    case 'open':
      return whileOpen(state, event, moment, policy);
    case 'closing':
      return whileClosing(state, event, moment, policy);
    case 'waiting':
      if (event.kind === 'stop') return [{ kind: 'stopped' }, []];
      if (event.kind !== 'tick' || moment.nowMs < state.untilMs) return [state, []];
      return connect(state.attempt, 0, moment, policy);
    case 'failed':
    case 'stopped':
      return [state, []];
    default:
      return unreachable(state);
  }
}

/** When the next tick is due. Infinity: none. */
export function wakeAtMs(state: State, policy: Policy): number {
  switch (state.kind) {
    case 'connecting':
    case 'upgrading':
    case 'closing':
      return state.deadlineMs;
    case 'open': {
      const pongByMs = state.pingedAtMs === null ? Infinity : state.pingedAtMs + policy.pongTimeoutMs;
      return Math.min(state.pingAtMs, pongByMs, state.idleAtMs, state.heartbeatAtMs, state.confirmedByMs);
    }
    case 'waiting':
      return state.untilMs;
    case 'idle':
    case 'failed':
    case 'stopped':
      return Infinity;
    default:
      return unreachable(state);
  }
}

function connect(attempt: number, redirects: number, { nowMs }: Moment, policy: Policy, url?: string): Step {
  const deadlineMs = inMs(nowMs, policy.connectTimeoutMs);
  return [
    { kind: 'connecting', attempt, redirects, deadlineMs },
    [url === undefined ? { kind: 'connect', attempt } : { kind: 'connect', attempt, url }],
  ];
}

function whileDialling(state: Connecting | Upgrading, event: Event, moment: Moment, policy: Policy): Step {
  const { nowMs } = moment;
  switch (event.kind) {
    case 'connected':
      if (state.kind === 'upgrading') return [state, []];
      return [{ ...state, kind: 'upgrading', deadlineMs: inMs(nowMs, policy.handshakeTimeoutMs) }, []];
    case 'opened': {
      const open: Open = {
        kind: 'open',
        attempt: state.attempt,
        sinceMs: nowMs,
        pingAtMs: inMs(nowMs, policy.pingIntervalMs),
        pingedAtMs: null,
        idleAtMs: inMs(nowMs, policy.idleTimeoutMs),
        heartbeatAtMs: inMs(nowMs, policy.heartbeatIntervalMs),
        confirmedByMs: Infinity,
      };
      return [open, [{ kind: 'greet' }]];
    }
    case 'refused':
      return afterRefusal(state, event.refusal, nowMs, policy);
    case 'malformed':
      return leave(nowMs, policy, retryAfter(state, event.cause, nowMs, policy), { kind: 'destroy' });
    case 'ended':
      return settle(retryAfter(state, event.cause, nowMs, policy), moment, policy);
    case 'tick': {
      if (nowMs < state.deadlineMs) return [state, []];
      const timeoutMs = state.kind === 'connecting' ? policy.connectTimeoutMs : policy.handshakeTimeoutMs;
      if (stalled(nowMs, state.deadlineMs)) return [{ ...state, deadlineMs: nowMs + timeoutMs }, []];
      const cause =
        state.kind === 'connecting'
          ? { label: 'connect_timeout', text: `no connection within ${timeoutMs} ms` }
          : { label: 'handshake_timeout', text: `no answer to the upgrade within ${timeoutMs} ms` };
      return leave(nowMs, policy, retryAfter(state, cause, nowMs, policy), { kind: 'destroy' });
    }
    case 'stop':
      return leave(nowMs, policy, { kind: 'stop' }, { kind: 'destroy' });
    case 'start':
    case 'close-received':
    case 'subscribed':
    case 'unserved':
      return [state, []];
    default:
      return unreachable(event);
  }
}

function afterRefusal(state: Connecting | Upgrading, refusal: Refusal, nowMs: number, policy: Policy): Step {
  const { attempt, redirects } = state;
  const { location } = refusal;
  if (location !== undefined && redirects < policy.maxRedirects) {
    const [closing, effects] = leave(
      nowMs,
      policy,
      { kind: 'redirect', attempt, redirects: redirects + 1, url: location },
      { kind: 'destroy' },
    );
    return [closing, [{ kind: 'redirected', url: location }, ...effects]];
  }
  const problem = location === undefined ? refusal.problem : `more than ${policy.maxRedirects} redirects`;
  const verdict = verdictOnRefusal({ ...refusal, problem }, policy);
  return leave(nowMs, policy, judged(verdict, state, nowMs, policy), { kind: 'destroy' });
}

function whileOpen(state: Open, event: Event, moment: Moment, policy: Policy): Step {
  const { nowMs } = moment;
  switch (event.kind) {
    case 'tick':
      return onTick(state, event.seen, nowMs, policy);
    case 'close-received': {
      const verdict = verdictOnClose(event.code, event.reason, policy);
      // 1005 and 1006 stand for "no code" and must not be sent.
      const code = event.code === 1005 || event.code === 1006 ? 1000 : event.code;
      return leave(nowMs, policy, judged(verdict, state, nowMs, policy), { kind: 'close', code, reason: '' });
    }
    case 'malformed': {
      const effect: Effect = { kind: 'close', code: event.code, reason: event.cause.text };
      return leave(nowMs, policy, retryAfter(state, event.cause, nowMs, policy), effect);
    }
    case 'subscribed':
      return [{ ...state, confirmedByMs: inMs(nowMs, policy.subscriptionTimeoutMs) }, []];
    case 'unserved': {
      const { cause, forGood } = event;
      const after: After = forGood ? { kind: 'fail', reason: cause.text } : retryAfter(state, cause, nowMs, policy);
      return leave(nowMs, policy, after, { kind: 'close', code: 1000, reason: 'Subscription refused' });
    }
    case 'ended':
      return settle(retryAfter(state, event.cause, nowMs, policy), moment, policy);
    case 'stop':
      return leave(nowMs, policy, { kind: 'stop' }, { kind: 'close', code: 1000, reason: 'Connector shutdown' });
    case 'start':
    case 'connected':
    case 'opened':
    case 'refused':
      return [state, []];
    default:
      return unreachable(event);
  }
}

function onTick(state: Open, seen: Seen, nowMs: number, policy: Policy): Step {
  let { pingAtMs, pingedAtMs, idleAtMs, heartbeatAtMs, confirmedByMs } = state;
  const effects: Effect[] = [];

  // What we do not read we cannot hear: while paused, no silence is held against the peer.
  if (seen.paused || (pingedAtMs !== null && seen.heardAtMs >= pingedAtMs)) pingedAtMs = null;
  if (pingedAtMs !== null && nowMs >= pingedAtMs + policy.pongTimeoutMs) {
    if (!stalled(nowMs, pingedAtMs + policy.pongTimeoutMs)) {
      const text = `nothing heard for ${policy.pongTimeoutMs} ms after a ping`;
      const after = retryAfter(state, { label: 'pong_timeout', text }, nowMs, policy);
      return leave(nowMs, policy, after, { kind: 'destroy' });
    }
    pingedAtMs = nowMs;
  }

  if (policy.idleTimeoutMs > 0) {
    const quietSinceMs = seen.paused ? nowMs : seen.messageAtMs;
    idleAtMs = Math.max(idleAtMs, quietSinceMs + policy.idleTimeoutMs);
    if (nowMs >= idleAtMs) {
      if (!stalled(nowMs, idleAtMs)) {
        const text = `no message for ${policy.idleTimeoutMs} ms`;
        const after = retryAfter(state, { label: 'idle_timeout', text }, nowMs, policy);
        return leave(nowMs, policy, after, { kind: 'close', code: 1000, reason: 'No messages' });
      }
      idleAtMs = nowMs + policy.idleTimeoutMs;
    }
  }

  if (nowMs >= confirmedByMs) {
    const { subscriptionTimeoutMs } = policy;
    if (seen.unconfirmed > 0 && !seen.paused && !stalled(nowMs, confirmedByMs)) {
      const text = `${seen.unconfirmed} subscriptions not confirmed within ${subscriptionTimeoutMs} ms`;
      const after = retryAfter(state, { label: 'subscription_timeout', text }, nowMs, policy);
      return leave(nowMs, policy, after, { kind: 'close', code: 1000, reason: 'No answer to a subscription' });
    }
    confirmedByMs = seen.unconfirmed > 0 ? nowMs + subscriptionTimeoutMs : Infinity;
  }

  if (nowMs >= pingAtMs) {
    effects.push({ kind: 'ping', paused: seen.paused });
    pingAtMs = nowMs + policy.pingIntervalMs;
    if (!seen.paused) pingedAtMs ??= nowMs;
  }
  if (nowMs >= heartbeatAtMs) {
    effects.push({ kind: 'heartbeat' });
    heartbeatAtMs = nowMs + policy.heartbeatIntervalMs;
  }
  return [{ ...state, pingAtMs, pingedAtMs, idleAtMs, heartbeatAtMs, confirmedByMs }, effects];
}

function whileClosing(state: Closing, event: Event, moment: Moment, policy: Policy): Step {
  switch (event.kind) {
    case 'ended':
      return settle(state.after, moment, policy);
    case 'stop':
      return [{ ...state, after: { kind: 'stop' } }, []];
    case 'tick':
      if (moment.nowMs < state.deadlineMs) return [state, []];
      return [{ ...state, deadlineMs: Infinity }, [{ kind: 'destroy' }]];
    case 'start':
    case 'connected':
    case 'opened':
    case 'refused':
    case 'close-received':
    case 'malformed':
    case 'subscribed':
    case 'unserved':
      return [state, []];
    default:
      return unreachable(event);
  }
}

/** Into `closing`: the effect ends the socket, and what then is due waits until it has ended. */
function leave(nowMs: number, policy: Policy, after: After, effect: Effect): Step {
  return [{ kind: 'closing', deadlineMs: nowMs + policy.closeTimeoutMs, after }, [effect]];
}

/** The socket is gone. */
function settle(after: After, moment: Moment, policy: Policy): Step {
  switch (after.kind) {
    case 'stop':
      return [{ kind: 'stopped' }, []];
    case 'fail':
      return [{ kind: 'failed', reason: after.reason }, []];
    case 'redirect':
      return connect(after.attempt, after.redirects, moment, policy, after.url);
    case 'retry': {
      const { failures, cause, leastWaitMs } = after;
      const delayMs = Math.max(backoffMs(failures, policy.backoff, moment.random), leastWaitMs);
      return [
        { kind: 'waiting', attempt: failures, untilMs: moment.nowMs + delayMs },
        [{ kind: 'scheduled', attempt: failures, delayMs, cause }],
      ];
    }
    default:
      return unreachable(after);
  }
}

function judged(verdict: Verdict, state: Connecting | Upgrading | Open, nowMs: number, policy: Policy): After {
  if (verdict.kind === 'fail') return verdict;
  return retryAfter(state, verdict.cause, nowMs, policy, verdict.leastWaitMs);
}

function retryAfter(
  state: Connecting | Upgrading | Open,
  cause: Cause,
  nowMs: number,
  policy: Policy,
  leastWaitMs = 0,
): After {
  const wasStable = state.kind === 'open' && nowMs - state.sinceMs >= policy.stableMs;
  const failures = (wasStable ? 0 : state.attempt) + 1;
  // Where the outbound policy forbids the address, only the operator can help.
  if (cause.label === 'forbidden') return { kind: 'fail', reason: cause.text };
  if (!policy.reconnect) {
    return { kind: 'fail', reason: `${cause.text} (websocket.reconnect.enabled is false)` };
  }
  if (policy.maxAttempts > 0 && failures > policy.maxAttempts) {
    return { kind: 'fail', reason: `gave up after ${policy.maxAttempts} attempts to reconnect: ${cause.text}` };
  }
  return { kind: 'retry', failures, cause, leastWaitMs };
}

function inMs(nowMs: number, timeoutMs: number): number {
  return timeoutMs > 0 ? nowMs + timeoutMs : Infinity;
}

function stalled(nowMs: number, deadlineMs: number): boolean {
  return nowMs - deadlineMs > stallMs;
}
