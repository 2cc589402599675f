import { deepEqual } from 'node:assert/strict';
import { test } from 'node:test';
import { memoryBroker } from '../../../test/support/memory-broker.ts';
import { silentLog } from '../../telemetry/log.ts';
import { openTable } from '../table.ts';
import { Addresses } from './addresses.ts';

test('a worker finds those that have told their address, but itself and loopbacks of other machines', async () => {
  await using broker = memoryBroker();
  await using status = await openTable({ broker, topic: 'status', partitions: 1, log: silentLog });
  const at = (host: string, workerId: string, url: string | undefined = `http://${workerId}`) =>
    new Addresses({ host, workerId, url, status, log: silentLog });
  const own = at('here', '127.0.0.1:1');
  const near = at('here', '127.0.0.1:2');
  const named = at('there', 'worker-3:8083', 'https://worker-3:8083');
  for (const worker of [own, near, named, at('there', '127.0.0.1:4')]) await worker.tell();
  await status.put([
    ['tributary-worker-x', 'null'],
    ['tributary-worker-y', '{"url":"?","host":"here"}'],
    ['status-task-a-0', '{"url":"http://worker-5:8083"}'],
  ]);
  deepEqual(own.others(), ['http://127.0.0.1:2', 'https://worker-3:8083']);
  await near.takeBack();
  deepEqual(own.others(), ['https://worker-3:8083']);
  const before = broker.records('status').length;
  await named.tell();
  await near.takeBack();
  deepEqual(broker.records('status').length, before, 'what stands there already is not written again');
});

test('one that nobody can reach tells nothing', async () => {
  await using broker = memoryBroker();
  await using status = await openTable({ broker, topic: 'status', partitions: 1, log: silentLog });
  await new Addresses({ host: 'here', workerId: 'local', url: undefined, status, log: silentLog }).tell();
  deepEqual(broker.records('status'), []);
});
