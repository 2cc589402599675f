import { deepEqual, equal, rejects } from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { binaryDataFrame, publishedBinary } from '../../../src/wire/gateway/binary-frames.ts';
import { ScriptedSocket, turnedClock } from '../../../test/support/gateway/scripted-surroundings.ts';
import type { ClientOptions, ConnectionState, Event } from './api.ts';
import { GatewayClient } from './client.ts';

const clock = turnedClock();
beforeEach(() => {
  ScriptedSocket.made = [];
});

function make(options: ClientOptions = {}, url: string | string[] = 'http://h:1') {
  return new GatewayClient(url, { WebSocket: ScriptedSocket, ...options }, clock);
}

function last(): ScriptedSocket {
  return ScriptedSocket.made.at(-1)!;
}

const record = (offset: number, value: unknown = `v${offset}`) => ({
  topic: 't',
  partition: 0,
  offset,
  timestamp: 1,
  value,
});

/** Takes what is there now. */
async function taken(events: AsyncIterator<Event>, count: number): Promise<unknown[]> {
  const seen: unknown[] = [];
  while (seen.length < count) {
    const { value, done } = await events.next();
    if (done === true) break;
    seen.push(value.kind === 'gap' ? `gap ${value.from}-${value.to}` : value.value);
  }
  return seen;
}

test('the path and the scheme follow from the address', () => {
  const addresses = ['http://h:1', 'https://h/prefix', 'ws://h:1/', 'wss://h'];
  for (const address of addresses) make({}, address).close();
  deepEqual(
    ScriptedSocket.made.map(({ url }) => url),
    ['ws://h:1/v1/ws', 'wss://h/prefix/v1/ws', 'ws://h:1/v1/ws', 'wss://h/v1/ws'],
  );
});

test('a subscription resumes behind the last position, and leaves out what came a second time', async () => {
  const client = make();
  const subscription = client.subscribe({ topics: ['t'], from: 'earliest', window: 10 });
  last().open();
  deepEqual(last().take(), [{ type: 'sub', id: 1, topics: ['t'], from: 'earliest', window: 10 }]);
  last().say({ type: 'ok', id: 1, partitions: { t: 1 }, pos: 'P0' });
  last().say({ type: 'data', id: 1, seq: 1, records: [record(0), record(1)], pos: 'P2' });
  last().say({ type: 'data', id: 1, seq: 2, records: [record(2)] });
  const events = subscription[Symbol.asyncIterator]();
  deepEqual(await taken(events, 3), ['v0', 'v1', 'v2']);
  equal(subscription.position, 'P2');
  last().lose(1006);
  equal(client.state.kind, 'waiting');
  clock.turn(1000);
  last().open();
  deepEqual(last().take(), []); // the loop still has the last record
  const more = taken(events, 1);
  await turn();
  deepEqual(last().take(), [{ type: 'sub', id: 2, topics: ['t'], from: { pos: 'P2' }, window: 10 }]);
  last().say({ type: 'ok', id: 2, partitions: { t: 1 }, pos: 'P2' });
  last().say({ type: 'data', id: 2, seq: 1, records: [record(2), record(3)], pos: 'P4' });
  deepEqual(await more, ['v3']);
  deepEqual(client.counts, { reconnects: 1, retries: 0, gaps: 0, skipped: 1 });
  client.close();
  deepEqual(await taken(events, 1), []);
  equal(clock.pending, 0);
});

test('credit comes back in halves of the window, and whenever nothing else waits', async () => {
  const client = make();
  const events = client.subscribe({ topics: ['t'], window: 4 })[Symbol.asyncIterator]();
  last().open();
  last().take();
  last().say({ type: 'ok', id: 1, partitions: { t: 1 }, pos: 'P0' });
  for (let at = 0; at < 4; at++) {
    last().say({ type: 'data', id: 1, seq: at + 1, records: [record(at)], pos: `P${at + 1}` });
  }
  await taken(events, 2);
  deepEqual(last().take(), []);
  await taken(events, 1);
  deepEqual(last().take(), [{ type: 'ack', id: 1, seq: 2 }]);
  await taken(events, 1);
  const idle = taken(events, 1);
  await turn();
  deepEqual(last().take(), [{ type: 'ack', id: 1, seq: 4 }]);
  client.close();
  deepEqual(await idle, []);
});

test('gaps stand where the records would be, and are counted', async () => {
  const client = make();
  const events = client.subscribe({ topics: ['t'] })[Symbol.asyncIterator]();
  last().open();
  last().say(
    { type: 'ok', id: 1, partitions: { t: 1 }, pos: 'P0' },
    { type: 'gap', id: 1, topic: 't', partition: 0, from: 0, to: 7, reason: 'retention' },
    { type: 'data', id: 1, seq: 1, records: [record(7)], pos: 'P8' },
  );
  deepEqual(await taken(events, 2), ['gap 0-7', 'v7']);
  equal(client.counts.gaps, 1);
  client.close();
});

test('leaving the loop ends the subscription, the signal throws its reason', async () => {
  const client = make();
  const abort = new AbortController();
  const first = client.subscribe({ topics: ['t'] });
  const second = client.subscribe({ topics: ['t'], signal: abort.signal });
  last().open();
  last().say({ type: 'data', id: 1, seq: 1, records: [record(0)], pos: 'P1' });
  last().take();
  for await (const event of first) {
    equal(event.kind, 'record');
    break;
  }
  deepEqual(last().take(), [{ type: 'end', id: 1 }]);
  const waiting = taken(second[Symbol.asyncIterator](), 1);
  abort.abort(new Error('enough'));
  await rejects(waiting, /enough/);
  deepEqual(last().take(), [{ type: 'end', id: 2 }]);
  client.close();
});

test('an error that may pass asks again after a pause, one that stays is thrown by the loop', async () => {
  const client = make();
  const events = client.subscribe({ topics: ['t'] })[Symbol.asyncIterator]();
  last().open();
  last().take();
  last().say({ type: 'error', id: 1, code: 'unavailable', message: 'm', retryable: true, retryAfterMs: 700 });
  clock.turn(699);
  deepEqual(last().take(), []);
  clock.turn(1);
  equal(last().take()[0]!['id'], 2);
  last().say({ type: 'error', id: 2, code: 'not_found', message: 'no such topic', retryable: false });
  await rejects(taken(events, 1), { name: 'GatewayError', code: 'not_found', message: 'no such topic' });
  equal(client.counts.retries, 1);
  client.close();
});

test('publishes go out in order, once there is a connection, and again under the same mid on the next', async () => {
  const client = make();
  const published = [client.publish('t', 'a'), client.publish('t', { n: 1 }, { key: 'k', headers: { h: null } })];
  deepEqual(last().take(), []);
  last().open();
  const [a, b] = last().take();
  deepEqual([a!['value'], b!['value'], b!['key'], b!['headers']], ['a', '{"n":1}', 'k', [{ name: 'h', value: null }]]);
  last().say({ type: 'ok', id: a!['id'], partition: 0, offset: 5, timestamp: 9 });
  deepEqual(await published[0], { partition: 0, offset: 5, timestamp: 9, duplicate: false });
  last().lose(1012);
  clock.turn(1000);
  last().open();
  const [again] = last().take();
  equal(again!['mid'], b!['mid']);
  last().say({ type: 'ok', id: again!['id'], partition: 0, offset: 6, timestamp: 9, duplicate: true });
  equal((await published[1]!).duplicate, true);
  equal(client.counts.retries, 1);
  client.close();
});

test('what waits to be published has a bound, and so has what is on its way', async () => {
  const client = make({ maxInflight: 2, maxWaiting: 3 });
  const published = [1, 2, 3].map((n) => client.publish('t', `${n}`));
  await rejects(client.publish('t', '4'), { code: 'queue_full' });
  last().open();
  const sent = last().take();
  deepEqual(
    sent.map(({ value }) => value),
    ['1', '2'],
  );
  last().say({ type: 'error', id: sent[0]!['id'], code: 'forbidden', message: 'no', retryable: false });
  await rejects(published[0]!, { code: 'forbidden' });
  deepEqual(
    last()
      .take()
      .map(({ value }) => value),
    ['3'],
  );
  client.close();
  await rejects(published[1]!, { code: 'closed' });
  await rejects(published[2]!, { code: 'closed' });
  await rejects(client.publish('t', '5'), { code: 'closed' });
});

test('a publish that fails in a way that may pass is sent again after a pause; one that is aborted is not', async () => {
  const client = make();
  const abort = new AbortController();
  const kept = client.publish('t', 'kept');
  const given = client.publish('t', 'given up', { signal: abort.signal });
  last().open();
  for (const { id } of last().take()) {
    last().say({ type: 'error', id, code: 'timeout', message: 'm', retryable: true });
  }
  abort.abort(new Error('enough'));
  await rejects(given, /enough/);
  clock.turn(1000);
  const sent = last().take();
  deepEqual(
    sent.map(({ value }) => value),
    ['kept'],
  );
  last().say({ type: 'ok', id: sent[0]!['id'], partition: 0, offset: 5, timestamp: 9 });
  equal((await kept).offset, 5);
  client.close();
});

test('publishes that rest after a refusal count as waiting', async () => {
  const client = make({ maxWaiting: 2 });
  last().open();
  const published = ['1', '2'].map((value) => client.publish('t', value));
  for (const { id } of last().take()) {
    last().say({ type: 'error', id, code: 'unavailable', message: 'm', retryable: true });
  }
  await rejects(client.publish('t', '3'), { code: 'queue_full' });
  client.close();
  for (const one of published) await rejects(one, { code: 'closed' });
  equal(clock.pending, 0);
});

test('return() ends a loop that waits for a record, and one that never began', async () => {
  const client = make();
  last().open();
  const waits = client.subscribe({ topics: ['t'] })[Symbol.asyncIterator]();
  const pending = waits.next();
  const unused = client.subscribe({ topics: ['t'] }).batches();
  last().take();
  for (const loop of [waits, unused]) deepEqual(await loop.return?.(undefined), { value: undefined, done: true });
  deepEqual(await pending, { value: undefined, done: true });
  deepEqual(last().take(), [
    { type: 'end', id: 1 },
    { type: 'end', id: 2 },
  ]);
  client.close();
});

test('what a listener throws is reported, and does not end the connection', async (t) => {
  const reported: unknown[] = [];
  t.mock.method(globalThis, 'queueMicrotask', (then: () => void) => {
    try {
      then();
    } catch (error) {
      reported.push((error as Error).message);
    }
  });
  const onState = ({ kind }: ConnectionState): void => {
    throw new Error(kind);
  };
  const client = make({ onState });
  last().open();
  equal(client.state.kind, 'ready');
  client.close();
  deepEqual(reported, ['opening', 'ready', 'closed']);
});

test('a frame that the gateway would end the connection for fails alone', async () => {
  const client = make();
  const published = client.publish('t', 'x'.repeat(100_000));
  last().open();
  await rejects(published, { code: 'too_large' });
  deepEqual(last().take(), []);
  client.close();
});

test('a token is shown first, renewed before it expires, and asked for at each connection', async () => {
  let asked = 0;
  const client = make({ token: () => `token-${++asked}` });
  const welcome = { expires: clock.wallMs() + 8000 };
  last().open(welcome);
  await turn();
  deepEqual(last().take(), [{ type: 'auth', token: 'token-1' }]);
  clock.turn(6000);
  await turn();
  deepEqual(last().take(), [{ type: 'auth', token: 'token-2' }]);
  last().say({ type: 'bye', code: 'unauthorized', reconnect: true, afterMs: 0 });
  clock.turn(0);
  last().open(welcome);
  await turn();
  deepEqual(last().take(), [{ type: 'auth', token: 'token-3' }]);
  client.close();
});

test('a farewell leads to the next address, when it says', () => {
  const states: ConnectionState[] = [];
  const client = make({ onState: (state) => states.push(state) }, ['http://a', 'http://b']);
  last().open();
  last().say({ type: 'bye', code: 'shutting_down', reconnect: true, afterMs: 1840 });
  equal(last().closedWith, 1000);
  clock.turn(1839);
  equal(ScriptedSocket.made.length, 1);
  clock.turn(1);
  equal(last().url, 'ws://b/v1/ws');
  client.close();
  deepEqual(states, [
    { kind: 'opening' },
    { kind: 'ready' },
    { kind: 'waiting', reason: 'shutting_down', delayMs: 1840 },
    { kind: 'connecting' },
    { kind: 'closed', error: undefined },
  ]);
});

test('silence beyond the ping interval is a lost connection', () => {
  const client = make();
  last().open();
  clock.turn(34_000);
  last().say({ type: 'ping' });
  clock.turn(34_000);
  equal(client.state.kind, 'ready');
  clock.turn(1000);
  equal(client.state.kind, 'waiting');
  client.close();
});

test('what can only end the same way fails everything, also what is asked for later', async () => {
  const client = make();
  const waiting = taken(client.subscribe({ topics: ['t'] })[Symbol.asyncIterator](), 1);
  const published = client.publish('t', 'a');
  last().open();
  last().say({ type: 'bye', code: 'forbidden', reconnect: false, afterMs: 0 });
  for (const one of [waiting, published, client.publish('t', 'b')]) await rejects(one, { code: 'forbidden' });
  await rejects(taken(client.subscribe({ topics: ['t'] })[Symbol.asyncIterator](), 1), { code: 'forbidden' });
  equal(clock.pending, 0);
});

test('a message that is none of the protocol ends it', () => {
  const client = make();
  last().open();
  last().onmessage?.({ data: '{' } as never);
  deepEqual(client.state.kind, 'closed');
});

const bytes = Buffer.from([0xff, 0xfe]);
const values: readonly (readonly [string, Uint8Array | null, readonly unknown[]])[] = [
  ['text', Buffer.from('"x"'), ['"x"', 'x', new Uint8Array(Buffer.from('"x"'))]],
  ['no JSON', Buffer.from('x'), ['x', new Uint8Array([120]), new Uint8Array([120])]],
  [
    'null as JSON',
    Buffer.from('null'),
    ['null', new Uint8Array(Buffer.from('null')), new Uint8Array(Buffer.from('null'))],
  ],
  ['no UTF-8', bytes, [new Uint8Array(bytes), new Uint8Array(bytes), new Uint8Array(bytes)]],
  ['a tombstone', null, [null, null, null]],
];

for (const [name, value, wanted] of values) {
  test(`${name} is given alike in both forms`, async () => {
    const { recordJson } = await import('../../../src/wire/gateway/record-json.ts');
    const stored = {
      offset: 2 ** 40,
      timestampMs: 5,
      key: bytes,
      value,
      headers: [{ key: 'h', value: Buffer.from('ü') }],
    };
    for (const [at, format] of (['text', 'json', 'bytes'] as const).entries()) {
      for (const form of ['json', 'binary'] as const) {
        const client = make({ form });
        const events = client.subscribe({ topics: ['t'], format })[Symbol.asyncIterator]();
        last().open();
        last().say({ type: 'ok', id: 1, partitions: { t: 1 }, pos: 'P0' });
        if (form === 'json') {
          const json = JSON.parse(recordJson('t', 3, stored, format === 'bytes' ? 'base64' : format));
          last().say({ type: 'data', id: 1, seq: 1, records: [json], pos: 'P1' });
        } else {
          last().sayBytes(binaryDataFrame(1, 1, [{ topic: 't', partition: 3, records: [stored] }], 'P1', 0));
        }
        const { value: event } = await events.next();
        deepEqual(event, {
          kind: 'record',
          topic: 't',
          partition: 3,
          offset: 2 ** 40,
          timestamp: 5,
          key: new Uint8Array(bytes),
          value: wanted[at],
          headers: [{ name: 'h', value: 'ü' }],
        });
        client.close();
      }
    }
  });
}

test('the binary answer of a publish is read', async () => {
  const client = make({ form: 'binary' });
  const published = client.publish('t', new Uint8Array([1, 2]));
  last().open();
  const [sent] = last().take();
  equal(sent!['value_base64'], 'AQI=');
  const place = { partition: 1, offset: 43, timestamp: 1_700_000_001_000, duplicate: true };
  last().sayBytes(publishedBinary(sent!['id'] as number, place));
  deepEqual(await published, place);
  client.close();
});

test('in a group nothing is left out, and what was not taken is forgotten with the connection', async () => {
  const client = make();
  const subscription = client.subscribe({ topics: ['t'], group: 'g' });
  const events = subscription[Symbol.asyncIterator]();
  last().open();
  last().say(
    { type: 'ok', id: 1, partitions: { t: 1 }, pos: 'P0' },
    { type: 'data', id: 1, seq: 1, records: [record(0)], pos: 'P1' },
    { type: 'data', id: 1, seq: 2, records: [record(1)], pos: 'P2' },
  );
  deepEqual(await taken(events, 1), ['v0']);
  last().lose(1006);
  clock.turn(1000);
  last().open();
  const more = taken(events, 1);
  await turn();
  deepEqual(last().take(), [{ type: 'sub', id: 2, topics: ['t'], window: 1000, group: 'g' }]);
  last().say({ type: 'data', id: 2, seq: 1, records: [record(0)], pos: 'P1' });
  deepEqual(await more, ['v0']);
  client.close();
});
