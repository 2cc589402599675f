import { deepEqual, equal, ok, rejects } from 'node:assert/strict';
import { test } from 'node:test';
import {
  type BrokerFixture,
  eventually,
  header,
  keyed,
  readAll,
  record,
  sendValues,
  take,
  text,
  topicName,
  valuesOf,
} from './fixture.ts';

export function produceReadTests({ name, skip, broker: open, maintenanceMs }: BrokerFixture): void {
  const it = (what: string, run: () => Promise<void>): void => void test(`${name}: ${what}`, { skip }, run);

  it('many sends at once keep their order, and offsets count up', async () => {
    const broker = await open();
    const topic = topicName('order');
    await broker.createTopic({ name: topic });
    await using producer = await broker.producer();
    const results = await Promise.all(
      Array.from({ length: 200 }, (_, i) => producer.send(topic, 0, [record(`${i}a`), record(`${i}b`)])),
    );
    deepEqual(
      results.map(({ baseOffset, lastOffset }) => [baseOffset, lastOffset]),
      Array.from({ length: 200 }, (_, i) => [2 * i, 2 * i + 1]),
    );
    deepEqual(await valuesOf(broker, topic), Array.from({ length: 200 }, (_, i) => [`${i}a`, `${i}b`]).flat());
  });

  for (const compression of ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const) {
    it(`keys, headers, tombstones, empty and large values come back as they were, compression ${compression}`, async () => {
      const broker = await open();
      const topic = topicName('shapes');
      await broker.createTopic({ name: topic, config: { 'retention.ms': '-1' } }); // its records are years old
      await using producer = await broker.producer({ compression });
      const large = Buffer.alloc(900_000, 'xyz');
      const sent = [
        keyed('k', 'v'),
        keyed('gone', null),
        record(''),
        record('h', { headers: [header('a', '1'), header('a', null), header('ü', '')] }),
        record('t', { timestampMs: 1_700_000_000_123 }),
        record(large),
      ];
      await producer.send(topic, 0, sent);
      const got = await readAll(broker, topic);
      deepEqual(got.map(text), sent.map(text));
      deepEqual(
        got.map(({ key }) => key?.toString()),
        ['k', 'gone', undefined, undefined, undefined, undefined],
      );
      deepEqual(
        got[3]!.headers.map(({ key, value }) => [key, value?.toString()]),
        [
          ['a', '1'],
          ['a', undefined],
          ['ü', ''],
        ],
      );
      equal(got[4]!.timestampMs, 1_700_000_000_123);
      ok(Math.abs(got[0]!.timestampMs - Date.now()) < 60_000);
    });
  }

  it('a large send is cut into several batches, in order', async () => {
    const broker = await open();
    const topic = topicName('cut');
    await broker.createTopic({ name: topic });
    await using producer = await broker.producer({ maxBatchBytes: 10_000 });
    const values = Array.from({ length: 500 }, (_, i) => `${i}`.padEnd(200, '.'));
    const { baseOffset, lastOffset } = await producer.send(
      topic,
      0,
      values.map((value) => record(value)),
    );
    deepEqual([baseOffset, lastOffset], [0, 499]);
    deepEqual(await valuesOf(broker, topic), values);
  });

  it('a record that is too large is refused and the next one is not', async () => {
    const broker = await open();
    const topic = topicName('large');
    await broker.createTopic({ name: topic, config: { 'max.message.bytes': '20000' } });
    await using producer = await broker.producer();
    await rejects(producer.send(topic, 0, [record('x'.repeat(30_000))]), { code: 'RECORD_TOO_LARGE' });
    await rejects(producer.send(topic, 0, [record('x'.repeat(2_000_000))]), { code: 'RECORD_TOO_LARGE' });
    await sendValues(producer, topic, ['after']);
    deepEqual(await valuesOf(broker, topic), ['after']);
  });

  it('unknown topics and partitions are named', async () => {
    const broker = await open();
    const topic = topicName('known');
    await broker.createTopic({ name: topic });
    await using producer = await broker.producer({ deliveryTimeoutMs: 3000 });
    await rejects(producer.send(topic, 7, [record('x')]), { code: 'UNKNOWN_PARTITION' });
    await rejects(producer.send(topicName('no'), 0, [record('x')]), { code: 'UNKNOWN_TOPIC' });
    await rejects(producer.partitionCount(topicName('no')), { code: 'UNKNOWN_TOPIC' });
    await rejects(readAll(broker, topicName('no')), { code: 'UNKNOWN_TOPIC' });
    await rejects(readAll(broker, topic, { partition: 3 }), { code: 'UNKNOWN_PARTITION' });
    equal(await producer.partitionCount(topic), 1);
  });

  it('readers start at the first, the last, an offset or a time', async () => {
    const broker = await open();
    const topic = topicName('start');
    await broker.createTopic({ name: topic, config: { 'retention.ms': '-1' } }); // its records are years old
    await using producer = await broker.producer();
    for (let i = 0; i < 6; i++)
      await producer.send(topic, 0, [
        record(`${i}a`, { timestampMs: 1e12 + i * 1000 }),
        record(`${i}b`, { timestampMs: 1e12 + i * 1000 + 500 }),
      ]);
    deepEqual(await valuesOf(broker, topic, { from: { offset: 9 } }), ['4b', '5a', '5b']);
    deepEqual(await valuesOf(broker, topic, { from: 'latest' }), []);
    deepEqual(await valuesOf(broker, topic, { from: { timestampMs: 1e12 + 4200 } }), ['4b', '5a', '5b']);
    equal(await broker.offset(topic, 0, { timestampMs: 1e12 + 5000 }), 10);
    equal(await broker.offset(topic, 0, { timestampMs: 2e12 }), 12);
    equal(await broker.offset(topic, 0, 'earliest'), 0);
    equal(await broker.offset(topic, 0, 'latest'), 12);
    await rejects(readAll(broker, topic, { from: { offset: 99 } }), { code: 'OFFSET_OUT_OF_RANGE' });
  });

  it('a reader follows the end until it is stopped, and ends without an error', async () => {
    const broker = await open();
    const topic = topicName('follow');
    await broker.createTopic({ name: topic });
    await using producer = await broker.producer();
    const stop = new AbortController();
    const reading = take(broker.read({ topic, partition: 0, from: 'earliest', signal: stop.signal }), 3);
    await sendValues(producer, topic, ['a']);
    await sendValues(producer, topic, ['b', 'c']);
    deepEqual((await reading).map(text), ['a', 'b', 'c']);
    const waiting = (async () => {
      let turns = 0;
      for await (const { records } of broker.read({ topic, partition: 0, from: 'latest', signal: stop.signal }))
        turns += records.length;
      return turns;
    })();
    setTimeout(() => stop.abort(), 100);
    equal(await waiting, 0);
  });

  it('retention by time takes the oldest records', async () => {
    const broker = await open();
    const topic = topicName('retention');
    await broker.createTopic({
      name: topic,
      config: { 'retention.ms': '1000', 'segment.bytes': '1048576', 'segment.ms': '1000' },
    });
    await using producer = await broker.producer();
    await producer.send(topic, 0, [record('old', { timestampMs: Date.now() - 3_600_000 })]);
    const first = await eventually(
      async () => {
        await producer.send(topic, 0, [record('new', { timestampMs: Date.now() + 3_600_000 })]);
        return broker.offset(topic, 0, 'earliest');
      },
      (offset) => offset >= 1,
      maintenanceMs,
    );
    ok(first >= 1, `first offset is ${first}`);
  });

  it('a compacted topic keeps the last value of each key and is read to its end', async () => {
    const broker = await open();
    const topic = topicName('compact');
    await broker.createTopic({
      name: topic,
      config: {
        'cleanup.policy': 'compact',
        'segment.ms': '200',
        'min.cleanable.dirty.ratio': '0.01',
        'delete.retention.ms': '100',
      },
    });
    await using producer = await broker.producer();
    for (let round = 0; round < 5; round++)
      await producer.send(
        topic,
        0,
        ['a', 'b', 'c'].map((key) => keyed(key, `${key}${round}`)),
      );
    const kept = await eventually(
      async () => {
        await producer.send(topic, 0, [keyed('d', `${Date.now()}`)]);
        return readAll(broker, topic);
      },
      (records) => records.filter(({ key }) => key?.toString() === 'a').length === 1,
      maintenanceMs,
    );
    const last = new Map(kept.map((r) => [r.key!.toString(), text(r)]));
    deepEqual([last.get('a'), last.get('b'), last.get('c')], ['a4', 'b4', 'c4']);
    equal(kept.filter(({ key }) => key?.toString() === 'a').length, 1);
    equal(kept.find(({ key }) => key?.toString() === 'a')!.offset, 12);
  });
}
