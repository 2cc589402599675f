/** Publishes while the broker is away: how long they wait, how many bytes of them there may be, and what a drain does. */
import { deepEqual, equal, ok } from 'node:assert/strict';
import { after, test } from 'node:test';
import { gatewayStand } from '../support/gateway/stand.ts';

const stand = await gatewayStand();
after(() => stand[Symbol.asyncDispose]());

test('a publish that was never sent is `unavailable` when producer.deliveryTimeoutMs is over, however many wait before it', async () => {
  await stand.topic('waiting');
  await using served = await stand.gateway({ limits: { queue: 10_000_000 } }, { deliveryTimeoutMs: 1000 });
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
  await using served = await stand.gateway(
    { limits: { queue: 10_000_000 }, drain: { spreadMs: 0, timeoutMs: 1000 } },
    { deliveryTimeoutMs: 6000 },
  );
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
    60_000,
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

const fromClients = [
  { path: '/v1/ws', protocols: ['tributary.v1.json'] },
  { path: '/v2/broker/', protocols: [] },
  { path: '/v1/ingest/bounded', protocols: [] },
];

for (const { path, protocols } of fromClients) {
  test(`publishes of one connection that wait have at most limits.queue bytes and one message: it is not read further, at ${path}`, async () => {
    const name = `bounded${fromClients.findIndex((one) => one.path === path)}`;
    await stand.topic(name);
    const ingest = [{ name: 'bounded', topic: name }];
    await using served = await stand.gateway({ limits: { queue: 100_000 }, ingest }, { deliveryTimeoutMs: 60_000 });
    const { client } = await served.open(path, protocols);
    const value = 'x'.repeat(30_000);
    let id = 0;
    const send = (): void => {
      id++;
      const message = path === '/v1/ws' ? { type: 'pub', id, topic: name, value } : { topic: name, message: value };
      client.send(1, Buffer.from(path.includes('ingest') ? value : JSON.stringify(message)));
    };
    send();
    while ((await stand.broker.offset(name, 0, 'latest')) < 1) await new Promise((resolve) => setImmediate(resolve));
    served.stoppable.stop();
    for (let sent = 0; sent < 100; sent++) send();
    await served.until('memory_bytes', (bytes) => bytes > 100_000);
    // Another connection is served meanwhile, so what is read has been read.
    const other = await served.native();
    for (let turn = 0; turn < 20; turn++) {
      other.send({ type: 'ping' });
      await other.next('pong');
    }
    // What one read of the socket brought is taken to its end.
    ok(served.metric('memory_bytes') < 100_000 + 30_000 + 150_000, `${served.metric('memory_bytes')} bytes are held`);
    served.stoppable.start();
    while ((await stand.broker.offset(name, 0, 'latest')) < 101) await new Promise((resolve) => setImmediate(resolve));
    client.destroy();
  });
}

test('limits.memory: whose publishes fill it is closed, and not those who only listen', async () => {
  await stand.topic('filled');
  const limits = { queue: 10_000_000, memory: 500_000 };
  await using served = await stand.gateway({ pingMs: 200, limits, drain: { spreadMs: 0, timeoutMs: 500 } });
  const listener = await served.native();
  await listener.subscribe(1, { topics: ['filled'] });
  const client = await served.native();
  client.send({ type: 'pub', id: 1, topic: 'filled', value: 'first' });
  await client.next('ok');
  served.stoppable.stop();
  for (let id = 2; id <= 8; id++) client.send({ type: 'pub', id, topic: 'filled', value: 'x'.repeat(100_000) });
  equal((await client.next('bye'))['code'], 'unavailable');
  equal(await client.closed(), 1013);
  // Its publishes still wait: several looks at the memory later the other one is still there.
  for (let pings = 0; pings < 3; pings++) await listener.next('ping');
  ok(served.metric('memory_bytes') > limits.memory);
  deepEqual(listener.socket.closes.items, []);
  served.stoppable.start();
});
