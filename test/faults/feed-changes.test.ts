/** What a user changes in the configuration of a feed while messages come. */
import { deepEqual, equal, ok } from 'node:assert/strict';
import { test } from 'node:test';
import { systemClock } from '../../src/base/clock.ts';
import { TributaryError } from '../../src/base/errors.ts';
import type { RawConfig } from '../../src/config/raw.ts';
import { webSocketSource } from '../../src/connectors/websocket-source/connector.ts';
import { type LogEntry, recordingLog, silentLog } from '../../src/telemetry/log.ts';
import { MetricRegistry } from '../../src/telemetry/metrics.ts';
import { startWorker, type WorkerOptions } from '../../src/worker/worker.ts';
import { until } from '../e2e/support/run.ts';
import { type BroadcastFeed, numberOf, startBroadcast } from '../support/broadcast-feed.ts';
import { memoryBroker } from '../support/memory-broker.ts';

async function startFeed(
  feed: BroadcastFeed,
  changes: Readonly<Record<string, string>>,
  options: Partial<WorkerOptions> = {},
) {
  const broker = memoryBroker();
  const table = (topic: string) => ({ topic, partitions: 1 });
  let config: Record<string, string> = {
    name: 'feed',
    'connector.class': 'websocket',
    'websocket.url': feed.servers[0]!.url,
    'kafka.topic': 'feed',
    'websocket.reconnect.interval.ms': '20',
    'websocket.connection.overlap.ms': '30',
    'websocket.sequence.pointer': '/s',
    'websocket.dedupe.window': '10000',
    ...changes,
  };
  await broker.createTopic({ name: 'feed' });
  await broker.createTopic({ name: 'feed-2' });
  const worker = await startWorker(
    {
      broker,
      connectors: [webSocketSource],
      workerId: 'test:0',
      tables: { config: table('configs'), offset: table('offsets'), status: table('status') },
      log: silentLog,
      metrics: new MetricRegistry().root(),
      clock: systemClock,
      random: Math.random,
      ...options,
    },
    { feed: config },
  );
  const numbers = (): number[] =>
    ['feed', 'feed-2'].flatMap((topic) => broker.records(topic).map(({ value }) => numberOf(value)));
  return {
    broker,
    worker,
    numbers,
    change: async (changed: Readonly<Record<string, string>>): Promise<void> => {
      config = { ...config, ...changed };
      await worker.put('feed', config);
    },
    more: async (): Promise<void> => {
      const before = numbers().length;
      await until('more messages', async () => numbers().length > before + 50, 60_000);
    },
    /** Each number once, from the first that came to the last that was sent. */
    settle: async (): Promise<void> => {
      feed.pause();
      await until('the last message', async () => numbers().includes(feed.next() - 1), 60_000);
      const sorted = numbers().toSorted((a, b) => a - b);
      deepEqual(
        sorted,
        Array.from({ length: sorted.length }, (_, i) => sorted[0]! + i),
      );
    },
  };
}

test('subscriptions are added and taken out over the connection there is', async () => {
  await using feed = await startBroadcast({ wantsSubscription: true });
  const [server] = feed.servers;
  const first = { 'websocket.subscription.messages': '["subscribe a"]' };
  const run = await startFeed(feed, { ...first, 'websocket.unsubscription.replace': 'subscribe=unsubscribe' });
  await using _worker = run.worker;
  await run.more();
  await run.change({ 'websocket.subscription.messages': '["subscribe a", "subscribe b"]' });
  await until('the second subscription', async () => server!.received[0]!.length === 2);
  await run.more();
  await run.change({ 'websocket.subscription.messages': '["subscribe b"]' });
  await until('the end of the first', async () => server!.received[0]!.length === 3);
  await run.more();
  equal(server!.connections(), 1);
  await run.settle();
  server!.cut();
  await until('the next connection', async () => server!.received[1]?.length === 1);
  deepEqual(server!.received, [['subscribe a', 'subscribe b', 'unsubscribe a'], ['subscribe b']]);
  equal(server!.mostOpen(), 1);
  equal(run.worker.status('feed')?.tasks[0]?.state, 'RUNNING');
});

test('another topic is written to from one message to the next, and over a new connection before the old one ends: no gap, nothing twice', async () => {
  await using feed = await startBroadcast();
  const [server] = feed.servers;
  const run = await startFeed(feed, {});
  await using _worker = run.worker;
  await run.more();
  await run.change({ 'kafka.topic': 'feed-2' });
  await until('messages in the other topic', async () => run.broker.records('feed-2').length > 0, 60_000);
  await until(
    'the end of the connection before',
    async () => server!.connections() === 2 && server!.open() === 1,
    60_000,
  );
  await run.more();
  await run.settle();
  const [first, second] = ['feed', 'feed-2'].map((topic) =>
    run.broker.records(topic).map(({ value }) => numberOf(value)),
  );
  equal(first!.at(-1)! + 1, second![0], 'each topic has its part, in order');
  equal(server!.connections(), 2);
});

test('a secret in a file is rotated: the next connection has it, made before the old one ends; a file that is gone changes nothing', async () => {
  await using feed = await startBroadcast();
  const [server] = feed.servers;
  const reference = ['$', '{file:secrets:token}'].join('');
  let secret: string | undefined = 'one';
  const resolve = (config: RawConfig): RawConfig => {
    if (secret === undefined) throw new TributaryError('CONFIG_INVALID', 'no such file');
    const value = secret;
    return Object.fromEntries(Object.entries(config).map(([key, text]) => [key, text.replace(reference, value)]));
  };
  const log: LogEntry[] = [];
  const token = { 'websocket.auth.token': reference };
  const run = await startFeed(feed, token, { resolve, referencesEveryMs: 20, log: recordingLog(log) });
  await using _worker = run.worker;
  await run.more();
  secret = undefined;
  await until('the warning', async () => log.some(({ event }) => event === 'references_unreadable'), 60_000);
  equal(server!.connections(), 1);
  secret = 'two';
  await until('the next connection', async () => server!.connections() === 2, 60_000);
  await until('the end of the one before', async () => server!.open() === 1, 60_000);
  await run.more();
  await run.settle();
  deepEqual(
    server!.upgrades.map(({ authorization }) => authorization),
    ['Bearer one', 'Bearer two'],
  );
  equal(log.filter(({ event }) => event === 'references_changed').length, 1);
  equal(run.worker.connector('feed')?.config['websocket.auth.token'], token['websocket.auth.token']);
});

test('a subscription message that is replaced by another one is replaced over the next connection: no gap, nothing twice', async () => {
  const unsubscribes = (message: string): boolean => message.includes('unsubscribe');
  await using feed = await startBroadcast({ wantsSubscription: true, unsubscribes, subscribeMs: 40 });
  const [server] = feed.servers;
  const asking = (...args: string[]): Record<string, string> => ({
    'websocket.subscription.message': JSON.stringify({ op: 'subscribe', args }),
    'websocket.unsubscription.replace': 'subscribe=unsubscribe',
  });
  const run = await startFeed(feed, asking('a', 'b'));
  await using _worker = run.worker;
  await run.more();
  await run.change(asking('a', 'b', 'c'));
  await until('the next connection', async () => server!.received[1]?.length === 1, 60_000);
  await until('the end of the one before', async () => server!.open() === 1, 60_000);
  await run.more();
  await run.settle();
  deepEqual(server!.received, [['{"op":"subscribe","args":["a","b"]}'], ['{"op":"subscribe","args":["a","b","c"]}']]);
});

test('a token, and whatever concerns the connection alone, is changed by a new connection before the old one ends: no gap, nothing twice', async () => {
  await using feed = await startBroadcast({ wantsSubscription: true });
  const [server] = feed.servers;
  const run = await startFeed(feed, { 'websocket.subscription.message': 'subscribe', 'websocket.auth.token': 'one' });
  await using _worker = run.worker;
  await run.more();
  const changes: readonly Readonly<Record<string, string>>[] = [
    { 'websocket.auth.token': 'two' },
    { 'websocket.idle.timeout.ms': '60000' },
    { 'websocket.header.X-Own': 'value' },
    { 'websocket.subscription.message': 'subscribe to more' }, // how the first one is ended nobody has said
  ];
  for (const [index, changed] of changes.entries()) {
    await run.change(changed);
    await until('the next connection', async () => server!.connections() === index + 2, 60_000);
    await until('the end of the one before', async () => server!.open() === 1, 60_000);
    await run.more();
  }
  await run.settle();
  equal(server!.connections(), changes.length + 1);
  ok(server!.mostOpen() <= 2, `${server!.mostOpen()} connections at a time`);
  deepEqual(
    server!.upgrades.map(({ authorization, 'x-own': own }) => [authorization, own]),
    [
      ['Bearer one', undefined],
      ['Bearer two', undefined],
      ['Bearer two', undefined],
      ['Bearer two', 'value'],
      ['Bearer two', 'value'],
    ],
  );
});

test('what concerns more than connections starts the task anew, with one connection at a time', async () => {
  await using feed = await startBroadcast();
  const [server] = feed.servers;
  const run = await startFeed(feed, {});
  await using _worker = run.worker;
  await run.more();
  await run.change({ 'errors.tolerance': 'all' });
  await until('the next connection', async () => server!.connections() === 2, 60_000);
  await run.more();
  await run.change({ 'websocket.message.queue.size': '5000' });
  await until('the next connection', async () => server!.connections() === 3, 60_000);
  await run.more();
  feed.pause();
  equal(server!.mostOpen(), 1);
  equal(new Set(run.numbers()).size, run.numbers().length, 'nothing twice');
});
