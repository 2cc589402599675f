import { deepEqual, equal, ok } from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { fuzzRuns } from '../../../test/support/random.ts';
import type { Policy } from './policy.ts';
import { type Event, next, type Seen, type State, stallMs, wakeAtMs } from './state.ts';

const policy: Policy = {
  reconnect: true,
  maxAttempts: -1,
  backoff: { baseMs: 100, maxMs: 1000, jitter: 0.25 },
  stableMs: 5000,
  busyMs: 700,
  connectTimeoutMs: 3000,
  handshakeTimeoutMs: 2000,
  pingIntervalMs: 400,
  pongTimeoutMs: 300,
  idleTimeoutMs: 0,
  heartbeatIntervalMs: 0,
  subscriptionTimeoutMs: 500,
  closeTimeoutMs: 2000,
  maxRedirects: 1,
  fatalCloseCodes: new Set([1008, 4401]),
  fatalStatuses: new Set([401]),
  renewal: { maxAgeMs: 0, jitter: 0, overlapMs: 1000 },
};
const now = 10_000;
const moment = { nowMs: now, random: () => 0 };
const cause = { label: 'lost', text: 'gone' };
const fresh: Seen = { heardAtMs: now, messageAtMs: now, paused: false, unconfirmed: 0 };

const open: Extract<State, { kind: 'open' }> = {
  kind: 'open',
  attempt: 2,
  sinceMs: now - 100,
  pingAtMs: now + 1,
  pingedAtMs: null,
  idleAtMs: Infinity,
  heartbeatAtMs: Infinity,
  confirmedByMs: Infinity,
};
const states = {
  idle: { kind: 'idle' },
  connecting: { kind: 'connecting', attempt: 2, redirects: 0, deadlineMs: now },
  upgrading: { kind: 'upgrading', attempt: 2, redirects: 0, deadlineMs: now },
  open,
  closing: { kind: 'closing', deadlineMs: now, after: { kind: 'retry', failures: 3, cause, leastWaitMs: 0 } },
  waiting: { kind: 'waiting', attempt: 3, untilMs: now },
  failed: { kind: 'failed', reason: 'refused' },
  stopped: { kind: 'stopped' },
} as const satisfies Record<State['kind'], State>;

const events = {
  start: { kind: 'start' },
  connected: { kind: 'connected' },
  opened: { kind: 'opened' },
  refused: { kind: 'refused', refusal: { status: 404, statusText: 'Not Found' } },
  'close-received': { kind: 'close-received', code: 1001, reason: 'bye' },
  malformed: { kind: 'malformed', code: 1002, cause },
  subscribed: { kind: 'subscribed' },
  unserved: { kind: 'unserved', cause, forGood: false },
  ended: { kind: 'ended', cause },
  tick: { kind: 'tick', seen: fresh },
  stop: { kind: 'stop' },
} as const satisfies Record<Event['kind'], Event>;

/** State after the event, and the effects; `=` is the very same state and no effect. */
const table: Readonly<Record<State['kind'], Readonly<Record<Event['kind'], string>>>> = {
  idle: {
    start: 'connecting connect',
    connected: '=',
    opened: '=',
    refused: '=',
    'close-received': '=',
    malformed: '=',
    subscribed: '=',
    unserved: '=',
    ended: '=',
    tick: '=',
    stop: 'stopped',
  },
  connecting: {
    start: '=',
    connected: 'upgrading',
    opened: 'open greet',
    refused: 'closing destroy',
    'close-received': '=',
    malformed: 'closing destroy',
    subscribed: '=',
    unserved: '=',
    ended: 'waiting scheduled',
    tick: 'closing destroy',
    stop: 'closing destroy',
  },
  upgrading: {
    start: '=',
    connected: '=',
    opened: 'open greet',
    refused: 'closing destroy',
    'close-received': '=',
    malformed: 'closing destroy',
    subscribed: '=',
    unserved: '=',
    ended: 'waiting scheduled',
    tick: 'closing destroy',
    stop: 'closing destroy',
  },
  open: {
    start: '=',
    connected: '=',
    opened: '=',
    refused: '=',
    'close-received': 'closing close',
    malformed: 'closing close',
    subscribed: 'open',
    unserved: 'closing close',
    ended: 'waiting scheduled',
    tick: 'open',
    stop: 'closing close',
  },
  closing: {
    start: '=',
    connected: '=',
    opened: '=',
    refused: '=',
    'close-received': '=',
    malformed: '=',
    subscribed: '=',
    unserved: '=',
    ended: 'waiting scheduled',
    tick: 'closing destroy',
    stop: 'closing',
  },
  waiting: {
    start: '=',
    connected: '=',
    opened: '=',
    refused: '=',
    'close-received': '=',
    malformed: '=',
    subscribed: '=',
    unserved: '=',
    ended: '=',
    tick: 'connecting connect',
    stop: 'stopped',
  },
  failed: {
    start: '=',
    connected: '=',
    opened: '=',
    refused: '=',
    'close-received': '=',
    malformed: '=',
    subscribed: '=',
    unserved: '=',
    ended: '=',
    tick: '=',
    stop: '=',
  },
  stopped: {
    start: '=',
    connected: '=',
    opened: '=',
    refused: '=',
    'close-received': '=',
    malformed: '=',
    subscribed: '=',
    unserved: '=',
    ended: '=',
    tick: '=',
    stop: '=',
  },
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

function after(state: State, event: Event, changed: Partial<Policy> = {}, nowMs = now): ReturnType<typeof next> {
  return next(state, event, { nowMs, random: () => 0 }, { ...policy, ...changed });
}

/** Ends the socket of a state that is closing. */
function settled(state: State, changed: Partial<Policy> = {}): ReturnType<typeof next> {
  return after(state, events.ended, changed);
}

describe('waits', () => {
  for (const [attempt, delayMs] of [
    [1, 100],
    [2, 200],
    [4, 800],
    [5, 1000],
    [61, 1000],
    [1_000_000, 1000],
  ] as const) {
    test(`attempt ${attempt} waits ${delayMs} ms`, () => {
      const [state, effects] = after({ ...states.connecting, attempt: attempt - 1 }, events.ended);
      deepEqual(state, { kind: 'waiting', attempt, untilMs: now + delayMs });
      deepEqual(effects, [{ kind: 'scheduled', attempt, delayMs, cause }]);
    });
  }

  test('up to a quarter is added at random', () => {
    const [state] = next(states.connecting, events.ended, { nowMs: now, random: () => 1 }, policy);
    deepEqual(state, { kind: 'waiting', attempt: 3, untilMs: now + 500 });
  });

  test('a connection that did not last counts as one more failure', () => {
    deepEqual(after({ ...open, sinceMs: now - 4999 }, events.ended)[0], {
      kind: 'waiting',
      attempt: 3,
      untilMs: now + 400,
    });
  });

  test('a connection that lasted makes the next failure the first', () => {
    deepEqual(after({ ...open, sinceMs: now - 5000 }, events.ended)[0], {
      kind: 'waiting',
      attempt: 1,
      untilMs: now + 100,
    });
  });

  for (const code of [1012, 1013]) {
    test(`close code ${code} waits at least as long as the option says`, () => {
      const [closing] = after(open, { kind: 'close-received', code, reason: '' });
      deepEqual(settled(closing)[0], { kind: 'waiting', attempt: 3, untilMs: now + 700 });
    });
  }

  for (const [status, retryAfterMs, waitMs] of [
    [429, 9000, 9000],
    [503, 9000, 9000],
    [503, undefined, 700],
    [503, 1e12, 3_600_000],
    [500, 9000, 400],
    [404, undefined, 400],
  ] as const) {
    test(`status ${status} with Retry-After ${retryAfterMs ?? 'missing'} waits ${waitMs} ms`, () => {
      const refused: Event = { kind: 'refused', refusal: { status, statusText: '', retryAfterMs } };
      deepEqual(settled(after(states.upgrading, refused)[0])[0], {
        kind: 'waiting',
        attempt: 3,
        untilMs: now + waitMs,
      });
    });
  }
});

describe('failing', () => {
  test('after the last attempt, with the reason', () => {
    const limit = { maxAttempts: 3 };
    equal(after(states.connecting, events.ended, limit)[0].kind, 'waiting');
    deepEqual(after({ ...states.connecting, attempt: 3 }, events.ended, limit), [
      { kind: 'failed', reason: 'gave up after 3 attempts to reconnect: gone' },
      [],
    ]);
  });

  test('at once where reconnecting is off', () => {
    const [state] = after(states.connecting, events.ended, { reconnect: false });
    deepEqual(state, { kind: 'failed', reason: 'gone (websocket.reconnect.enabled is false)' });
  });

  test('on a fatal close code, once the socket is gone', () => {
    const [closing, effects] = after(open, { kind: 'close-received', code: 4401, reason: 'who are you' });
    deepEqual(effects, [{ kind: 'close', code: 4401, reason: '' }]);
    deepEqual(settled(closing)[0], {
      kind: 'failed',
      reason: 'server closed the connection with code 4401: who are you',
    });
  });

  test('on a fatal status', () => {
    const refused: Event = { kind: 'refused', refusal: { status: 401, statusText: 'Unauthorized' } };
    deepEqual(settled(after(states.upgrading, refused)[0])[0], {
      kind: 'failed',
      reason: 'server answered the upgrade with 401 Unauthorized',
    });
  });
});

describe('redirects', () => {
  const redirect: Event = { kind: 'refused', refusal: { status: 302, statusText: '', location: 'ws://b/' } };

  test('are followed, once the first socket is gone', () => {
    const [closing, effects] = after(states.upgrading, redirect);
    deepEqual(effects, [{ kind: 'redirected', url: 'ws://b/' }, { kind: 'destroy' }]);
    const [state, more] = settled(closing);
    deepEqual(state, { kind: 'connecting', attempt: 2, redirects: 1, deadlineMs: now + 3000 });
    deepEqual(more, [{ kind: 'connect', attempt: 2, url: 'ws://b/' }]);
  });

  test('are too many beyond the limit', () => {
    const [closing] = after({ ...states.upgrading, redirects: 1 }, redirect);
    equal(settled(closing)[0].kind, 'waiting');
  });
});

describe('liveness', () => {
  test('a ping is sent when it is due, and silence after it ends the connection', () => {
    const [pinged, effects] = after({ ...open, pingAtMs: now }, events.tick);
    deepEqual(effects, [{ kind: 'ping', paused: false }]);
    equal(wakeAtMs(pinged, policy), now + 300);
    const silent: Event = { kind: 'tick', seen: { ...fresh, heardAtMs: now - 1 } };
    equal(after(pinged, silent, {}, now + 299)[0].kind, 'open');
    const [closing, cut] = after(pinged, silent, {}, now + 300);
    equal(closing.kind, 'closing');
    deepEqual(cut, [{ kind: 'destroy' }]);
  });

  test('anything heard after the ping is enough', () => {
    const [state] = after({ ...open, pingedAtMs: now - 200, pingAtMs: Infinity }, events.tick, {}, now + 100);
    equal(state.kind === 'open' && state.pingedAtMs, null);
  });

  test('while the socket is paused no silence is held against the peer, and pings go on', () => {
    const paused: Event = { kind: 'tick', seen: { heardAtMs: 0, messageAtMs: 0, paused: true, unconfirmed: 0 } };
    const [state, effects] = after({ ...open, pingedAtMs: now - 300, pingAtMs: now }, paused, { idleTimeoutMs: 1 });
    equal(state.kind === 'open' && state.pingedAtMs, null);
    deepEqual(effects, [{ kind: 'ping', paused: true }]);
  });

  test('a deadline that is noticed far too late was missed by us, not by the peer', () => {
    const silent: Event = { kind: 'tick', seen: { ...fresh, heardAtMs: 0 } };
    const lateMs = now + 300 + stallMs + 1;
    const [state] = after({ ...open, pingedAtMs: now }, silent, {}, lateMs);
    equal(state.kind === 'open' && state.pingedAtMs, lateMs);
    equal(after(states.upgrading, events.tick, {}, now + stallMs + 1)[0].kind, 'upgrading');
  });

  test('no message for the idle timeout ends a connection that is alive', () => {
    const idle = { idleTimeoutMs: 1000 };
    const quiet: Event = { kind: 'tick', seen: { ...fresh, messageAtMs: now - 1000 } };
    const [closing, effects] = after({ ...open, idleAtMs: now }, quiet, idle);
    equal(closing.kind, 'closing');
    deepEqual(effects, [{ kind: 'close', code: 1000, reason: 'No messages' }]);
    const [state] = after({ ...open, idleAtMs: now }, events.tick, idle);
    equal(state.kind === 'open' && state.idleAtMs, now + 1000);
  });

  test('subscriptions that nobody confirms in time end the connection; those that are confirmed are waited for no more', () => {
    const [asked] = after(open, events.subscribed);
    equal(asked.kind === 'open' && asked.confirmedByMs, now + 500);
    const waiting: Event = { kind: 'tick', seen: { ...fresh, unconfirmed: 1 } };
    equal(after(asked, waiting, {}, now + 499)[0].kind, 'open');
    const [closing, effects] = after(asked, waiting, {}, now + 500);
    equal(settled(closing)[0].kind, 'waiting');
    deepEqual(effects.at(-1), { kind: 'close', code: 1000, reason: 'No answer to a subscription' });
    const [confirmed] = after(asked, events.tick, {}, now + 500);
    equal(confirmed.kind === 'open' && confirmed.confirmedByMs, Infinity);
    const held: Event = { kind: 'tick', seen: { ...fresh, unconfirmed: 1, paused: true } };
    const [again] = after(asked, held, {}, now + 500);
    equal(again.kind === 'open' && again.confirmedByMs, now + 1000);
  });

  test('a refused subscription is tried again or fails for good, as it was said', () => {
    const refused = (forGood: boolean): Event => ({ kind: 'unserved', cause, forGood });
    equal(settled(after(open, refused(false))[0])[0].kind, 'waiting');
    deepEqual(settled(after(open, refused(true))[0])[0], { kind: 'failed', reason: 'gone' });
  });

  test('heartbeats go out at their interval', () => {
    const [state, effects] = after({ ...open, heartbeatAtMs: now }, events.tick, { heartbeatIntervalMs: 50 });
    deepEqual(effects, [{ kind: 'heartbeat' }]);
    equal(state.kind === 'open' && state.heartbeatAtMs, now + 50);
  });
});

test('whatever happens, a socket is only asked for when there is none, and every wait has a bound', () => {
  const anyEvent = fc.oneof(
    fc.constantFrom<Event>(
      ...Object.values(events),
      { kind: 'close-received', code: 4401, reason: '' },
      { kind: 'refused', refusal: { status: 302, statusText: '', location: 'ws://b/' } },
      { kind: 'tick', seen: { heardAtMs: 0, messageAtMs: 0, paused: true, unconfirmed: 0 } },
      { kind: 'tick', seen: { heardAtMs: 0, messageAtMs: 0, paused: false, unconfirmed: 2 } },
    ),
  );
  fc.assert(
    fc.property(fc.array(fc.tuple(anyEvent, fc.nat(2000)), { maxLength: 60 }), (script) => {
      let state: State = { kind: 'idle' };
      let nowMs = 0;
      let sockets = 0;
      for (const [event, passedMs] of [[events.start, 0] as const, ...script]) {
        nowMs += passedMs;
        // The task reports the end of a socket only where there is one.
        if (event.kind === 'ended' && sockets === 0) continue;
        if (event.kind === 'ended') sockets--;
        const [after, effects] = next(state, event, { nowMs, random: () => 0.5 }, { ...policy, idleTimeoutMs: 1500 });
        for (const effect of effects) if (effect.kind === 'connect') sockets++;
        ok(sockets <= 1, 'two sockets at one time');
        if (after.kind === 'waiting' || after.kind === 'failed' || after.kind === 'stopped') equal(sockets, 0);
        if (after.kind === 'waiting') ok(wakeAtMs(after, policy) - nowMs <= 1250);
        state = after;
      }
    }),
    { numRuns: fuzzRuns(2000) },
  );
});
