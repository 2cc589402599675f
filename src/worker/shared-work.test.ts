import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import { memoryBroker } from '../../test/support/memory-broker.ts';
import { scriptedPartition, scriptedSource } from '../../test/support/scripted-source.ts';
import { systemClock } from '../base/clock.ts';
import type { GroupMember, GroupOptions } from '../broker/broker.ts';
import type { TopicPartition } from '../record/record.ts';
import { type LogEntry, recordingLog } from '../telemetry/log.ts';
import { MetricRegistry } from '../telemetry/metrics.ts';
import { partitionOfWork } from './cluster/work.ts';
import { startWorker } from './worker.ts';

const partitions = 4;
const config = { name: 'a', 'connector.class': 'scripted', topic: 't' };
const share = {
  groupId: 'g',
  topic: 'work',
  partitions,
  sessionTimeoutMs: 60_000,
  heartbeatMs: 300,
  url: undefined,
  host: 'here',
};

/** A worker that runs connector "a", in a group whose side the test plays. */
async function sharingWorker() {
  const broker = memoryBroker();
  await broker.createTopic({ name: 't', partitions: 1 });
  const source = scriptedSource();
  const log: LogEntry[] = [];
  let asked!: GroupOptions;
  let expected = 0;
  let assignment: TopicPartition[] = Array.from({ length: partitions }, (_, partition) => ({
    topic: 'work',
    partition,
  }));
  broker.group = async (options) => {
    asked = options;
    options.onAssigned?.(assignment);
    return {
      get assignment() {
        return assignment;
      },
      ownsUntilMs: Number.POSITIVE_INFINITY,
      shareAnew() {},
      expectSharing: () => expected++,
      async close() {},
    } as unknown as GroupMember;
  };
  const worker = await startWorker({
    broker,
    connectors: [source],
    workerId: '127.0.0.1:8083',
    offsetFlushIntervalMs: 3_600_000,
    gracefulStopMs: 5_000,
    log: recordingLog(log),
    metrics: new MetricRegistry().root(),
    clock: systemClock,
    random: () => 0.5,
    share,
  });
  await worker.create('a', config, 'RUNNING');
  const until = async (condition: () => boolean, what: string): Promise<void> => {
    const deadlineMs = performance.now() + 10_000;
    while (!condition()) {
      if (performance.now() > deadlineMs) throw new Error(`not within 10 s: ${what}`);
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
  };
  await until(() => worker.status('a')?.tasks[0]?.state === 'RUNNING' && source.runs.length === 1, 'it runs');
  return {
    worker,
    source,
    run: source.runs[0]!,
    events: () => log.map(({ event }) => event),
    written: () => until(() => broker.values('t').length === 2, 'the records are written'),
    offsets: () => worker.offsets('a'),
    expected: () => expected,
    [Symbol.asyncDispose]: () => worker.close(),
    revoke: async (taken: (partition: number) => boolean) => {
      const gone = assignment.filter(({ partition }) => taken(partition));
      assignment = assignment.filter(({ partition }) => !taken(partition));
      await asked.onRevoked?.(gone, 'revoked');
    },
  };
}

const ofTheTask = partitionOfWork('a', 0, partitions);

test('a task that is given up stores the offsets of what it has written', async () => {
  await using it = await sharingWorker();
  it.run.give('one', 'two');
  await it.written();
  await it.revoke((partition) => partition === ofTheTask);
  equal(it.run.ended, true);
  deepEqual(await it.offsets(), [{ partition: scriptedPartition, offset: { sequence: 2 } }]);
  equal(it.events().includes('offset_commit_failed'), false);
});

test('a worker that leaves starts nothing anew when the group shares out meanwhile', async () => {
  await using it = await sharingWorker();
  it.run.obeysStop = false;
  it.run.give('one', 'two');
  await it.written();
  const closed = it.worker.close();
  const revoked = it.revoke((partition) => partition !== ofTheTask);
  it.run.fail(new Error('it ends at last'));
  await Promise.all([closed, revoked]);
  equal(it.source.runs.length, 1);
});

test('a worker that gives up its work is heard: the group is asked more often whether it shares out anew', async () => {
  await using it = await sharingWorker();
  const entry = (state: string, on: string): string =>
    JSON.stringify({ state, trace: null, worker_id: on, generation: 1, version: null });
  it.worker.statusChanged('status-task-b-0', entry('RUNNING', 'other:8083'));
  it.worker.statusChanged('status-task-b-0', entry('UNASSIGNED', '127.0.0.1:8083'));
  it.worker.statusChanged('status-task-b-0', null);
  equal(it.expected(), 0);
  it.worker.statusChanged('status-task-b-0', entry('UNASSIGNED', 'other:8083'));
  equal(it.expected(), 1);
});
