/** The client library as it is published, against a gateway. */
import { deepEqual, equal, ok, rejects } from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import type * as clientModule from '../../clients/js/src/client.ts';
import type { ConnectionState } from '../../clients/js/src/client.ts';
import { startTestGateway } from '../support/gateway/test-gateway.ts';
import { memoryBroker } from '../support/memory-broker.ts';
import { startTcpProxy } from '../support/tcp-proxy.ts';

const folder = join(import.meta.dirname, '../../clients/js/dist');
const { buildClient } = (await import('../../scripts/build-client.mjs' as string)) as { buildClient(): Promise<void> };
await buildClient();
const { connect } = (await import(join(folder, 'client.js'))) as typeof clientModule;
const quick = { minDelayMs: 5, maxDelayMs: 50 };

test('it has less than 8 KB, compressed, and needs nothing', () => {
  const code = readFileSync(join(folder, 'client.js'), 'utf8');
  const bytes = gzipSync(code, { level: 9 }).length;
  ok(bytes < 8000, `${bytes} bytes`);
  ok(!/^import|\bimport\(|require\(/m.test(code));
});

for (const form of ['json', 'binary'] as const) {
  test(`${form}: what is published comes back, with keys, headers, tombstones and bytes`, async (t) => {
    await using broker = memoryBroker();
    await broker.createTopic({ name: 't', partitions: 1 });
    await using gateway = await startTestGateway(broker);
    const client = connect(gateway.url, { form });
    t.after(() => client.close());
    const subscription = client.subscribe({ topics: ['t'], from: 'earliest', format: 'json' });
    const places = await Promise.all([
      client.publish('t', { n: 1 }, { key: 'k', headers: { h: 'x' } }),
      client.publish('t', null, { key: new Uint8Array([255]) }),
      client.publish('t', new Uint8Array([255, 0])),
    ]);
    deepEqual(
      places.map(({ offset, duplicate }) => [offset, duplicate]),
      [0, 1, 2].map((offset) => [offset, false]),
    );
    const seen: unknown[] = [];
    for await (const event of subscription) {
      if (event.kind !== 'record') continue;
      const headers = event.headers.filter(({ name }) => name !== 'tributary-mid');
      seen.push([event.key, event.value, headers]);
      if (seen.length === 3) break;
    }
    deepEqual(seen, [
      ['k', { n: 1 }, [{ name: 'h', value: 'x' }]],
      [new Uint8Array([255]), null, []],
      [null, new Uint8Array([255, 0]), []],
    ]);
    await rejects(client.publish('nowhere', 'x'), { code: 'not_found' });
  });

  test(`${form}: over restarts and cut connections under load nothing is lost and nothing comes twice`, async (t) => {
    const count = process.env['TEST_LONG'] === '1' ? 10_000 : 1000;
    await using broker = memoryBroker();
    await broker.createTopic({ name: 't', partitions: 3 });
    let gateway = await startTestGateway(broker);
    const listen = gateway.address;
    await using proxy = await startTcpProxy(Number(listen.split(':')[1]));
    const client = connect(`http://127.0.0.1:${proxy.port}`, { form, ...quick });
    t.after(() => client.close());
    const subscription = client.subscribe({ topics: ['t'], from: 'earliest', window: 100 });
    const seen: Record<number, number[]> = { 0: [], 1: [], 2: [] };
    let records = 0;
    let total = Number.POSITIVE_INFINITY;
    const reader = (async () => {
      for await (const event of subscription) {
        if (event.kind !== 'record') throw new Error(`an unexpected gap: ${event.reason}`);
        seen[event.partition]!.push(event.offset);
        if (++records === total) break;
      }
    })();
    let published = 0;
    const publish = async (): Promise<void> => {
      while (published < count) {
        const n = published++;
        if (n === count / 4 || n === count * 0.75) proxy.cut();
        if (n === count / 2) restarted = restart();
        await client.publish('t', `${n}`);
      }
    };
    let restarted = Promise.resolve();
    const restart = async (): Promise<void> => {
      await gateway.drain();
      gateway = await startTestGateway(broker, { listen });
    };
    await Promise.all(Array.from({ length: 20 }, publish));
    // More than was published may be there: what an answer was lost for is written again by another process.
    total = [0, 1, 2].reduce((sum, at) => sum + broker.records('t', at).length, 0);
    if (records === total) subscription.close();
    await reader;
    await restarted;
    await gateway.drain();
    for (const [partition, offsets] of Object.entries(seen)) {
      deepEqual(
        offsets,
        offsets.map((_, at) => at),
        `partition ${partition}`,
      );
    }
    const values = new Set([0, 1, 2].flatMap((at) => broker.values('t', at)));
    equal(values.size, count);
    ok(client.counts.reconnects >= 2, `${client.counts.reconnects} reconnects`);
  });
}

for (const way of ['told to go', 'cut off'] as const) {
  test(`a storm: 150 clients that are ${way} at once are all back, behind what they had`, async (t) => {
    await using broker = memoryBroker();
    await broker.createTopic({ name: 't', partitions: 1 });
    let gateway = await startTestGateway(broker);
    const listen = gateway.address;
    await using proxy = await startTcpProxy(Number(listen.split(':')[1]));
    const clients = Array.from({ length: 150 }, (_, at) =>
      connect(`http://127.0.0.1:${proxy.port}`, { ...quick, form: at % 2 === 0 ? 'json' : 'binary' }),
    );
    t.after(() => {
      for (const client of clients) client.close();
    });
    const loops = clients.map((client) =>
      client.subscribe({ topics: ['t'], from: 'earliest' })[Symbol.asyncIterator](),
    );
    const offsets = (): Promise<unknown[]> =>
      Promise.all(
        loops.map(async (loop) => {
          const { value } = await loop.next();
          return value?.kind === 'record' ? value.offset : value;
        }),
      );
    const publisher = clients[0]!;
    await publisher.publish('t', 'before');
    deepEqual(
      await offsets(),
      clients.map(() => 0),
    );
    if (way === 'cut off') proxy.cut();
    await gateway.drain();
    const published = publisher.publish('t', 'after');
    gateway = await startTestGateway(broker, { listen });
    deepEqual(
      await offsets(),
      clients.map(() => 1),
    );
    equal((await published).offset, 1);
    for (const client of clients) ok(client.counts.reconnects > 0);
    for (const client of clients) client.close();
    await gateway.drain();
  });
}

test('a token opens the door, one that is refused ends the client', async (t) => {
  await using broker = memoryBroker();
  await broker.createTopic({ name: 't', partitions: 1 });
  const auth = { mode: 'token', tokens: [{ name: 'alice', token: 'correct-horse-battery' }] };
  const acl = [{ who: 'alice', can: 'publish', topics: 't' }];
  await using gateway = await startTestGateway(broker, { auth, acl });
  const good = connect(gateway.url, { token: async () => 'correct-horse-battery' });
  t.after(() => good.close());
  equal((await good.publish('t', 'x')).offset, 0);
  const bad = connect(gateway.url, { token: 'wrong-horse-battery-x' });
  await rejects(bad.publish('t', 'x'), { code: 'unauthorized' });
  deepEqual(bad.state.kind, 'closed');
});

test('of several addresses the next one is taken where one is gone', async (t) => {
  await using broker = memoryBroker();
  await broker.createTopic({ name: 't', partitions: 1 });
  const first = await startTestGateway(broker);
  await using second = await startTestGateway(broker);
  const states: ConnectionState['kind'][] = [];
  const onState = ({ kind }: ConnectionState): void => void states.push(kind);
  const client = connect([first.url, second.url], { ...quick, onState });
  t.after(() => client.close());
  await client.publish('t', 'one');
  await first.drain();
  equal((await client.publish('t', 'two')).offset, 1);
  client.close();
  deepEqual(states, ['opening', 'ready', 'waiting', 'connecting', 'opening', 'ready', 'closed']);
});
