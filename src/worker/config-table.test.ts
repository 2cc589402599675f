import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import { type MemoryBroker, memoryBroker } from '../../test/support/memory-broker.ts';
import { silentLog } from '../telemetry/log.ts';
import { type ConfigTable, configTable } from './config-table.ts';
import { openTable } from './table.ts';

async function open(broker: MemoryBroker): Promise<ConfigTable & AsyncDisposable> {
  const table = await openTable({ broker, topic: 'configs', partitions: 1, log: silentLog });
  return { ...configTable(table), [Symbol.asyncDispose]: () => table.close() };
}

/** Keys and values as they stand in the topic. */
function written(broker: MemoryBroker): (readonly [string, unknown])[] {
  return broker
    .records('configs')
    .map(({ key, value }) => [String(key), value === null ? null : JSON.parse(String(value))]);
}

test('a connector is written as Kafka Connect writes it: its state, itself, its tasks, their commit', async () => {
  await using broker = memoryBroker();
  await using configs = await open(broker);
  await configs.putConnector('a', { name: 'a', x: '1' }, 'STOPPED');
  await configs.putTasks('a', [{ 'task.class': 'T' }]);
  deepEqual(written(broker), [
    ['target-state-a', { state: 'PAUSED', 'state.v2': 'STOPPED' }],
    ['connector-a', { properties: { name: 'a', x: '1' } }],
    ['task-a-0', { properties: { 'task.class': 'T' } }],
    ['commit-a', { tasks: 1 }],
  ]);
});

test('what was written is there after the table was opened again', async () => {
  await using broker = memoryBroker();
  {
    await using configs = await open(broker);
    await configs.putConnector('a', { name: 'a' });
    await configs.putConnector('b-1', { name: 'b-1' }, 'PAUSED');
    await configs.putTasks('b-1', [{ n: '0' }, { n: '1' }]);
  }
  await using configs = await open(broker);
  deepEqual(configs.connectors(), ['a', 'b-1']);
  deepEqual(configs.connector('b-1'), { name: 'b-1' });
  deepEqual([configs.targetState('a'), configs.targetState('b-1')], ['STARTED', 'PAUSED']);
  deepEqual(configs.tasks('b-1'), [{ n: '0' }, { n: '1' }]);
  deepEqual(configs.tasks('a'), []);
  equal(configs.connector('c'), undefined);
});

for (const [value, state] of [
  ['{"state":"PAUSED"}', 'PAUSED'],
  ['{"state":"PAUSED","state.v2":"STOPPED"}', 'STOPPED'],
  ['{"state":"STARTED","state.v2":"STARTED"}', 'STARTED'],
  ['not JSON', 'STARTED'],
] as const) {
  test(`a state that a worker of Kafka Connect wrote is read: ${value}`, async () => {
    await using broker = memoryBroker();
    await using table = await openTable({ broker, topic: 'configs', partitions: 1, log: silentLog });
    await table.put([['target-state-a', value]]);
    equal(configTable(table).targetState('a'), state);
  });
}

test('fewer tasks than before leave none behind', async () => {
  await using broker = memoryBroker();
  await using configs = await open(broker);
  await configs.putTasks('a', [{ n: '0' }, { n: '1' }, { n: '2' }]);
  await configs.putTasks('a', [{ n: '0' }]);
  deepEqual(configs.tasks('a'), [{ n: '0' }]);
  deepEqual(written(broker).slice(-3), [
    ['commit-a', { tasks: 1 }],
    ['task-a-1', null],
    ['task-a-2', null],
  ]);
});

test('a removed connector leaves only tombstones', async () => {
  await using broker = memoryBroker();
  await using configs = await open(broker);
  await configs.putConnector('a', { name: 'a' }, 'STARTED');
  await configs.putTasks('a', [{}]);
  await configs.remove('a');
  deepEqual(configs.connectors(), []);
  const last = new Map(written(broker));
  deepEqual([...last.values()], [null, null, null, null]);
});
