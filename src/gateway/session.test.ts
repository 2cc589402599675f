import { deepEqual, equal, ok } from 'node:assert/strict';
import { test } from 'node:test';
import { readClientFrames } from '../wire/gateway/client-frames.ts';
import { anonymous, type Identity } from './auth/identity.ts';
import { type Effect, Session, type SessionLimits } from './session.ts';

const limits: SessionLimits = {
  message: 1_048_576,
  subs: 2,
  topics: 64,
  window: 10_000,
  inflight: 2,
  authMs: 10_000,
  framesPerSecond: 0,
};
const alice: Identity = { principal: 'alice', claims: {}, expiresMs: null };
const bob: Identity = { principal: 'bob', claims: {}, expiresMs: null };

test('a known client is welcomed at once, another must show its token first', () => {
  deepEqual(kinds(open(anonymous).opened), ['send welcome']);
  const { session, opened } = open(undefined);
  deepEqual(opened, []);
  deepEqual(kinds(receive(session, '{"type":"ping"}')), ['bye unauthorized']);
  equal(session.state, 'closing');
});

test('frames behind a token wait until it is verified', () => {
  const { session } = open(undefined);
  deepEqual(kinds(receive(session, '{"type":"auth","token":"x"}\n{"type":"ping"}')), ['verify', 'pause-reading']);
  deepEqual(kinds(session.verified(alice)), ['send welcome', 'send pong', 'resume-reading']);
});

test('a refused token ends a connection that has no other, and leaves alone one that has', () => {
  const first = open(undefined).session;
  receive(first, '{"type":"auth","token":"x"}');
  // The socket is read on: the peer's close frame must be seen.
  deepEqual(kinds(first.verified(undefined)), ['bye unauthorized', 'resume-reading']);
  const second = open(alice).session;
  receive(second, '{"type":"auth","token":"x"}');
  deepEqual(kinds(second.verified(undefined)), ['send error unauthorized', 'resume-reading']);
  equal(second.identity, alice);
});

test('a renewal keeps the principal', () => {
  const { session } = open(alice);
  receive(session, '{"type":"auth","token":"x"}');
  deepEqual(kinds(session.verified(bob)), ['bye unauthorized', 'resume-reading']);
});

test('the deadline concerns only who has shown no token, the end of a token only who has', () => {
  deepEqual(kinds(open(undefined).session.authDeadline()), ['bye unauthorized']);
  deepEqual(open(alice).session.authDeadline(), []);
  deepEqual(kinds(open(alice).session.expired()), ['bye unauthorized']);
  deepEqual(open(undefined).session.expired(), []);
});

test('an id that is open is in use, whichever operation has it, and free again afterwards', () => {
  const { session } = open(anonymous);
  deepEqual(kinds(receive(session, sub(1))), ['subscribe']);
  deepEqual(kinds(receive(session, sub(1))), ['send error conflict']);
  deepEqual(kinds(receive(session, pub(1))), ['send error conflict']);
  session.subscribed(1, { t: 1 }, 'p');
  deepEqual(kinds(receive(session, '{"type":"end","id":1}')), ['unsubscribe', 'send end']);
  deepEqual(kinds(receive(session, pub(1))), ['publish']);
  deepEqual(kinds(receive(session, sub(1))), ['send error conflict']);
  session.published(1);
  deepEqual(kinds(receive(session, sub(1))), ['subscribe']);
});

test('a subscription that is ended while it opens is answered before its end', () => {
  const { session } = open(anonymous);
  receive(session, sub(1));
  deepEqual(receive(session, '{"type":"end","id":1}'), []);
  deepEqual(kinds(session.subscribed(1, { t: 1 }, 'p')), ['send ok', 'unsubscribe', 'send end']);
  receive(session, sub(2));
  receive(session, '{"type":"end","id":2}');
  deepEqual(kinds(session.subscriptionFailed(2, { code: 'not_found', message: '' })), [
    'send error not_found',
    'send end',
    'unsubscribe',
  ]);
});

test('credit goes down with what is delivered and comes back with acknowledgements', () => {
  const { session } = open(anonymous);
  receive(session, sub(1, '"window":5,'));
  equal(session.credit(1), 0);
  session.subscribed(1, { t: 1 }, 'p');
  equal(session.credit(1), 5);
  equal(session.delivered(1, 3), 1);
  equal(session.delivered(1, 2), 2);
  equal(session.credit(1), 0);
  deepEqual(receive(session, '{"type":"ack","id":1,"seq":9}'), []);
  deepEqual(kinds(receive(session, '{"type":"ack","id":1,"seq":1}')), ['acknowledged', 'pump']);
  equal(session.credit(1), 3);
  deepEqual(receive(session, '{"type":"ack","id":1,"seq":1}'), []);
  receive(session, '{"type":"ack","id":1,"seq":2,"window":10}');
  equal(session.credit(1), 10);
});

test('without a window there is always credit; in a group there is one of 500', () => {
  const { session } = open(anonymous);
  receive(session, sub(1));
  session.subscribed(1, { t: 1 }, 'p');
  session.delivered(1, 1000);
  equal(session.credit(1), Number.POSITIVE_INFINITY);
  receive(session, sub(2, '"group":"g",'));
  session.subscribed(2, { t: 1 }, 'p');
  equal(session.credit(2), 500);
});

test('too many subscriptions are refused, too many publishes make the socket wait', () => {
  const { session } = open(anonymous);
  receive(session, sub(1));
  receive(session, sub(2));
  deepEqual(kinds(receive(session, sub(3))), ['send error limit']);
  deepEqual(kinds(receive(session, `${pub(4)}\n${pub(5)}`)), ['publish', 'publish', 'pause-reading']);
  deepEqual(kinds(session.published(4)), ['resume-reading']);
  deepEqual(kinds(session.published(5)), []);
});

test('more frames a second than allowed end the connection', () => {
  const session = new Session('s', { ...limits, framesPerSecond: 2 }, 25_000, anonymous);
  session.opened();
  const ping = readClientFrames('{"type":"ping"}', limits);
  equal(session.received(ping, 0).length, 1);
  equal(session.received(ping, 999).length, 1);
  equal(session.received(ping, 1000).length, 1);
  equal(session.received(ping, 1001).length, 1);
  deepEqual(kinds(session.received(ping, 1002)), ['bye limit']);
});

test('after its farewell a session does nothing more', () => {
  const { session } = open(anonymous);
  receive(session, sub(1));
  deepEqual(kinds(session.drained(10)), ['bye shutting_down']);
  deepEqual(receive(session, '{"type":"ping"}'), []);
  deepEqual(session.subscribed(1, { t: 1 }, 'p'), []);
  deepEqual(session.drained(10), []);
  equal(session.credit(1), 0);
});

function open(identity: Identity | undefined): { session: Session; opened: Effect[] } {
  const session = new Session('s', limits, 25_000, identity);
  return { session, opened: session.opened() };
}

function receive(session: Session, text: string): Effect[] {
  return session.received(readClientFrames(text, limits), 0);
}

function sub(id: number, more = ''): string {
  return `{"type":"sub","id":${id},${more}"topics":["t"]}`;
}

function pub(id: number): string {
  return `{"type":"pub","id":${id},"topic":"t","value":"v"}`;
}

/** `send pong`, `bye limit`: what matters of an effect. */
function kinds(effects: readonly Effect[]): string[] {
  return effects.map((effect) => {
    if (effect.kind === 'bye') return `bye ${effect.code}`;
    if (effect.kind !== 'send') return effect.kind;
    const frame = JSON.parse(effect.frame) as { type: string; code?: string };
    ok(frame.type);
    return frame.code === undefined ? `send ${frame.type}` : `send ${frame.type} ${frame.code}`;
  });
}
