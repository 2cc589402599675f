import { deepEqual, rejects } from 'node:assert/strict';
import { test } from 'node:test';
import { memoryBroker } from '../../../test/support/memory-broker.ts';
import { TributaryError } from '../../base/errors.ts';
import { check } from '../check/check.ts';
import { rowEncoder } from '../mapping/row-encoder.ts';
import { topicDestination } from './topic-destination.ts';

const { streams } = check(
  `CREATE STREAM Out (k STRING) WITH (type = 'sink', extension = 'kafka', format = 'text', kafka.topic = 'out', kafka.key = 'k');`,
  { now: () => 0, random: () => 0 },
);
const keys = ['a', 'b', 'c', 'd', 'e', 'f'];
const rows = keys.map((key) => ({ values: [key], timestamp: 0 }));
const encode = rowEncoder(streams.get('Out')!);

test('what some partitions have taken is not sent to them again, and not lost with what another one refuses', async () => {
  await using broker = memoryBroker();
  await broker.createTopic({ name: 'out', partitions: 2 });
  const { signal } = new AbortController();
  const destination = await topicDestination(broker, streams.get('Out')!, signal);
  let isAway = true;
  broker.beforeSend = (_, partition) => {
    if (partition === 1 || !isAway) return;
    isAway = false;
    throw new TributaryError('BROKER_UNAVAILABLE', 'away', { retriable: true });
  };
  await destination.write(rows, encode(rows), new Set());
  const [first, second] = [broker.values('out', 0), broker.values('out', 1)];
  deepEqual([...first, ...second].sort(), keys, 'each of them once');

  broker.beforeSend = (_, partition) => {
    if (partition === 1) throw new TributaryError('RECORD_TOO_LARGE', 'refused');
  };
  const settled = new Set<number>();
  await rejects(destination.write(rows, encode(rows), settled), { code: 'RECORD_TOO_LARGE' });
  deepEqual(
    [...settled].sort().map((place) => keys[place]),
    first,
  );
  await destination.close();
});
