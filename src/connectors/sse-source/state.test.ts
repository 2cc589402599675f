import { deepEqual, equal, ok } from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { fuzzRuns } from '../../../test/support/random.ts';
import type { Answer, Policy } from './policy.ts';
import { type Event, type Moment, next, type Seen, type State, stallMs, wakeAtMs } from './state.ts';

const policy: Policy = {
  maxAttempts: -1,
  backoff: { baseMs: 100, maxMs: 1000, jitter: 0.25 },
  stableMs: 5000,
  connectTimeoutMs: 3000,
  responseTimeoutMs: 2000,
  heartbeatTimeoutMs: 400,
  idleTimeoutMs: 0,
  maxRedirects: 1,
  fatalStatuses: new Set([401]),
};
const now = 10_000;
const moment: Moment = { nowMs: now, random: () => 0, retryMs: null };
const cause = { label: 'lost', text: 'gone' };
const fresh: Seen = { heardAtMs: now, eventAtMs: now, paused: false };

function answer(status: number, more: Partial<Answer> = {}): Event {
  const base = { statusText: '', contentType: 'text/event-stream', resumed: false, usedToken: false };
  return { kind: 'answered', answer: { ...base, status, ...more } };
}

const open: Extract<State, { kind: 'open' }> = {
  kind: 'open',
  attempt: 2,
  redirects: 0,
  sinceMs: now - 100,
  silentAtMs: now + 1,
  idleAtMs: Infinity,
};
const states = {
  idle: { kind: 'idle' },
  admitting: { kind: 'admitting', attempt: 2, redirects: 0 },
  connecting: { kind: 'connecting', attempt: 2, redirects: 0, deadlineMs: now },
  requesting: { kind: 'requesting', attempt: 2, redirects: 0, deadlineMs: now },
  open,
  closing: { kind: 'closing', after: { kind: 'retry', failures: 3, cause, leastWaitMs: 0 } },
  waiting: { kind: 'waiting', attempt: 3, untilMs: now },
  finished: { kind: 'finished' },
  failed: { kind: 'failed', reason: 'refused' },
  stopped: { kind: 'stopped' },
} as const satisfies Record<State['kind'], State>;

const events = {
  start: { kind: 'start' },
  admitted: { kind: 'admitted' },
  connected: { kind: 'connected' },
  answered: answer(200),
  hopeless: { kind: 'hopeless', reason: 'no use' },
  ended: { kind: 'ended', cause },
  tick: { kind: 'tick', seen: fresh },
  stop: { kind: 'stop' },
} as const satisfies Record<Event['kind'], Event>;

const nothing = Object.fromEntries(Object.keys(events).map((event) => [event, '='])) as Record<Event['kind'], string>;
/** State after the event, and the effects; `=` is the very same state and no effect. */
const table: Readonly<Record<State['kind'], Readonly<Record<Event['kind'], string>>>> = {
  idle: { ...nothing, start: 'admitting admit', stop: 'stopped' },
  admitting: {
    start: '=',
    admitted: 'connecting',
    connected: '=',
    answered: 'open read',
    hopeless: 'closing destroy',
    ended: 'waiting scheduled',
    tick: '=',
    stop: 'closing destroy',
  },
  connecting: {
    start: '=',
    admitted: '=',
    connected: 'requesting',
    answered: 'open read',
    hopeless: 'closing destroy',
    ended: 'waiting scheduled',
    tick: 'closing destroy',
    stop: 'closing destroy',
  },
  requesting: {
    start: '=',
    admitted: '=',
    connected: '=',
    answered: 'open read',
    hopeless: 'closing destroy',
    ended: 'waiting scheduled',
    tick: 'closing destroy',
    stop: 'closing destroy',
  },
  open: {
    start: '=',
    admitted: '=',
    connected: '=',
    answered: '=',
    hopeless: 'closing destroy',
    ended: 'waiting scheduled',
    tick: 'open',
    stop: 'closing destroy',
  },
  closing: { ...nothing, hopeless: 'closing', ended: 'waiting scheduled', stop: 'closing' },
  waiting: { ...nothing, tick: 'admitting admit', stop: 'stopped' },
  finished: { ...nothing, stop: 'stopped' },
  failed: nothing,
  stopped: nothing,
};

describe('the table of transitions has no hole', () => {
  for (const [from, row] of Object.entries(table)) {
    for (const [event, expected] of Object.entries(row)) {
      test(`${from} on ${event}: ${expected === '=' ? 'nothing' : expected}`, () => {
        const before: State = states[from as State['kind']];
        const [state, effects] = next(before, events[event as Event['kind']], moment, policy);
        if (expected === '=') {
          equal(state, before);
          deepEqual(effects, []);
        } else {
          equal([state.kind, ...effects.map(({ kind }) => kind)].join(' '), expected);
        }
      });
    }
  }
});

function after(state: State, event: Event, changed: Partial<Policy> = {}, at: Partial<Moment> = {}) {
  return next(state, event, { ...moment, ...at }, { ...policy, ...changed });
}

/** What comes of an answer, once its request is over. */
function settled(event: Event, changed: Partial<Policy> = {}, state: State = states.requesting): State {
  return after(after(state, event, changed)[0], events.ended, changed)[0];
}

describe('waits', () => {
  for (const [attempt, retryMs, delayMs] of [
    [1, null, 100],
    [2, null, 200],
    [5, null, 1000],
    [61, null, 1000],
    [1_000_000, null, 1000],
    [1, 5, 5],
    [2, 5, 100],
    [4, 5, 400],
    [4, 3000, 3000],
    [1, 1e15, 3_600_000],
  ] as const) {
    test(`attempt ${attempt} with retry ${retryMs} waits ${delayMs} ms`, () => {
      const [state] = after({ ...states.connecting, attempt: attempt - 1 }, events.ended, {}, { retryMs });
      deepEqual(state, { kind: 'waiting', attempt, untilMs: now + delayMs });
    });
  }

  test('up to a quarter is added at random', () => {
    const wait = (retryMs: number | null) =>
      after(states.connecting, events.ended, {}, { retryMs, random: () => 1 })[0];
    deepEqual(wait(null), { kind: 'waiting', attempt: 3, untilMs: now + 500 });
    deepEqual(wait(800), { kind: 'waiting', attempt: 3, untilMs: now + 1000 });
  });

  test('a stream that did not last counts as one more failure, one that did makes the next the first', () => {
    deepEqual(after({ ...open, sinceMs: now - 4999 }, events.ended)[0], {
      kind: 'waiting',
      attempt: 3,
      untilMs: now + 400,
    });
    deepEqual(after({ ...open, sinceMs: now - 5000 }, events.ended)[0], {
      kind: 'waiting',
      attempt: 1,
      untilMs: now + 100,
    });
  });

  for (const [status, retryAfterMs, waitMs] of [
    [429, 9000, 9000],
    [503, undefined, 5000],
    [503, 1e12, 3_600_000],
    [500, 9000, 400],
    [404, undefined, 400],
  ] as const) {
    test(`status ${status} with Retry-After ${retryAfterMs ?? 'missing'} waits ${waitMs} ms`, () => {
      deepEqual(settled(answer(status, { retryAfterMs })), { kind: 'waiting', attempt: 3, untilMs: now + waitMs });
    });
  }
});

describe('what ends a stream for good', () => {
  test('too many failed attempts, with the reason', () => {
    const limit = { maxAttempts: 3 };
    equal(after(states.connecting, events.ended, limit)[0].kind, 'waiting');
    deepEqual(after({ ...states.connecting, attempt: 3 }, events.ended, limit), [
      { kind: 'failed', reason: 'gave up after 3 attempts to reconnect: gone' },
      [],
    ]);
  });
  test('a fatal status', () =>
    deepEqual(settled(answer(401, { statusText: 'Unauthorized' })), {
      kind: 'failed',
      reason: 'server answered with 401 Unauthorized',
    }));
  test('an address that is forbidden', () => {
    const forbidden: Event = { kind: 'ended', cause: { label: 'forbidden', text: 'not a public address' } };
    deepEqual(after(states.connecting, forbidden)[0], { kind: 'failed', reason: 'not a public address' });
  });
  test('204, without being a failure', () => equal(settled(answer(204)).kind, 'finished'));
  test('what is found out while the request ends', () => {
    const [closing] = after(states.closing, events.hopeless);
    deepEqual(after(closing, events.ended)[0], { kind: 'failed', reason: 'no use' });
    const [stopping] = after(after(open, events.stop)[0], events.hopeless);
    equal(after(stopping, events.ended)[0].kind, 'stopped');
  });
});

describe('answers', () => {
  test('a token that was used before is renewed at once, a new one is not', () => {
    const [closing, effects] = after(states.requesting, answer(401, { usedToken: true }));
    deepEqual(
      effects.map(({ kind }) => kind),
      ['forget', 'destroy'],
    );
    equal(after(closing, events.ended)[0].kind, 'admitting');
    equal(settled(answer(401)).kind, 'failed');
  });
  for (const status of [400, 410, 412, 416, 431]) {
    test(`${status} to a Last-Event-ID forgets it, without one it does not`, () => {
      const forgets = (resumed: boolean) =>
        after(states.requesting, answer(status, { resumed }))[1].some(({ kind }) => kind === 'forget');
      deepEqual([forgets(true), forgets(false)], [true, false]);
      equal(settled(answer(status, { resumed: true })).kind, 'waiting');
    });
  }
  test('another type than that of event streams is tried again', () =>
    equal(settled(answer(200, { contentType: 'text/html' })).kind, 'waiting'));
  test('a redirect is followed once the request is over, up to the limit', () => {
    const redirect = answer(302, { location: 'http://b/' });
    const [closing, effects] = after(states.requesting, redirect);
    deepEqual(effects, [{ kind: 'redirected', url: 'http://b/' }, { kind: 'destroy' }]);
    deepEqual(after(closing, events.ended), [
      { kind: 'admitting', attempt: 2, redirects: 1 },
      [{ kind: 'admit', attempt: 2, url: 'http://b/' }],
    ]);
    equal(settled(redirect, {}, { ...states.requesting, redirects: 1 }).kind, 'waiting');
  });
});

describe('silence', () => {
  test('nothing heard for the time allowed ends the stream; anything heard moves it', () => {
    const silent: Event = { kind: 'tick', seen: { ...fresh, heardAtMs: now - 400 } };
    equal(after({ ...open, silentAtMs: now }, silent)[0].kind, 'closing');
    const [state] = after({ ...open, silentAtMs: now }, events.tick);
    equal(wakeAtMs(state), now + 400);
  });
  test('no event for the idle timeout ends a stream that is alive', () => {
    const idle = { idleTimeoutMs: 1000 };
    const quiet: Event = { kind: 'tick', seen: { ...fresh, eventAtMs: now - 1000 } };
    equal(after({ ...open, idleAtMs: now }, quiet, idle)[0].kind, 'closing');
    equal(after({ ...open, idleAtMs: now }, events.tick, idle)[0].kind, 'open');
  });
  test('while we do not read, no silence is held against the server', () => {
    const paused: Event = { kind: 'tick', seen: { heardAtMs: 0, eventAtMs: 0, paused: true } };
    equal(after({ ...open, silentAtMs: now, idleAtMs: now }, paused, { idleTimeoutMs: 1 })[0].kind, 'open');
  });
  test('a deadline that is noticed far too late was missed by us, not by the server', () => {
    const silent: Event = { kind: 'tick', seen: { heardAtMs: 0, eventAtMs: 0, paused: false } };
    equal(after({ ...open, silentAtMs: now - stallMs - 1 }, silent)[0].kind, 'open');
    equal(after({ ...states.requesting, deadlineMs: now - stallMs - 1 }, events.tick)[0].kind, 'requesting');
  });
});

test('whatever happens, a request is only begun when there is none, and every wait has a bound', () => {
  const anyEvent = fc.constantFrom<Event>(
    ...Object.values(events),
    answer(401),
    answer(204),
    answer(401, { usedToken: true }),
    answer(500),
    answer(302, { location: 'http://b/' }),
    { kind: 'tick', seen: { heardAtMs: 0, eventAtMs: 0, paused: true } },
    { kind: 'tick', seen: { heardAtMs: 0, eventAtMs: 0, paused: false } },
  );
  fc.assert(
    fc.property(fc.array(fc.tuple(anyEvent, fc.nat(2000)), { maxLength: 60 }), (script) => {
      let state: State = { kind: 'idle' };
      let nowMs = 0;
      let requests = 0;
      for (const [event, passedMs] of [[events.start, 0] as const, ...script]) {
        nowMs += passedMs;
        // The task reports the end of a request only where there is one.
        if (event.kind === 'ended' && requests === 0) continue;
        if (event.kind === 'ended') requests--;
        const at = { nowMs, random: () => 0.5, retryMs: null };
        const [then, effects] = next(state, event, at, { ...policy, idleTimeoutMs: 1500 });
        for (const effect of effects) if (effect.kind === 'admit') requests++;
        ok(requests <= 1, 'two requests at one time');
        if (['waiting', 'finished', 'failed', 'stopped'].includes(then.kind)) equal(requests, 0);
        if (then.kind === 'waiting') ok(wakeAtMs(then) - nowMs <= 5000);
        state = then;
      }
    }),
    { numRuns: fuzzRuns(2000) },
  );
});
