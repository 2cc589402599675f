import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import { type MemoryBroker, memoryBroker } from '../../test/support/memory-broker.ts';
import { silentLog } from '../telemetry/log.ts';
import { offsetTable } from './offset-table.ts';
import { openTable, type Table } from './table.ts';

function open(broker: MemoryBroker): Promise<Table> {
  return openTable({ broker, topic: 'offsets', partitions: 1, log: silentLog });
}

test('an offset is written as Kafka Connect writes it', async () => {
  await using broker = memoryBroker();
  await using table = await open(broker);
  await offsetTable(table).put('ws', [
    { partition: { websocket_url: 'ws://h/' }, offset: { session_id: 's', sequence: 3 } },
  ]);
  const [record] = broker.records('offsets');
  equal(String(record?.key), '["ws",{"websocket_url":"ws://h/"}]');
  equal(String(record?.value), '{"session_id":"s","sequence":3}');
});

test('offsets are kept apart by connector and partition, and null deletes', async () => {
  await using broker = memoryBroker();
  await using table = await open(broker);
  const offsets = offsetTable(table);
  await offsets.put('a', [
    { partition: { p: 1 }, offset: { n: 1 } },
    { partition: { p: 2 }, offset: { n: 2 } },
  ]);
  await offsets.put('b', [{ partition: { p: 1 }, offset: { n: 3 } }]);
  deepEqual(offsets.get('a', { p: 1 }), { n: 1 });
  deepEqual(offsets.get('b', { p: 1 }), { n: 3 });
  equal(offsets.get('b', { p: 2 }), undefined);
  await offsets.put('a', [{ partition: { p: 1 }, offset: null }]);
  deepEqual(offsets.all('a'), [{ partition: { p: 2 }, offset: { n: 2 } }]);
  equal(broker.records('offsets').at(-1)?.value, null);
});

test('an empty partition and an empty offset are an offset', async () => {
  await using broker = memoryBroker();
  await using table = await open(broker);
  await offsetTable(table).put('sse', [{ partition: {}, offset: {} }]);
  deepEqual(offsetTable(table).all('sse'), [{ partition: {}, offset: {} }]);
});

test('the order of fields in a partition does not matter, whoever wrote it', async () => {
  await using broker = memoryBroker();
  await using table = await open(broker);
  await table.put([['["c",{"z":1,"a":2}]', '{"n":1}']]);
  const offsets = offsetTable(table);
  deepEqual(offsets.get('c', { a: 2, z: 1 }), { n: 1 });
  await offsets.put('c', [{ partition: { a: 2, z: 1 }, offset: { n: 2 } }]);
  deepEqual(offsets.all('c'), [{ partition: { z: 1, a: 2 }, offset: { n: 2 } }]);
});

test('entries that are no offsets are passed over', async () => {
  await using broker = memoryBroker();
  await using table = await open(broker);
  await table.put([
    ['anything', '1'],
    ['["c"]', '{"n":1}'],
    ['["c",{"p":1}', '{"n":1}'],
    ['["c",{"p":1}]', 'not JSON'],
  ]);
  deepEqual(offsetTable(table).all('c'), []);
});
