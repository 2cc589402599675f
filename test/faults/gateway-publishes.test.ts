/** Publishes while the broker is away: how long they wait, how many bytes of them there may be, and what a drain does. */
import { deepEqual, equal, ok } from 'node:assert/strict';
import { after, test } from 'node:test';
import { gatewayStand } from '../support/gateway/stand.ts';

const stand = await gatewayStand();
after(() => stand[Symbol.asyncDispose]());

test('a publish that was never sent is `unavailable` when producer.deliveryTimeoutMs is over, however many wait before it', async () => {
  await stand.topic('waiting');
  await using served = await stand.gateway({ limits: { message: 500_000 } }, { deliveryTimeoutMs: 1000 });
  const client = await served.native();
  const pub = (id: number, value: string): object => ({ type: 'pub', id, topic: 'waiting', value });
  client.send(pub(1, 'first'));
  await client.next('ok');
  served.stoppable.stop();
  const large = 'x'.repeat(400_000);
  for (let id = 2; id <= 9; id++) client.send(pub(id, large));
  const startedMs = performance.now();
  const codes: unknown[] = [];
  for (let id = 2; id <= 9; id++) codes.push((await client.next('error', (frame) => frame['id'] === id))['code']);
  // Three batches are with the broker at once; one after the other the eight would take three times as long.
  ok(performance.now() - startedMs < 2500, `the last was answered after ${performance.now() - startedMs} ms`);
  deepEqual(new Set(codes), new Set(['unavailable']));
  served.stoppable.start();
  client.send(pub(10, 'after'));
  equal((await client.next('ok'))['offset'], 1);
});

test('SIGTERM with the broker away: all of it is over within drain.timeoutMs, and what was never sent is told so', async () => {
  await stand.topic('drained');
  await using served = await stand.gateway({ drain: { spreadMs: 0, timeoutMs: 1000 } }, { deliveryTimeoutMs: 6000 });
  const client = await served.native();
  const pub = (id: number, value: string): object => ({ type: 'pub', id, topic: 'drained', value });
  client.send(pub(1, 'first'));
  await client.next('ok');
  served.stoppable.stop();
  for (let id = 2; id <= 9; id++) client.send(pub(id, 'x'.repeat(400_000)));
  await served.until('memory_bytes', (bytes) => bytes > 3_200_000);
  const startedMs = performance.now();
  const drained = served.gateway.drain();
  client.send(pub(10, 'late'));
  equal((await client.next('error', ({ id }) => id === 10))['code'], 'shutting_down');
  equal((await client.next('error', ({ id }) => id === 9))['code'], 'shutting_down');
  equal((await client.next('bye'))['code'], 'shutting_down');
  equal(await client.closed(), 1012);
  await drained;
  const tookMs = performance.now() - startedMs;
  ok(tookMs < 4000, `${tookMs} ms`);
  served.stoppable.start();
});

test('SIGTERM: groups commit what was handed out (v2) or acknowledged (native), though a client does not leave', async () => {
  await stand.topic('of-v2');
  await stand.topic('of-native');
  await stand.produce('of-native', ['a', 'b', 'c']);
  await using served = await stand.gateway();
  const v2 = await served.open('/v2/broker/?topics=of-v2&group.id=drained-v2');
  await stand.produce('of-v2', ['a', 'b']);
  await v2.client.units.until(
    20_000,
    () => 'two records',
    (units) => units[1],
  );
  v2.client.mute();
  const native = await served.native();
  await native.subscribe(1, { topics: ['of-native'], group: 'drained-native', from: 'earliest', window: 2 });
  const data = await native.next('data');
  native.send({ type: 'ack', id: 1, seq: data['seq'] }, { type: 'ping' });
  await native.next('pong');
  await served.gateway.drain();
  const committed = async (group: string): Promise<unknown[]> =>
    (await stand.broker.committedOffsets(group)).map(({ topic, offset }) => [topic, offset]);
  deepEqual(await committed('drained-v2'), [['of-v2', 2]]);
  deepEqual(await committed('drained-native'), [['of-native', 2]]);
});
