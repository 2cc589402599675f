import { deepEqual, equal, rejects } from 'node:assert/strict';
import { test } from 'node:test';
import { memoryBroker } from '../../test/support/memory-broker.ts';
import { TributaryError } from '../base/errors.ts';
import { partitionForKey } from '../record/partitioner.ts';
import { silentLog } from '../telemetry/log.ts';
import { openTable } from './table.ts';

const options = { topic: 'table', partitions: 3, log: silentLog };

test('a topic that is missing is made, compacted, with the partitions asked for', async () => {
  await using broker = memoryBroker();
  await using _ = await openTable({ ...options, broker });
  const { partitions, config } = await broker.describeTopic('table');
  equal(partitions.length, 3);
  deepEqual(config, { 'cleanup.policy': 'compact' });
});

test('a topic without compaction is refused: it would lose entries', async () => {
  await using broker = memoryBroker();
  await broker.createTopic({ name: 'table', config: { 'cleanup.policy': 'delete' } });
  await rejects(openTable({ ...options, broker }), {
    code: 'CONFLICT',
    message: 'Cannot keep a table in topic "table": its cleanup.policy is "delete", it must be "compact"',
  });
});

test('what is put can be read at once, and a null deletes', async () => {
  await using broker = memoryBroker();
  await using table = await openTable({ ...options, broker });
  await table.put([
    ['a', '1'],
    ['b', '2'],
  ]);
  deepEqual([...table.entries].sort(), [
    ['a', '1'],
    ['b', '2'],
  ]);
  await table.put([['a', null]]);
  deepEqual([...table.entries], [['b', '2']]);
});

test('the newest value of each key is there after it was opened again', async () => {
  await using broker = memoryBroker();
  {
    await using table = await openTable({ ...options, broker });
    for (let i = 0; i < 20; i++) await table.put([[`key ${i % 5}`, String(i)]]);
    await table.put([['key 0', null]]);
  }
  await using table = await openTable({ ...options, broker });
  deepEqual([...table.entries].sort(), [
    ['key 1', '16'],
    ['key 2', '17'],
    ['key 3', '18'],
    ['key 4', '19'],
  ]);
});

test('what another worker writes appears', async () => {
  await using broker = memoryBroker();
  await using mine = await openTable({ ...options, broker });
  const seen = Promise.withResolvers<readonly [string, string | null]>();
  await using theirs = await openTable({
    ...options,
    broker,
    onEntry: (key, value) => seen.resolve([key, value]),
  });
  await mine.put([['a', '1']]);
  deepEqual(await seen.promise, ['a', '1']);
  equal(theirs.entries.get('a'), '1');
});

test('whoever asks for one key waits for its partition alone', async () => {
  await using broker = memoryBroker();
  await using table = await openTable({ ...options, partitions: 5, broker });
  await using theirs = await openTable({ ...options, partitions: 5, broker });
  await theirs.put([['a', '1']]);
  const find = broker.offset.bind(broker);
  const asked: number[] = [];
  broker.offset = (topic, partition, ...rest) => {
    asked.push(partition);
    return find(topic, partition, ...rest);
  };
  await table.caughtUp(undefined, 'a');
  equal(table.entries.get('a'), '1');
  deepEqual(asked, [partitionForKey(Buffer.from('a'), 5)]);
  await table.caughtUp();
  deepEqual(asked.slice(1), [0, 1, 2, 3, 4]);
});

test('a write that fails is told to its writer, and others go on', async () => {
  await using broker = memoryBroker();
  await using table = await openTable({ ...options, partitions: 1, broker });
  broker.beforeSend = () => {
    throw new TributaryError('BROKER_REJECTED', 'no');
  };
  await rejects(table.put([['a', '1']]), { code: 'BROKER_REJECTED' });
  broker.beforeSend = () => {};
  await table.put([['a', '2']]);
  equal(table.entries.get('a'), '2');
});

test('a write that waits when the table is closed is not left waiting', async () => {
  await using broker = memoryBroker();
  const table = await openTable({ ...options, broker });
  const held = Promise.withResolvers<void>();
  broker.beforeSend = () => held.promise;
  const write = table.put([['a', '1']]);
  const closed = table.close();
  held.resolve();
  await rejects(write, { code: 'BROKER_UNAVAILABLE' });
  await closed;
});

test('records without a key are passed over', async () => {
  await using broker = memoryBroker();
  await broker.createTopic({ name: 'table', config: { 'cleanup.policy': 'compact' } });
  const producer = await broker.producer();
  const value = Buffer.from('x');
  await producer.send('table', 0, [{ key: null, value, headers: [], timestampMs: null }]);
  await using table = await openTable({ ...options, broker });
  equal(table.entries.size, 0);
});

test('what waits for a broker that is away is bounded: a write beyond is refused, and one behind it is made again', async () => {
  await using broker = memoryBroker();
  await using table = await openTable({ broker, topic: 'table', partitions: 1, log: silentLog, maxWaiting: 10 });
  const back = Promise.withResolvers<void>();
  broker.beforeSend = () => back.promise;
  const first = table.put([['a', '12345']]);
  await rejects(table.put([['b', '12345']]), { code: 'QUEUE_FULL', message: /more than 10 characters/ });
  back.resolve();
  await first;
  await table.put([['b', '1234567890']]);
  deepEqual([...table.entries.keys()], ['a', 'b'], 'one alone is always taken');
});
