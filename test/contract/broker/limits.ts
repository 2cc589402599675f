/** Where something ends: how large a batch may be, how much a topic keeps, how small a fetch may be. */
import { deepEqual, equal, match, ok, rejects } from 'node:assert/strict';
import { test } from 'node:test';
import { isError } from '../../../src/base/errors.ts';
import { defaultMaxBatchBytes } from '../../../src/broker/broker.ts';
import { batchBytesOf } from '../../../src/record/encode.ts';
import type { ProduceRecord } from '../../../src/record/record.ts';
import { type BrokerFixture, eventually, readAll, record, sendValues, topicName, valuesOf } from './fixture.ts';

/** Kafka's default of max.message.bytes: 1 MiB of records and the 12 bytes that stand before each batch. */
const defaultTopicBytes = 1_048_588;

export function limitTests({ name, skip, broker: open, maintenanceMs }: BrokerFixture): void {
  const it = (what: string, run: () => Promise<void>): void => void test(`${name}: ${what}`, { skip }, run);

  for (const [whose, maxBytes, maxBatchBytes] of [
    ["the producer's default", defaultMaxBatchBytes, undefined],
    ["the topic's default, about 1 MiB,", defaultTopicBytes, 4_000_000],
  ] as const) {
    it(`${whose} bound takes a record that just fits, and refuses one that is a byte larger`, async () => {
      const broker = await open();
      const topic = topicName('bound');
      await broker.createTopic({ name: topic });
      await using producer = await broker.producer({ maxBatchBytes });
      const largest = recordOfBatch(maxBytes);
      const tooLarge = recordOfBatch(maxBytes + 1);
      equal((await producer.send(topic, 0, [largest])).baseOffset, 0);
      await rejects(producer.send(topic, 0, [tooLarge]), (error) => {
        ok(isError(error, 'RECORD_TOO_LARGE'), String(error));
        match(error.message, new RegExp(`${maxBytes + 1}.*${maxBytes}`));
        return true;
      });
      await sendValues(producer, topic, ['after']);
      const lengths = (await readAll(broker, topic)).map(({ value }) => value!.length);
      deepEqual(lengths, [largest.value!.length, 5]);
    });
  }

  it('retention by size takes the oldest records, and never more than what is over', async () => {
    const broker = await open();
    const topic = topicName('retention-bytes');
    const retention = 2 * 1024 * 1024;
    await broker.createTopic({
      name: topic,
      // Kafka takes away whole segments, and never the one that is written to.
      config: { 'retention.bytes': `${retention}`, 'retention.ms': '-1', 'segment.bytes': '1048576' },
    });
    await using producer = await broker.producer();
    const size = 250_000;
    const value = (number: number): string => String(number).padEnd(size, '.');
    const sent = 24;
    for (let number = 0; number < sent; number++) await sendValues(producer, topic, [value(number)]);
    const most = Math.ceil((retention + 2 * 1024 * 1024) / size);
    const first = await eventually(
      () => broker.offset(topic, 0, 'earliest'),
      (offset) => offset >= sent - most,
      maintenanceMs,
    );
    const kept = (await valuesOf(broker, topic)).map((text) => Number.parseInt(text!, 10));
    deepEqual(
      kept,
      Array.from({ length: kept.length }, (_, i) => sent - kept.length + i),
    );
    ok(first > 0 && kept.length <= most, `${kept.length} records are left, from ${first}`);
    ok(kept.length * size >= retention - size, `only ${kept.length} records are left`);
  });

  it('reading below the first kept offset is a typed error, at the start and on the way', async () => {
    const broker = await open();
    const topic = topicName('below');
    await broker.createTopic({ name: topic });
    await using producer = await broker.producer();
    for (const value of ['a', 'b', 'c', 'd']) await sendValues(producer, topic, [value]);
    const reading = broker.read({ topic, partition: 0, from: { offset: 0 }, maxBytes: 1 })[Symbol.asyncIterator]();
    equal((await reading.next()).value?.nextOffset, 1);
    equal(await broker.deleteRecords(topic, 0, 4), 4);
    await rejects(readAll(broker, topic, { from: { offset: 3 } }), { code: 'OFFSET_OUT_OF_RANGE' });
    await rejects(
      async () => {
        // What was fetched ahead may still come.
        for (let turn = 0; turn < 4; turn++) await reading.next();
      },
      { code: 'OFFSET_OUT_OF_RANGE' },
    );
    deepEqual(await valuesOf(broker, topic, { from: { offset: 4 } }), []);
  });

  it('an abort marker in a later fetch than its records is known to them', async () => {
    const broker = await open();
    const topic = topicName('marker');
    await broker.createTopic({ name: topic });
    const transactionalId = topicName('id');
    await using producer = await broker.producer({ transactionalId });
    await using plain = await broker.producer();
    for (const round of [1, 2]) {
      await producer.begin();
      for (let i = 0; i < 4; i++) {
        await sendValues(producer, topic, [`aborted-${round}-${i}`.padEnd(3000, '.')]);
        await sendValues(plain, topic, [`plain-${round}-${i}`]);
      }
      await producer.abort();
    }
    await producer.begin();
    await sendValues(producer, topic, ['committed']);
    await producer.commit();
    const wanted = [1, 2].flatMap((round) => [0, 1, 2, 3].map((i) => `plain-${round}-${i}`));
    const values = await eventually(
      () => valuesOf(broker, topic, { maxBytes: 1 }), // one batch a fetch
      ({ length }) => length > wanted.length,
      10_000,
    );
    deepEqual(values, [...wanted, 'committed']);
  });
}

/** A record that makes a batch of so many bytes. */
function recordOfBatch(bytes: number): ProduceRecord {
  const timestampMs = Date.now();
  let length = bytes;
  for (;;) {
    const made = record(Buffer.alloc(length, 'x'), { timestampMs });
    const over = batchBytesOf({ ...made, timestampMs }) - bytes;
    if (over === 0) return made;
    length -= over;
  }
}
