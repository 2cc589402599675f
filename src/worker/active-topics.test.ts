import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import { memoryBroker } from '../../test/support/memory-broker.ts';
import { systemClock } from '../base/clock.ts';
import { silentLog } from '../telemetry/log.ts';
import { activeTopics } from './active-topics.ts';
import { openTable } from './table.ts';

test('topics are noted once each, as Kafka Connect writes them, and a reset forgets those of one connector', async () => {
  await using broker = memoryBroker();
  await using table = await openTable({ broker, topic: 'status', partitions: 1, log: silentLog });
  const topics = activeTopics(table, { ...systemClock, nowMs: () => 7 }, silentLog);
  for (const [connector, topic] of [
    ['a', 't:connector-b'],
    ['a', 't'],
    ['a', 't'],
    ['b', 't'],
  ] as const) {
    topics.note(connector, 0, topic);
  }
  await topics.reset('nobody'); // waits for what is on its way
  deepEqual(topics.of('a'), ['t', 't:connector-b']);
  deepEqual(topics.of('b'), ['t']);
  const written = broker.records('status').map(({ key, value }) => [String(key), JSON.parse(String(value))]);
  equal(written.length, 3);
  deepEqual(written[1], [
    'status-topic-t:connector-a',
    { topic: { name: 't', connector: 'a', task: 0, discoverTimestamp: 7 } },
  ]);
  await topics.reset('a');
  deepEqual(topics.of('a'), []);
  deepEqual(topics.of('b'), ['t']);
  topics.note('a', 0, 't');
  await topics.reset('nobody');
  deepEqual(topics.of('a'), ['t']);
});
