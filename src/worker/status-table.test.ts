import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import { memoryBroker } from '../../test/support/memory-broker.ts';
import { silentLog } from '../telemetry/log.ts';
import { type Status, statusTable } from './status-table.ts';
import { openTable } from './table.ts';

const failed: Status = { state: 'FAILED', trace: 'refused', workerId: '127.0.0.1:8083', version: '1.0.0', clean: true };

test('a status is written as Kafka Connect writes it, with our fields behind', async () => {
  await using broker = memoryBroker();
  await using table = await openTable({ broker, topic: 'status', partitions: 1, log: silentLog });
  const { clean: _, ...connector } = failed;
  await statusTable(table).putConnector('a', connector);
  await statusTable(table).putTask('a', 0, failed);
  deepEqual(
    broker.records('status').map(({ key, value }) => [String(key), JSON.parse(String(value))]),
    [
      [
        'status-connector-a',
        { state: 'FAILED', trace: 'refused', worker_id: '127.0.0.1:8083', generation: 1, version: '1.0.0' },
      ],
      [
        'status-task-a-0',
        {
          state: 'FAILED',
          trace: 'refused',
          worker_id: '127.0.0.1:8083',
          generation: 1,
          version: '1.0.0',
          clean: true,
        },
      ],
    ],
  );
});

test('a status is read back, also one that a worker of Kafka Connect wrote', async () => {
  await using broker = memoryBroker();
  await using table = await openTable({ broker, topic: 'status', partitions: 5, log: silentLog });
  const statuses = statusTable(table);
  await statuses.putTask('a', 1, failed);
  deepEqual(statuses.task('a', 1), failed);
  await table.put([['status-task-b-0', '{"state":"RUNNING","trace":null,"worker_id":"w:1","generation":7}']]);
  deepEqual(statuses.task('b', 0), { state: 'RUNNING', trace: null, workerId: 'w:1', version: null });
  equal(statuses.task('b', 1), undefined);
});

test('a removed connector leaves no status of its own, and those of others alone', async () => {
  await using broker = memoryBroker();
  await using table = await openTable({ broker, topic: 'status', partitions: 1, log: silentLog });
  const statuses = statusTable(table);
  await statuses.putConnector('a', failed);
  for (const task of [0, 1, 12]) await statuses.putTask('a', task, failed);
  await statuses.putTask('a-1', 0, failed);
  await statuses.remove('a');
  deepEqual([...table.entries.keys()], ['status-task-a-1-0']);
});
