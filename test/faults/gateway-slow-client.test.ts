/** Row 34: one of very many clients stops reading, of a thousand with TEST_LONG=1. The others are in a process of their own. */
import { deepEqual, equal, ok } from 'node:assert/strict';
import { after, test } from 'node:test';
import { type Crowd, type CrowdReport, startCrowd } from '../support/gateway/crowd.ts';
import type { NativeClient } from '../support/gateway/native-client.ts';
import { gatewayStand, type Served } from '../support/gateway/stand.ts';

const stand = await gatewayStand();
after(() => stand[Symbol.asyncDispose]());

const isLong = process.env['TEST_LONG'] === '1';
const others = isLong ? 999 : 99;
const records = isLong ? 400 : 40;
const everyMs = 10;
/** By default other tests run beside, whose pauses are the others' too. */
const margin = isLong ? { times: 1.5, ms: 20 } : { times: 5, ms: 1000 };
const queue = 1_048_576;
/** What one client may have waiting: of half of the memory, shared by all, as much as its queue at most. */
const share = Math.min(queue, 268_435_456 / (others + 1));
const many = 2000;
const topic = 'one-is-slow';
const flood = 'flood';

/** Takes its subscription, and then nothing any more: what it is to be sent is more than both kernels' buffers hold. */
async function slowClient(served: Served, slow: string): Promise<NativeClient> {
  const client = await served.native();
  await client.subscribe(1, { topics: [topic, flood], slow });
  client.socket.pause();
  await using producer = await stand.broker.producer();
  // Of three keys in turn, so that newer ones can take the place of older ones.
  const records = Array.from({ length: 500 }, (_, at) => ({
    key: Buffer.from(`k${at % 3}`),
    value: Buffer.alloc(1000, 46),
    headers: [],
    timestampMs: null,
  }));
  const isFull = (): boolean => served.metric('queue_bytes') >= share / 2;
  for (let sent = 0; sent < 100 && !isFull(); sent++) await producer.send(flood, 0, records);
  await served.until('queue_bytes', isFull);
  for (let sent = 0; sent < 4; sent++) await producer.send(flood, 0, records); // more than there is room for
  return client;
}

let next = 0;

/** What the others meet while records come one by one. */
async function round(crowd: Crowd, served: Served): Promise<CrowdReport> {
  await crowd.reach(1, next);
  let most = 0;
  for (let at = 0; at < records; at++) {
    await stand.produce(topic, ['x']);
    next++;
    most = Math.max(most, served.metric('queue_bytes'));
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
  const report = await crowd.reach(1, next);
  ok(most <= 2 * share, `${most} bytes waited for clients`);
  const { lost, doubled, failures, refused } = report;
  deepEqual({ lost, doubled, failures, refused }, { lost: 0, doubled: 0, failures: 0, refused: [] });
  return report;
}

test('one of very many clients stops reading: the others get theirs as fast as before, it costs no more than limits.queue, and is conflated, or waits and is closed 4408', async (t) => {
  await stand.topic(topic);
  await stand.topic(flood);
  await using served = await stand.gateway({
    limits: { queue, connections: many, perIp: many, perPrincipal: many },
    pingMs: 600_000,
  });
  await using crowd = startCrowd(`ws://${served.address}/v1/ws`, topic, others);
  await served.until('subscriptions{state="live"}', (live) => live === others);
  const alone = await round(crowd, served);
  const told = [`alone p99 ${alone.p99Ms} ms`];
  for (const slow of ['conflate', 'wait']) {
    const client = await slowClient(served, slow);
    const beside = await round(crowd, served);
    told.push(`beside one that stopped (${slow}) p99 ${beside.p99Ms} ms`);
    ok(beside.p99Ms <= alone.p99Ms * margin.times + margin.ms, told.join('; '));
    if (slow === 'conflate') {
      client.socket.resume();
      await served.until('conflated_records_total', (replaced) => replaced > 0); // counted where they are told
    } else {
      equal(served.metric('slow_closes_total'), 0);
      // On a busy machine its kernel may take a last piece behind the step, and the minute begins anew; no ping is due in eight.
      for (let step = 0; step < 8 && served.metric('slow_closes_total') === 0; step++) {
        served.advance(61_000);
        await new Promise((resolve) => setTimeout(resolve, 500));
      }
      equal(served.metric('slow_closes_total'), 1);
      client.socket.resume();
      equal(await client.closed(), 4408);
    }
    client.leave();
    await served.until('queue_bytes', (bytes) => bytes === 0);
  }
  await round(crowd, served); // they are all still there
  t.diagnostic(told.join('; '));
});
