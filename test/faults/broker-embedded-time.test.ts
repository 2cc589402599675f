/** The embedded broker over a disk that is slow or fails for moments, and under a clock that jumps. */
import { deepEqual, equal, ok } from 'node:assert/strict';
import { test } from 'node:test';
import type { Clock } from '../../src/base/clock.ts';
import { openEmbeddedBroker } from '../../src/broker/embedded/embedded.ts';
import type { Codecs } from '../../src/record/codecs.ts';
import { crc32c } from '../../src/record/crc32c.ts';
import { readAll, record, sendValues, text, valuesOf } from '../contract/broker/fixture.ts';
import { seeded, testSeed } from '../support/random.ts';
import { type AppendVerdict, openStallingBroker } from '../support/stalling-store.ts';
import { tempFolder } from '../support/temp-folder.ts';

const codecs: Codecs = { crc32c, compress: (_name, bytes) => bytes, decompress: (_name, bytes) => bytes };
const hourMs = 3_600_000;
const isLong = process.env['TEST_LONG'] === '1';

test('over a slow disk sends wait, share batches, and keep their order', async () => {
  await using folder = await tempFolder('slow');
  const { broker, delay } = await openStallingBroker({ directory: folder.path, codecs });
  await using _ = broker;
  await broker.createTopic({ name: 't' });
  await using producer = await broker.producer({ deliveryTimeoutMs: 60_000 });
  delay(20);
  const sends: Promise<unknown>[] = [];
  for (let number = 0; number < 3000; number++) {
    sends.push(producer.send('t', 0, [record(String(number))]));
    if (number % 100 === 99) await new Promise((next) => setImmediate(next));
  }
  await Promise.all(sends);
  delay(0);
  deepEqual(
    (await valuesOf(broker, 't')).map(Number),
    Array.from({ length: 3000 }, (_, number) => number),
  );
});

const failures: readonly { readonly name: string; readonly verdict: (chance: number) => AppendVerdict }[] = [
  { name: 'is refused in the middle of those under way', verdict: (chance) => (chance < 0.1 ? 'refuse' : 'pass') },
  { name: 'is stored and its answer lost', verdict: (chance) => (chance < 0.1 ? 'lose' : 'pass') },
  {
    name: 'is now refused and now stored without an answer',
    verdict: (chance) => (chance < 0.1 ? 'refuse' : chance < 0.2 ? 'lose' : 'pass'),
  },
];

for (const { name, verdict } of failures) {
  test(`where a batch ${name}, each record is there once and in order (TEST_SEED=${testSeed})`, async () => {
    await using folder = await tempFolder('failing');
    const random = seeded(testSeed);
    const store = await openStallingBroker({ directory: folder.path, codecs });
    await using broker = store.broker;
    await broker.createTopic({ name: 't', partitions: 2 });
    let retries = 0;
    await using producer = await broker.producer({
      deliveryTimeoutMs: Number.POSITIVE_INFINITY,
      maxBatchBytes: 100, // a batch for each record: five are under way at any time
      onRetry: () => retries++,
    });
    let underWay = 0;
    let mostUnderWay = 0;
    const verdicts = new Map<AppendVerdict, number>();
    store.judge = () => {
      const judged = verdict(random());
      verdicts.set(judged, (verdicts.get(judged) ?? 0) + 1);
      return judged;
    };
    const offsets: number[][] = [[], []];
    const next = [0, 0];
    const total = isLong ? 5000 : 200;
    const send = async (partition: number): Promise<void> => {
      while (next[partition]! < total) {
        const number = next[partition]!++;
        mostUnderWay = Math.max(mostUnderWay, ++underWay);
        const { baseOffset } = await producer.send('t', partition, [record(String(number))]);
        underWay--;
        offsets[partition]![number] = baseOffset;
      }
    };
    await Promise.all(Array.from({ length: 20 }, (_, lane) => send(lane % 2)));
    const all = Array.from({ length: total }, (_, number) => number);
    for (const partition of [0, 1]) {
      deepEqual((await valuesOf(broker, 't', { partition })).map(Number), all);
      deepEqual(offsets[partition], all, 'each was acknowledged with the offset at which it lies');
    }
    const failed = (verdicts.get('refuse') ?? 0) + (verdicts.get('lose') ?? 0);
    ok(
      mostUnderWay >= 10 && failed > 0 && retries > 0,
      `${mostUnderWay} sends at once, ${failed} failures, ${retries} retries`,
    );
  });
}

for (const jumpMs of [hourMs, -hourMs]) {
  test(`a clock that jumps by ${jumpMs / hourMs} h ends nothing early, and offsets go on`, async () => {
    await using folder = await tempFolder('jump');
    let shiftMs = 0;
    const clock: Clock = { nowMs: () => Date.now() + shiftMs, monotonicMs: () => performance.now() };
    await using broker = await openEmbeddedBroker({ directory: folder.path, codecs, clock });
    await broker.createTopic({ name: 't' });
    await using plain = await broker.producer({ deliveryTimeoutMs: 30_000 });
    await using producer = await broker.producer({ transactionalId: 'id', transactionTimeoutMs: 30_000 });
    await using member = await broker.group({ groupId: 'g', topics: ['t'], sessionTimeoutMs: 5000, fetch: false });
    await producer.begin();
    await sendValues(producer, 't', ['before']);
    const sent = plain.send('t', 0, [record('meanwhile')]);
    shiftMs = jumpMs;
    await sent;
    await sendValues(producer, 't', ['after']);
    await producer.commit();
    await member.commit([{ topic: 't', partition: 0, offset: 2 }]);
    equal(await member.committed({ topic: 't', partition: 0 }), 2);
    deepEqual(member.assignment, [{ topic: 't', partition: 0 }]);
    const records = await readAll(broker, 't');
    deepEqual(records.map(text), ['before', 'meanwhile', 'after']);
    const [before, , after] = records.map(({ timestampMs }) => timestampMs);
    ok(Math.abs(after! - before! - jumpMs) < 60_000, 'times are those of the clock, as it was');
    // A time is found though times do not grow with offsets.
    const at = await broker.offset('t', 0, { timestampMs: Math.min(before!, after!) + 1 });
    ok(at >= 0 && at <= 4, `${at}`);
  });
}
