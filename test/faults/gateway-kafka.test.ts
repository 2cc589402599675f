/** Faults of the broker as a real Kafka has them, and batches damaged on the disk of either broker. See gateway-faults.test.ts. */
import { deepEqual, equal, ok } from 'node:assert/strict';
import { openSync, readdirSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, test } from 'node:test';
import type { Frame, NativeClient } from '../support/gateway/native-client.ts';
import { type GatewayStand, gatewayStand, type Served } from '../support/gateway/stand.ts';
import { type KafkaServer, kafkaMissing, startKafka } from '../support/kafka.ts';
import { tempFolder } from '../support/temp-folder.ts';

const skip = await kafkaMissing();
let kafka: KafkaServer | undefined;
let stand: GatewayStand | undefined;
if (skip === false) {
  kafka = await startKafka();
  stand = await gatewayStand(`kafka://${kafka.bootstrap}`);
}
after(async () => {
  await stand?.[Symbol.asyncDispose]();
  await kafka?.[Symbol.asyncDispose]();
});

/** What a client hears of a subscription: records and gaps as words, until a record of this value. */
async function heardUntil(client: NativeClient, last: string, id = 1): Promise<string[]> {
  const words: string[] = [];
  for (;;) {
    const frame: Frame = await client.nextOf(['data', 'gap'], (candidate) => candidate['id'] === id);
    if (frame.type === 'gap') words.push(`${frame['reason']} ${frame['from']}-${frame['to']}`);
    for (const { value } of (frame['records'] ?? []) as { value: string }[]) words.push(value);
    if (words.at(-1) === last) return words;
  }
}

/** Live, replayed, in a group, over SSE and over v2: all hear of the hole, or at least of what is behind it. */
async function checkDamaged(served: Served, live: NativeClient, append: () => Promise<unknown>): Promise<void> {
  const expected = ['first', 'corrupt 1-2', 'third'];
  const again = await served.native();
  await again.subscribe(1, { topics: ['damaged'], from: 'earliest', window: 10_000 });
  deepEqual(await heardUntil(again, 'third'), expected);
  const behind = await served.native();
  await behind.subscribe(1, { topics: ['damaged'], from: { offsets: { damaged: { 0: 1 } } } });
  deepEqual(await heardUntil(behind, 'third'), expected.slice(1));
  const group = await served.native({ form: 'bin' });
  await group.subscribe(1, { topics: ['damaged'], from: 'earliest', group: 'of-damaged' });
  const gap = await group.next('gap');
  deepEqual([gap['reason'], gap['from'], gap['to']], ['corrupt', 1, 2]);
  const v2 = await served.open('/v2/broker/?topics=damaged&group.id=v2-of-damaged');
  equal(v2.status, 101);
  const read = await fetch(`${served.url}/v1/topics/damaged/records`);
  const { records, gaps } = (await read.json()) as { records: { value: string }[]; gaps: object[] };
  deepEqual(
    records.map(({ value }) => value),
    ['first', 'third'],
  );
  deepEqual(gaps, [{ type: 'gap', topic: 'damaged', partition: 0, from: 1, to: 2, reason: 'corrupt' }]);
  await append();
  deepEqual(await live.values(1), ['fourth']);
  ok(served.metric('gap_records_total{reason="corrupt"}') >= 4);
}

test('undecodable batch (corrupt, unknown codec): gap corrupt over that batch, counted, on the embedded broker', async () => {
  await using folder = await tempFolder('gateway-damaged');
  {
    await using writer = await gatewayStand(`embedded:${folder.path}`);
    await writer.topic('damaged');
    for (const value of ['first', 'second', 'third']) await writer.produce('damaged', [value]);
  }
  const db = new DatabaseSync(join(folder.path, 'tributary.db'));
  const bodies = db.prepare('SELECT id, bytes FROM bodies ORDER BY id').all() as { id: number; bytes: Uint8Array }[];
  const second = bodies.find(({ bytes }) => Buffer.from(bytes).includes('second'))!;
  second.bytes[70]! ^= 1;
  db.prepare('UPDATE bodies SET bytes = ? WHERE id = ?').run(second.bytes, second.id);
  db.close();
  await using damaged = await gatewayStand(`embedded:${folder.path}`);
  await using served = await damaged.gateway();
  const live = await served.native();
  await live.subscribe(1, { topics: ['damaged'] });
  await checkDamaged(served, live, () => damaged.produce('damaged', ['fourth']));
});

test('undecodable batch (corrupt, unknown codec): gap corrupt over that batch, counted, on Kafka', {
  skip,
}, async () => {
  await stand!.topic('damaged');
  for (const value of ['first', 'second', 'third']) await stand!.produce('damaged', [value]);
  const segments = join(kafka!.dataFolder, 'damaged-0');
  const log = join(segments, readdirSync(segments).find((name) => name.endsWith('.log'))!);
  const at = readFileSync(log).indexOf('second');
  ok(at > 0);
  writeSync(openSync(log, 'r+'), 'S', at);
  await using served = await stand!.gateway();
  const live = await served.native();
  await live.subscribe(1, { topics: ['damaged'] });
  await checkDamaged(served, live, () => stand!.produce('damaged', ['fourth']));
});

test('topic recreated on Kafka: gap recreated, then from earliest; deleted: gap deleted and not_found', {
  skip,
}, async () => {
  await stand!.topic('anew');
  await stand!.topic('beside'); // keeps the subscription open while the other is away
  await stand!.produce('anew', ['old']);
  await using served = await stand!.gateway();
  const client = await served.native();
  await client.subscribe(1, { topics: ['anew', 'beside'], from: 'earliest' });
  deepEqual(await client.values(1), ['old']);
  await stand!.broker.deleteTopic('anew');
  await stand!.topic('anew');
  await using producer = await stand!.broker.producer();
  await producer.send('anew', 0, [{ key: null, value: Buffer.from('new'), headers: [], timestampMs: null }]);
  const words = await heardUntil(client, 'new');
  ok(['recreated 1-null', 'deleted 1-null'].includes(words[0]!), words.join());
  deepEqual(words.slice(1), ['new']);
  await stand!.broker.deleteTopic('anew');
  await stand!.broker.deleteTopic('beside');
  const gap = await client.next('gap');
  deepEqual([gap['reason'], gap['to']], ['deleted', null]);
  equal((await client.next('error'))['code'], 'not_found');
});

test('broker restart, leader change: invisible, but for delay, to subscribers, groups and publishers', {
  skip,
}, async () => {
  await stand!.topic('restarted', { partitions: 2 });
  await using served = await stand!.gateway({}, { deliveryTimeoutMs: 60_000 });
  const client = await served.native();
  await client.subscribe(1, { topics: ['restarted'] });
  await client.subscribe(2, { topics: ['restarted'], group: 'of-restarted', from: 'earliest' });
  const publish = (id: number): void =>
    client.send({ type: 'pub', id, topic: 'restarted', partition: id % 2, value: `${id}` });
  for (let id = 10; id < 20; id++) publish(id);
  for (let id = 10; id < 20; id++) await client.next('ok', (frame) => frame['id'] === id);
  await kafka!.kill9();
  for (let id = 20; id < 30; id++) publish(id);
  client.send({ type: 'ping' });
  await client.next('pong');
  await served.until('kafka_up', (up) => up === 0);
  equal((await served.open('/v2/broker/?topics=restarted')).status, 503);
  await kafka!.restart();
  const deadline = performance.now() + 90_000;
  const answered = new Set<number>();
  while (answered.size < 10) {
    ok(performance.now() < deadline);
    const answer = await client
      .nextOf(['ok', 'error'], (frame) => (frame['id'] as number) >= 20)
      .catch(() => undefined);
    if (answer === undefined) continue;
    equal(answer.type, 'ok', JSON.stringify(answer));
    answered.add(answer['id'] as number);
  }
  const seen = await client.records(20, 1);
  for (const partition of [0, 1]) {
    const values = seen.filter((record) => record.partition === partition).map(({ value }) => Number(value));
    deepEqual(
      values,
      [...values].sort((a, b) => a - b),
    );
    equal(new Set(values).size, 10);
  }
  // A group may see again what it had not committed, and misses nothing.
  const grouped = new Set<unknown>();
  while (grouped.size < 20) for (const { value } of await client.records(1, 2)) grouped.add(value);
  ok(!client.socket.units.items.some((unit) => unit.kind === 'frame' && unit.json['type'] === 'gap'));
});

test('a rebalance of a group: a member at another gateway takes its share and leaves it again; each record comes, none twice that was acknowledged before, and nobody hears of it', {
  skip,
}, async () => {
  const partitions = 4;
  await stand!.topic('balanced', { partitions });
  await using here = await stand!.gateway();
  await using there = await stand!.gateway();
  const sub = { topics: ['balanced'], group: 'of-balanced', from: 'earliest', window: 10_000 };
  const seen = new Map<string, number>();
  /** By client: values that it was given. */
  const given: string[][] = [[], []];
  const clients: NativeClient[] = [await here.native()];
  const write = async (round: string): Promise<string[]> => {
    const values = Array.from({ length: partitions }, (_, partition) => `${round} ${partition}`);
    await Promise.all(values.map((value, partition) => stand!.produce('balanced', [value], partition)));
    return values;
  };
  /** Takes what has come, and acknowledges it, until it is so. */
  const takeUntil = async (what: string, isSo: () => boolean): Promise<void> => {
    for (const deadline = performance.now() + 90_000; !isSo(); ) {
      ok(performance.now() < deadline, `${what}: ${JSON.stringify(given)}`);
      for (const [at, { socket }] of clients.entries()) {
        for (const unit of socket.units.items.splice(0)) {
          const frame = (unit.kind === 'frame' ? unit.json : {}) as Frame;
          ok(frame.type === 'data' || frame.type === 'ping', JSON.stringify(frame));
          for (const { value } of (frame['records'] ?? []) as { value: string }[]) {
            given[at]!.push(value);
            seen.set(value, (seen.get(value) ?? 0) + 1);
          }
          if (frame.type === 'data') clients[at]!.send({ type: 'ack', id: 1, seq: frame['seq'] });
        }
      }
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  };
  const areSeen = (values: readonly string[]): boolean => values.every((value) => seen.has(value));

  await clients[0]!.subscribe(1, sub);
  const before = await write('before');
  await takeUntil('one member has all', () => areSeen(before));
  const committed = (): Promise<readonly { readonly offset: number }[]> =>
    stand!.broker.committedOffsets('of-balanced');
  for (const deadline = performance.now() + 60_000; ; ) {
    if ((await committed()).filter(({ offset }) => offset === 1).length === partitions) break;
    ok(performance.now() < deadline);
  }

  clients.push(await there.native());
  await clients[1]!.subscribe(1, sub);
  let rounds = 0;
  while (new Set(given[1]!.map((value) => value.split(' ')[1])).size < 2) {
    const values = await write(`meanwhile-${rounds++}`);
    await takeUntil('the second has a share', () => areSeen(values));
  }
  const shared = await write('shared');
  await takeUntil('both have a share', () => areSeen(shared));
  for (const values of given) equal(values.filter((value) => shared.includes(value)).length, partitions / 2);

  clients.pop()!.leave();
  const after = await write('after');
  await takeUntil('the first has all again', () => after.every((value) => given[0]!.includes(value)));
  for (const value of [...before, ...shared]) equal(seen.get(value), 1, value);
  clients[0]!.leave();
});
