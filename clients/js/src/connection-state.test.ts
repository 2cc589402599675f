import { deepEqual, equal, ok } from 'node:assert/strict';
import { test } from 'node:test';
import {
  begin,
  delay,
  type Effect,
  type Happening,
  next,
  type Policy,
  type State,
  wakeAt,
} from './connection-state.ts';

const policy: Policy = { minDelayMs: 100, maxDelayMs: 1000, canRenew: true, random: () => 1 };
const now = 50_000;

const states: Readonly<Record<State['kind'], State>> = {
  connecting: { kind: 'connecting', attempt: 2, refusals: 0, deadlineMs: now + 10 },
  opening: { kind: 'opening', attempt: 2, refusals: 0, deadlineMs: now + 10 },
  ready: { kind: 'ready', attempt: 2, sinceMs: now - 20_000, pingMs: 1000, renewAtMs: now + 10 },
  waiting: { kind: 'waiting', attempt: 2, refusals: 0, untilMs: now + 10, reason: 'r' },
  closed: { kind: 'closed', code: null },
};
const bye = (
  code: 'shutting_down' | 'unauthorized' | 'bad_request' | 'slow_consumer',
  reconnect = true,
): Happening => ({
  kind: 'bye',
  code,
  reconnect,
  afterMs: 70,
});
const welcomed: Happening = { kind: 'welcomed', pingMs: 1000, lifeMs: 8000 };
const tick: Happening = { kind: 'tick', heardMs: now };

/** State, event, then what becomes of it; a number behind `waiting` is the pause. */
const table: readonly (readonly [State['kind'], Happening, State['kind'] | number, readonly Effect[]])[] = [
  ['connecting', { kind: 'opened' }, 'opening', ['authenticate']],
  ['connecting', welcomed, 'connecting', []],
  ['connecting', { kind: 'lost', code: 1006 }, 400, ['drop']],
  ['connecting', { kind: 'lost', code: 4403 }, 'closed', ['drop', 'fail']],
  ['connecting', tick, 'connecting', []],
  ['connecting', { kind: 'close' }, 'closed', ['drop']],
  ['connecting', bye('shutting_down'), 400, ['drop']],
  ['connecting', { kind: 'no-token' }, 400, ['drop']],
  ['opening', { kind: 'opened' }, 'opening', []],
  ['opening', welcomed, 'ready', ['resume']],
  ['opening', bye('unauthorized', false), 400, ['drop']],
  ['opening', bye('bad_request', false), 'closed', ['drop', 'fail']],
  ['opening', bye('shutting_down'), 400, ['drop']],
  ['opening', { kind: 'lost', code: 4401 }, 400, ['drop']],
  ['opening', { kind: 'lost', code: 1013 }, 400, ['drop']],
  ['opening', { kind: 'no-token' }, 400, ['drop']],
  ['opening', tick, 'opening', []],
  ['opening', { kind: 'close' }, 'closed', ['drop']],
  ['ready', { kind: 'opened' }, 'ready', []],
  ['ready', welcomed, 'ready', []],
  ['ready', bye('shutting_down'), 70, ['drop']],
  ['ready', bye('unauthorized'), 70, ['drop']],
  ['ready', bye('slow_consumer'), 100, ['drop']],
  ['ready', bye('bad_request', false), 'closed', ['drop', 'fail']],
  ['ready', { kind: 'lost', code: 1006 }, 100, ['drop']],
  ['ready', { kind: 'lost', code: 1009 }, 'closed', ['drop', 'fail']],
  ['ready', { kind: 'no-token' }, 'ready', []],
  ['ready', tick, 'ready', []],
  ['ready', { kind: 'tick', heardMs: now - 11_000 }, 100, ['drop']],
  ['ready', { kind: 'close' }, 'closed', ['drop']],
  ['waiting', { kind: 'opened' }, 'waiting', []],
  ['waiting', welcomed, 'waiting', []],
  ['waiting', bye('bad_request', false), 'waiting', []],
  ['waiting', { kind: 'lost', code: 1009 }, 'waiting', []],
  ['waiting', { kind: 'no-token' }, 'waiting', []],
  ['waiting', tick, 'waiting', []],
  ['waiting', { kind: 'close' }, 'closed', ['drop']],
  ['closed', { kind: 'opened' }, 'closed', []],
  ['closed', welcomed, 'closed', []],
  ['closed', bye('shutting_down'), 'closed', []],
  ['closed', { kind: 'lost', code: 1006 }, 'closed', []],
  ['closed', { kind: 'no-token' }, 'closed', []],
  ['closed', tick, 'closed', []],
  ['closed', { kind: 'close' }, 'closed', []],
];

for (const [from, event, to, effects] of table) {
  const detail = 'code' in event ? ` ${event.code}` : '';
  test(`${from}: ${event.kind}${detail} leads to ${typeof to === 'number' ? `a pause of ${to} ms` : to}`, () => {
    const [state, done] = next(states[from], event, now, policy);
    if (typeof to === 'string') equal(state.kind, to);
    else {
      equal(state.kind, 'waiting');
      equal(state.kind === 'waiting' && state.untilMs - now, to);
    }
    deepEqual(done, effects);
  });
}

test('the table has every state with every event', () => {
  const events: readonly Happening['kind'][] = ['opened', 'welcomed', 'bye', 'lost', 'no-token', 'tick', 'close'];
  for (const state of Object.keys(states)) {
    for (const event of events) {
      ok(
        table.some(([from, { kind }]) => from === state && kind === event),
        `${state} with ${event} is missing`,
      );
    }
  }
});

test('deadlines: a tick at the time that wakeAt names moves each state on', () => {
  for (const kind of ['connecting', 'opening', 'waiting'] as const) {
    const [state] = next(states[kind], tick, wakeAt(states[kind], now), policy);
    equal(state.kind, kind === 'waiting' ? 'connecting' : 'waiting');
  }
  const [renewing, effects] = next(states.ready, tick, wakeAt(states.ready, now), policy);
  deepEqual(effects, ['renew']);
  equal(wakeAt(renewing, now), now + 11_000); // asked for once
  equal(wakeAt(states.closed, now), Number.POSITIVE_INFINITY);
});

test('a token that is refused three times in a row is believed to be bad', () => {
  let state: State = begin(0)[0];
  const seen: string[] = [];
  for (let at = 0; state.kind !== 'closed' && at < 20; at++) {
    [state] = next(state, { kind: 'opened' }, 0, policy);
    [state] = next(state, bye('unauthorized', false), 0, policy);
    seen.push(state.kind);
    [state] = next(state, tick, 1e9, policy);
  }
  deepEqual(seen, ['waiting', 'waiting', 'closed']);
  deepEqual(state, { kind: 'closed', code: 'unauthorized' });
});

test('a token that cannot be renewed is believed to be bad at once', () => {
  const [state] = next(states.opening, bye('unauthorized', false), now, { ...policy, canRenew: false });
  equal(state.kind, 'closed');
});

test('pauses double up to the bound, half of each by chance, and begin anew after a good connection', () => {
  deepEqual(
    [0, 1, 2, 3, 4, 5000].map((attempt) => delay(attempt, policy)),
    [100, 200, 400, 800, 1000, 1000],
  );
  equal(delay(3, { ...policy, random: () => 0 }), 400);
  const short = next({ ...states.ready, sinceMs: now - 1 } as State, { kind: 'lost', code: 1006 }, now, policy)[0];
  equal(short.kind === 'waiting' && short.attempt, 3);
  const long = next(states.ready, { kind: 'lost', code: 1006 }, now, policy)[0];
  equal(long.kind === 'waiting' && long.attempt, 1);
});

test('a token that is refused as soon as it was taken is not shown again without a pause', () => {
  const pauses: number[] = [];
  let state: State = { ...states.ready, sinceMs: now, attempt: 0 } as State;
  for (let at = 0; at < 3; at++) {
    [state] = next(state, { ...bye('unauthorized'), afterMs: 0 } as Happening, now, policy);
    pauses.push((state as State & { kind: 'waiting' }).untilMs - now);
    state = { ...states.ready, sinceMs: now, attempt: (state as State & { kind: 'waiting' }).attempt } as State;
  }
  deepEqual(pauses, [0, 200, 400]);
});
