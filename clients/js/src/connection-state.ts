/** The life of a connection, as states and transitions (PROTOCOL.md, sections 3.6 to 3.8). Does nothing by itself. */
import type { ErrorCode } from './api.ts';

export type State =
  | { readonly kind: 'connecting'; readonly attempt: number; readonly refusals: number; readonly deadlineMs: number }
  | { readonly kind: 'opening'; readonly attempt: number; readonly refusals: number; readonly deadlineMs: number }
  | {
      readonly kind: 'ready';
      readonly attempt: number;
      readonly sinceMs: number;
      readonly pingMs: number;
      readonly renewAtMs: number;
    }
  | {
      readonly kind: 'waiting';
      readonly attempt: number;
      readonly refusals: number;
      readonly untilMs: number;
      readonly reason: string;
    }
  | { readonly kind: 'closed'; readonly code: ErrorCode | null };

export type Happening =
  | { readonly kind: 'opened' }
  /** `lifeMs`: until the token expires; null for ever. */
  | { readonly kind: 'welcomed'; readonly pingMs: number; readonly lifeMs: number | null }
  | { readonly kind: 'bye'; readonly code: ErrorCode; readonly reconnect: boolean; readonly afterMs: number }
  | { readonly kind: 'lost'; readonly code: number }
  | { readonly kind: 'no-token' }
  | { readonly kind: 'tick'; readonly heardMs: number }
  | { readonly kind: 'close' };

/** What is to be done next. `drop` closes the socket, `resume` sends what is open again. */
export type Effect = 'connect' | 'authenticate' | 'resume' | 'renew' | 'drop' | 'fail';

export interface Policy {
  readonly minDelayMs: number;
  readonly maxDelayMs: number;
  /** New tokens can be had. */
  readonly canRenew: boolean;
  /** 0 to 1. */
  readonly random: () => number;
}

type Next = readonly [State, readonly Effect[]];

const openMs = 15_000;
/** A connection that lasted so long was a good one: pauses begin anew. */
const goodMs = 10_000;
/** Beyond the server's own interval. */
const silenceMs = 10_000;
/** Tokens refused in a row, until it is believed. */
const maxRefusals = 3;
/** To connect again unchanged would end the same way. */
const fatal: Readonly<Record<number, ErrorCode>> = {
  1002: 'bad_request',
  1003: 'unsupported',
  1007: 'bad_request',
  1009: 'too_large',
  4400: 'bad_request',
  4403: 'forbidden',
};

export function begin(nowMs: number, attempt = 0, refusals = 0): Next {
  return [{ kind: 'connecting', attempt, refusals, deadlineMs: nowMs + openMs }, ['connect']];
}

export function next(state: State, event: Happening, nowMs: number, policy: Policy): Next {
  if (state.kind === 'closed') return [state, []];
  if (event.kind === 'close') return [{ kind: 'closed', code: null }, ['drop']];
  switch (state.kind) {
    case 'waiting':
      return event.kind === 'tick' && nowMs >= state.untilMs
        ? begin(nowMs, state.attempt, state.refusals)
        : [state, []];
    case 'connecting':
      if (event.kind !== 'opened') return unopened(state, event, nowMs, policy);
      return [{ ...state, kind: 'opening' }, ['authenticate']];
    case 'opening':
      return event.kind === 'welcomed'
        ? [ready(event, state.attempt, nowMs, nowMs, policy), ['resume']]
        : unopened(state, event, nowMs, policy);
    case 'ready':
      return whileReady(state, event, nowMs, policy);
  }
}

/** When a tick can change something. */
export function wakeAt(state: State, heardMs: number): number {
  switch (state.kind) {
    case 'connecting':
    case 'opening':
      return state.deadlineMs;
    case 'waiting':
      return state.untilMs;
    case 'ready':
      return Math.min(state.renewAtMs, heardMs + state.pingMs + silenceMs);
    case 'closed':
      return Number.POSITIVE_INFINITY;
  }
}

/** The pause before attempt `attempt`: it doubles, and half of it is chance. */
export function delay(attempt: number, { minDelayMs, maxDelayMs, random }: Policy): number {
  const most = Math.min(maxDelayMs, minDelayMs * 2 ** Math.min(attempt, 20));
  return most / 2 + (most / 2) * random();
}

function unopened(
  state: State & { readonly kind: 'connecting' | 'opening' },
  event: Happening,
  nowMs: number,
  policy: Policy,
): Next {
  const { attempt, refusals } = state;
  const wait = (reason: string, refused = refusals): Next =>
    waiting(attempt + 1, refused, delay(attempt, policy), reason, nowMs);
  switch (event.kind) {
    case 'tick':
      return nowMs >= state.deadlineMs ? wait('the gateway does not answer') : [state, []];
    case 'no-token':
      return wait('no token could be had');
    case 'bye':
      if (event.code === 'unauthorized') return refused();
      return event.reconnect
        ? waiting(attempt + 1, 0, Math.max(event.afterMs, delay(attempt, policy)), event.code, nowMs)
        : failed(event.code);
    case 'lost':
      if (event.code === 4401) return refused();
      return event.code in fatal ? failed(fatal[event.code]!) : wait(`no connection (${event.code})`);
    default:
      return [state, []];
  }

  function refused(): Next {
    return policy.canRenew && refusals + 1 < maxRefusals
      ? wait('the token is not accepted', refusals + 1)
      : failed('unauthorized');
  }
}

function whileReady(state: State & { readonly kind: 'ready' }, event: Happening, nowMs: number, policy: Policy): Next {
  const attempt = nowMs - state.sinceMs >= goodMs ? 0 : state.attempt;
  switch (event.kind) {
    case 'welcomed':
      return [ready(event, state.attempt, state.sinceMs, nowMs, policy), []];
    case 'bye': {
      if (!event.reconnect) return failed(event.code);
      // The gateway has spread these over time; all other reasons might hold at once again, as may a token that is
      // over as soon as it has been taken.
      const isKnown = event.code === 'shutting_down' || (event.code === 'unauthorized' && attempt === 0);
      const pauseMs = isKnown ? event.afterMs : Math.max(event.afterMs, delay(attempt, policy));
      return waiting(attempt + 1, 0, pauseMs, event.code, nowMs);
    }
    case 'lost':
      return event.code in fatal
        ? failed(fatal[event.code]!)
        : waiting(attempt + 1, 0, delay(attempt, policy), `the connection was lost (${event.code})`, nowMs);
    case 'tick':
      if (nowMs >= event.heardMs + state.pingMs + silenceMs)
        return waiting(attempt + 1, 0, delay(attempt, policy), 'the gateway is silent', nowMs);
      return nowMs >= state.renewAtMs ? [{ ...state, renewAtMs: Number.POSITIVE_INFINITY }, ['renew']] : [state, []];
    default:
      return [state, []];
  }
}

function ready(
  { pingMs, lifeMs }: Happening & { readonly kind: 'welcomed' },
  attempt: number,
  sinceMs: number,
  nowMs: number,
  { canRenew }: Policy,
): State {
  const renewAtMs =
    lifeMs === null || !canRenew ? Number.POSITIVE_INFINITY : nowMs + Math.max(1000, Math.min(lifeMs * 0.75, 2 ** 30));
  return { kind: 'ready', attempt, sinceMs, pingMs, renewAtMs };
}

function waiting(attempt: number, refusals: number, pauseMs: number, reason: string, nowMs: number): Next {
  return [{ kind: 'waiting', attempt, refusals, untilMs: nowMs + pauseMs, reason }, ['drop']];
}

function failed(code: ErrorCode): Next {
  return [{ kind: 'closed', code }, ['drop', 'fail']];
}
