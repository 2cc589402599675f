import { deepEqual, equal, rejects } from 'node:assert/strict';
import { test } from 'node:test';
import { memoryBroker } from '../../test/support/memory-broker.ts';
import { silentLog } from '../telemetry/log.ts';
import { openConnectorOffsets } from './connector-offsets.ts';
import { offsetTable } from './offset-table.ts';
import { openTable } from './table.ts';

const at = (url: string, n: number) => ({ partition: { url }, offset: { n } });

async function setup() {
  const broker = memoryBroker();
  const table = await openTable({ broker, topic: 'workers', partitions: 1, log: silentLog });
  const workers = offsetTable(table);
  const target = { topic: 'own', partitions: 1 };
  return { broker, workers, open: () => openConnectorOffsets(broker, target, workers, silentLog) };
}

test('what the worker kept before counts until the own topic has something', async () => {
  const { workers, open, broker } = await setup();
  await workers.put('c', [at('a', 1), at('b', 2)]);
  const offsets = await open();
  deepEqual(offsets.get('c', { url: 'a' }), { n: 1 });
  await offsets.put('c', [at('a', 7)]);
  deepEqual(offsets.get('c', { url: 'a' }), { n: 7 });
  deepEqual(offsets.all('c'), [at('a', 7), at('b', 2)]);
  deepEqual(broker.values('own'), ['{"n":7}']);
  deepEqual(workers.get('c', { url: 'a' }), { n: 7 });
  await offsets.close();
});

test('an offset that is forgotten is gone from both', async () => {
  const { workers, open } = await setup();
  await workers.put('c', [at('a', 1)]);
  const offsets = await open();
  await offsets.put('c', [at('a', 2)]);
  await offsets.put('c', [{ partition: { url: 'a' }, offset: null }]);
  equal(offsets.get('c', { url: 'a' }), undefined);
  equal(workers.get('c', { url: 'a' }), undefined);
});

test('a topic that cannot be made is named as Kafka Connect names it', async () => {
  const { workers, broker } = await setup();
  const { TributaryError } = await import('../base/errors.ts');
  broker.createTopic = async () => Promise.reject(new TributaryError('INVALID_TOPIC', 'no blanks'));
  await rejects(openConnectorOffsets(broker, { topic: 'not a topic', partitions: 1 }, workers, silentLog), {
    code: 'INVALID_TOPIC',
    message: "Unable to create topic(s) 'not a topic': no blanks",
  });
});
