/** Feeds whose messages are numbered: what they leave out, what they repeat, and connections that change without a gap. */
import { deepEqual, equal, match, ok } from 'node:assert/strict';
import { test } from 'node:test';
import type { SourceMap } from '../../src/connectors/contract.ts';
import { type BroadcastFeed, numberOf, startBroadcast } from '../support/broadcast-feed.ts';
import type { ConnectorRun } from '../support/connector-context.ts';
import { runSource } from '../support/websocket-run.ts';

const numbered = { 'websocket.sequence.pointer': '/s' };
const deduplicated = { ...numbered, 'websocket.dedupe.window': '10000' };

test('a message that is left out: a gap record before the next one, counted, logged, and in the status', async () => {
  await using feed = await startBroadcast();
  const [server] = feed.servers;
  server!.leaveOut = (number) => number % 100 === 50;
  await using run = runSource(server!.url, { ...numbered, 'websocket.gap.topic': 'gaps' });
  await run.take(350);
  feed.pause();
  const gaps = run.records.flatMap((record, index) => (record.topic === 'gaps' ? [{ record, index }] : []));
  ok(gaps.length >= 3, `${gaps.length} gaps in 350 messages`);
  for (const { record, index } of gaps) {
    const { connector, task, channel, from, to, missing, at } = JSON.parse(
      Buffer.from(record.value as Uint8Array).toString(),
    );
    deepEqual([connector, task, channel, to, missing], ['test', 0, '', from, 1]);
    equal(from % 100, 50);
    ok(Math.abs(Date.parse(at) - Date.now()) < 60_000);
    // Behind the message before the hole, before the one that showed it.
    equal(numberOf(run.records[index - 1]!.value), from - 1);
    if (run.records[index + 1] !== undefined) equal(numberOf(run.records[index + 1]!.value), from + 1);
  }
  equal(run.metric('sequence_gaps_total'), gaps.length);
  equal(run.metric('sequence_missing_total'), gaps.length);
  equal(run.metric('sequence_gap_records_total'), gaps.length);
  match(String(run.statuses.at(-1)), /^\d+ messages missing in \d+ gaps, last \d*50 to \d*50 at /);
  equal(run.events('messages_missing').length, 1, 'one line in ten seconds');
});

test('messages that are repeated after a reconnect are dropped and counted; those that were missed are a gap', async () => {
  await using feed = await startBroadcast();
  const [server] = feed.servers;
  await using run = runSource(server!.url, { ...deduplicated, 'websocket.gap.topic': 'gaps' });
  await run.take(200);
  server!.cut();
  await run.until(() => server!.connections() === 2, 'the second connection');
  await pullUntil(run, () => run.metric('sequence_gaps_total') === 1);
  server!.repeat(100);
  await pullUntil(run, () => run.metric('messages_deduplicated_total') + run.metric('sequence_late_total') >= 100);
  feed.pause();
  const { gaps, numbers } = await settled(run, feed);
  // The repetition brought some of what had been missed.
  const missed = gaps.flatMap(({ from, to }) => Array.from({ length: to - from + 1 }, (_, i) => from + i));
  const held = new Set(numbers);
  equal(held.size, numbers.length, 'nothing twice');
  const first = Math.min(...numbers);
  for (let number = first; number < feed.next(); number++)
    ok(held.has(number) || missed.includes(number), `${number} is in neither topic`);
  equal(run.metric('sequence_late_total'), missed.filter((number) => held.has(number)).length);
});

test('over a restart: what is missed between two runs is a gap of the next one, what is repeated to it is dropped', async () => {
  await using feed = await startBroadcast();
  const [server] = feed.servers;
  const config = { ...deduplicated, 'websocket.gap.topic': 'gaps' };
  const before: number[] = [];
  let resumeOffset: SourceMap;
  {
    await using run = runSource(server!.url, config);
    await run.take(200);
    run.stop();
    await run.drain();
    before.push(...run.records.map(({ value }) => numberOf(value)));
    resumeOffset = JSON.parse(JSON.stringify(run.batches.at(-1)!.offset));
    equal(resumeOffset['number'], before.at(-1));
  }
  await using run = runSource(server!.url, config, { resumeOffset });
  await run.take(2);
  server!.repeat(100);
  await run.take(200);
  feed.pause();
  const { gaps, numbers } = await settled(run, feed);
  equal(gaps[0]!.from, before.at(-1)! + 1, 'from the last number of the run before on');
  const missed = new Set(gaps.flatMap(({ from, to }) => Array.from({ length: to - from + 1 }, (_, i) => from + i)));
  const held = new Set([...before, ...numbers]);
  equal(held.size, before.length + numbers.length, 'nothing twice');
  for (let number = before[0]!; number < feed.next(); number++)
    ok(held.has(number) || missed.has(number), `${number} is in neither topic`);
  ok(run.metric('messages_deduplicated_total') > 0, 'of the hundred, what had come before');
});

for (const by of ['id', 'payload'] as const) {
  test(`messages without numbers are known again by their ${by}`, async () => {
    await using feed = await startBroadcast();
    const [server] = feed.servers;
    const pointer: Record<string, string> = by === 'id' ? { 'websocket.dedupe.pointer': '/s' } : {};
    await using run = runSource(server!.url, { 'websocket.dedupe.window': '1000', ...pointer });
    await run.take(200);
    server!.repeat(100);
    await pullUntil(run, () => run.metric('messages_deduplicated_total') >= 100);
    feed.pause();
    const { numbers } = await settled(run, feed);
    deepEqual(
      numbers,
      Array.from({ length: numbers.length }, (_, i) => numbers[0]! + i),
    );
    equal(run.metric('messages_deduplicated_total'), 100);
  });
}

for (const [way, config] of [
  ['each message once', deduplicated],
  ['each message at least once without a window', numbered],
] as const) {
  test(`a server that ends each connection at a known age: the next one is made before, ${way}`, async () => {
    await using feed = await startBroadcast({ maxAgeMs: 5_000, wantsSubscription: true });
    const [server] = feed.servers;
    await using run = runSource(server!.url, {
      ...config,
      'websocket.subscription.message': 'subscribe',
      'websocket.connection.max.age.ms': '150',
      'websocket.connection.overlap.ms': '30',
    });
    await pullUntil(run, () => run.metric('connections_renewed_total') >= 5);
    feed.pause();
    const { numbers } = await settled(run, feed);
    const held = new Set(numbers);
    for (let number = Math.min(...numbers); number < feed.next(); number++)
      ok(held.has(number), `${number} is missing`);
    if (config === deduplicated) equal(held.size, numbers.length, 'nothing twice');
    ok(server!.received.every((texts) => texts.join() === 'subscribe'));
    deepEqual(run.events('reconnect_scheduled'), []);
    equal(server!.mostOpen(), 2);
    equal(run.metric('sequence_gaps_total'), 0);
  });
}

test('a successor that carries nothing is given up, and the connection there is goes on', async () => {
  await using feed = await startBroadcast({ ignores: (connection) => connection > 0 });
  const [server] = feed.servers;
  await using run = runSource(server!.url, {
    ...deduplicated,
    'websocket.connection.max.age.ms': '50',
    'websocket.connection.overlap.ms': '40',
  });
  await pullUntil(run, () => run.metric('renewals_failed_total') >= 1);
  feed.pause();
  await settled(run, feed);
  equal(run.metric('sequence_gaps_total'), 0);
  deepEqual(run.events('connection_renewed'), []);
  match(String(run.events('connection_not_renewed')[0]!.fields['reason']), /nothing came over it/);
});

test('two servers of one feed: each may fail, or leave out messages, and the union has each message once', async () => {
  await using feed = await startBroadcast({ servers: 2 });
  const [one, other] = feed.servers;
  await using run = runSource(one!.url, { ...deduplicated, 'websocket.redundant.url': other!.url });
  await pullUntil(run, () => run.metric('connections_open') === 2 && run.metric('messages_deduplicated_total') > 50);
  one!.leaveOut = (number) => number % 7 === 0;
  other!.leaveOut = (number) => number % 7 === 3;
  for (let round = 0; round < 6; round++) {
    const server = feed.servers[round % 2]!;
    const before = server.connections();
    server.cut();
    // What one leaves out while the other one is away is missing for good.
    one!.leaveOut = other!.leaveOut = () => false;
    await pullUntil(run, () => server.connections() > before && run.metric('connections_open') === 2);
    const seen = run.metric('messages_deduplicated_total');
    await pullUntil(run, () => run.metric('messages_deduplicated_total') > seen + 50);
    one!.leaveOut = (number) => number % 7 === 0;
    other!.leaveOut = (number) => number % 7 === 3;
    const late = run.metric('sequence_late_total');
    await pullUntil(run, () => run.metric('sequence_late_total') > late + 3);
    one!.leaveOut = other!.leaveOut = () => false;
    const fresh = run.metric('messages_deduplicated_total');
    await pullUntil(run, () => run.metric('messages_deduplicated_total') > fresh + 50);
  }
  feed.pause();
  const { numbers } = await settled(run, feed);
  const sorted = numbers.toSorted((a, b) => a - b);
  deepEqual(
    sorted,
    Array.from({ length: sorted.length }, (_, i) => sorted[0]! + i),
    'each once, without a hole',
  );
  equal(run.metric('sequence_gaps_total'), 0);
  equal(one!.mostOpen() + other!.mostOpen(), 2);
});

test('one of two servers refuses for good: the feed goes on, and the status says so', async () => {
  await using feed = await startBroadcast();
  const redundant = { 'websocket.redundant.url': 'ws://127.0.0.1:1/', 'websocket.reconnect.max.attempts': '1' };
  await using run = runSource(feed.servers[0]!.url, { ...deduplicated, ...redundant });
  await run.take(50);
  await pullUntil(run, () => String(run.statuses.at(-1)).includes('redundant connection: given up'));
  const before = run.records.length;
  await run.take(before + 50);
  equal(run.metric('connected'), 1);
});

/** Pulls on until the condition holds. */
async function pullUntil(run: ConnectorRun, condition: () => boolean): Promise<void> {
  const end = performance.now() + 60_000;
  while (!condition()) {
    if (performance.now() > end) throw new Error(`waited in vain for ${String(condition)}`);
    await run.take(run.records.length + 1);
  }
}

/** All that has come once the feed is paused, up to its last number. */
async function settled(run: ConnectorRun, feed: BroadcastFeed) {
  const messages = () => run.records.filter(({ topic }) => topic === 'topic').map(({ value }) => numberOf(value));
  while (!messages().includes(feed.next() - 1)) await run.take(run.records.length + 1);
  const gaps = run.records
    .filter(({ topic }) => topic === 'gaps')
    .map(({ value }) => JSON.parse(Buffer.from(value as Uint8Array).toString()) as { from: number; to: number });
  return { numbers: messages(), gaps };
}
