import { deepEqual, equal, ok } from 'node:assert/strict';
import { test } from 'node:test';
import { memoryBroker } from '../../../test/support/memory-broker.ts';
import type { Clock } from '../../base/clock.ts';
import type { GroupMember, GroupOptions } from '../../broker/broker.ts';
import type { TopicPartition } from '../../record/record.ts';
import { type LogEntry, recordingLog } from '../../telemetry/log.ts';
import { MetricRegistry } from '../../telemetry/metrics.ts';
import { joinWorkers } from './ownership.ts';
import { leadersPartition, partitionOfWork, weightsOf } from './work.ts';

const partitions = 8;
const sessionTimeoutMs = 10_000;

/** A connector whose task is work of this partition. */
function workOf(partition: number): string {
  for (let n = 0; ; n++) if (partitionOfWork(`c-${n}`, 0, partitions) === partition) return `c-${n}`;
}

const held = workOf(2);

/** A worker in a group whose side the test plays, under a clock of the test's. */
async function bench() {
  const broker = memoryBroker();
  let nowMs = 0;
  const clock: Clock = { nowMs: () => nowMs, monotonicMs: () => nowMs };
  let asked!: GroupOptions;
  let ownsUntilMs = sessionTimeoutMs;
  let assignment: TopicPartition[] = [];
  const told: string[] = [];
  let ending: PromiseWithResolvers<void> | undefined;
  const of = (numbers: readonly number[]): TopicPartition[] =>
    numbers.map((partition) => ({ topic: 'work', partition }));
  const give = (numbers: readonly number[]): void => {
    assignment.push(...of(numbers));
    asked.onAssigned?.(of(numbers));
  };
  const take = async (numbers: readonly number[], how: 'revoked' | 'lost'): Promise<void> => {
    await asked.onRevoked?.(of(numbers), how);
    assignment = assignment.filter(({ partition }) => !numbers.includes(partition));
  };
  broker.group = async (options) => {
    asked = options;
    give([0, 1, 2, 3]);
    return {
      get assignment() {
        return assignment;
      },
      get ownsUntilMs() {
        return ownsUntilMs;
      },
      shareAnew: () => told.push('share anew'),
      close: async () => void told.push('left'),
    } as unknown as GroupMember;
  };
  const log: LogEntry[] = [];
  const ownership = await joinWorkers({
    broker,
    groupId: 'g',
    topic: 'work',
    partitions,
    sessionTimeoutMs,
    heartbeatMs: 300,
    weights: () => weightsOf([], partitions),
    onGained: () => told.push('gained'),
    onLess: async (how) => {
      told.push(how);
      await ending?.promise;
    },
    log: recordingLog(log),
    metrics: new MetricRegistry().root(),
    clock,
  });
  const owned = (): number[] => {
    const found: number[] = [];
    for (let n = 0; n < 200; n++) if (ownership.owns(`c-${n}`)) found.push(partitionOfWork(`c-${n}`, 0, partitions));
    return [...new Set(found)].sort();
  };
  return {
    ownership,
    told,
    give,
    take,
    owned,
    shared: (members: number, generation = 1) => asked.onShared?.({ generation, members }),
    /** Work that is given up from now on ends when the result is called. */
    holdUp(): () => void {
      ending = Promise.withResolvers<void>();
      return ending.resolve;
    },
    /** The group answers at this time, or the clock only goes on. */
    at(ms: number, isHeard: boolean) {
      nowMs = ms;
      if (isHeard) ownsUntilMs = ms + sessionTimeoutMs;
    },
    /** Waits until so many things have been told: it looks at the clock by itself. */
    async hasTold(count: number) {
      const deadlineMs = performance.now() + 10_000;
      while (told.length < count) {
        if (performance.now() > deadlineMs) throw new Error(`only ${told.join()}`);
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
    },
  };
}

test('what is given is owned, what is taken is ended first', async () => {
  const it = await bench();
  deepEqual(it.owned(), [0, 1, 2, 3]);
  ok(it.ownership.isLeader);
  it.give([5]);
  await it.take([leadersPartition, 1], 'revoked');
  deepEqual(it.owned(), [2, 3, 5]);
  equal(it.ownership.isLeader, false);
  deepEqual(it.told, ['gained', 'released']);
  await it.ownership.close();
  deepEqual(it.told.at(-1), 'left');
  deepEqual(it.owned(), []);
});

test('what is given up may be written for until it has ended, or the group no longer waits; what is lost may not', async () => {
  const it = await bench();
  it.shared(2);
  const end = it.holdUp();
  const given = it.take([2], 'revoked');
  equal(it.ownership.owns(held), false);
  ok(it.ownership.mayWrite(held, 0));
  it.at(9_999, true);
  ok(it.ownership.mayWrite(held, 0));
  it.at(10_000, true);
  equal(it.ownership.mayWrite(held, 0), false, 'the group does not wait any longer');
  it.at(9_999, true);
  end();
  await given;
  equal(it.ownership.mayWrite(held, 0), false, 'it has ended');
  const lost = it.take([1], 'lost');
  equal(it.ownership.mayWrite(workOf(1), 0), false);
  await lost;
  await it.ownership.close();
});

test('a worker that the group has not answered for a session stops by its own clock, and goes on when it is heard in time', async () => {
  const it = await bench();
  it.shared(2);
  it.at(9_999, false);
  ok(it.ownership.mayWrite(held, 0));
  ok(it.ownership.isSure);
  it.at(10_000, false);
  equal(it.ownership.mayWrite(held, 0), false, 'before anything else has happened');
  deepEqual([it.ownership.isLeader, it.ownership.isSure], [true, false]);
  await it.hasTold(1);
  deepEqual(it.told, ['lost']);
  deepEqual(it.owned(), []);
  it.at(10_500, true); // late, and not counted out
  await it.hasTold(2);
  deepEqual(it.owned(), [0, 1, 2, 3]);
  deepEqual(it.told, ['lost', 'gained']);
  await it.ownership.close();
});

test('a worker that was alone in the group goes on through a silence, and gives up what others have got meanwhile', async () => {
  const it = await bench();
  it.shared(1);
  it.at(20_000, false);
  await it.take([0, 1, 2, 3], 'lost');
  deepEqual(it.owned(), [0, 1, 2, 3]);
  ok(it.ownership.mayWrite(held, 0));
  it.at(30_000, true);
  it.give([0, 1]);
  it.shared(2, 2);
  deepEqual(it.owned(), [0, 1]);
  deepEqual(it.told, ['gained', 'lost']);
  await it.ownership.close();
});
