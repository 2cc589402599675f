/** The stand-in of the benchmarks counts what is really there: a check that cannot fail would make their losses worthless. */
import { deepEqual, rejects } from 'node:assert/strict';
import { test } from 'node:test';
import { startStandIn } from '../../bench/stand-in/stand-in.ts';
import { codecs } from '../../src/app/codecs.ts';
import { openKafkaBroker } from '../../src/broker/kafka/kafka.ts';
import type { ProduceRecord } from '../../src/record/record.ts';

const record = (value: string): ProduceRecord => ({
  key: Buffer.from('k'),
  value: Buffer.from(value),
  headers: [],
  timestampMs: null,
});
const messages = (...numbers: readonly number[]): ProduceRecord[] =>
  numbers.map((number) => ({ ...record(`{"ts":   1,"seq":   ${number}}`), key: null }));

test('topics that are kept are read back, also by one who waits; unknown ones are unknown', async () => {
  await using standIn = await startStandIn(['bench']);
  await using broker = await openKafkaBroker({ bootstrap: [`127.0.0.1:${standIn.port}`], codecs });
  await broker.createTopic({ name: 'table', config: { 'cleanup.policy': 'compact' } });
  await rejects(broker.createTopic({ name: 'table' }), { code: 'TOPIC_EXISTS' });
  await rejects(broker.describeTopic('none'), { code: 'UNKNOWN_TOPIC' });
  deepEqual((await broker.describeTopic('table')).config, { 'cleanup.policy': 'compact' });
  await using producer = await broker.producer();
  await producer.send('table', 0, [record('a'), record('b')]);
  const read: string[] = [];
  for await (const { records } of broker.read({ topic: 'table', partition: 0, from: 'earliest' })) {
    for (const { value } of records) read.push(String(value === null ? null : Buffer.from(value)));
    if (read.length === 2) await producer.send('table', 0, [record('c')]);
    if (read.length === 3) break;
  }
  deepEqual(read, ['a', 'b', 'c']);
});

test('of a topic that is discarded records are counted, and so are messages that are missing or came twice', async () => {
  await using standIn = await startStandIn(['bench']);
  await using broker = await openKafkaBroker({ bootstrap: [`127.0.0.1:${standIn.port}`], codecs });
  await broker.createTopic({ name: 'bench' });
  await using producer = await broker.producer();
  for (const batch of [messages(0, 1, 2), messages(3), messages(4, 5)]) await producer.send('bench', 0, batch);
  const { records, batches, missing, doubled } = standIn.counts;
  deepEqual({ records, batches, missing, doubled }, { records: 6, batches: 3, missing: 0, doubled: 0 });
  await producer.send('bench', 0, messages(8, 9));
  deepEqual(standIn.counts.missing, 2);
  await using another = await broker.producer();
  await another.send('bench', 0, messages(4, 5, 6));
  deepEqual(standIn.counts.doubled, 4);
});
