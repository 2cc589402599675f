/** The embedded broker over a slow disk, and under a clock that jumps. */
import { deepEqual, equal, ok } from 'node:assert/strict';
import { test } from 'node:test';
import type { Clock } from '../../src/base/clock.ts';
import { openEmbeddedBroker } from '../../src/broker/embedded/embedded.ts';
import type { Codecs } from '../../src/record/codecs.ts';
import { crc32c } from '../../src/record/crc32c.ts';
import { readAll, record, sendValues, text, valuesOf } from '../contract/broker/fixture.ts';
import { openStallingBroker } from '../support/stalling-store.ts';
import { tempFolder } from '../support/temp-folder.ts';

const codecs: Codecs = { crc32c, compress: (_name, bytes) => bytes, decompress: (_name, bytes) => bytes };
const hourMs = 3_600_000;

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
