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
function workOf(partition: number, prefix = 'c'): string {
  for (let n = 0; ; n++) if (partitionOfWork(`${prefix}-${n}`, 0, partitions) === partition) return `${prefix}-${n}`;
}

const held = workOf(2);
/** Work of these partitions that outlasts a silence. */
const spooled = [0, 1, 2, 3].map((partition) => workOf(partition, 'spooled'));

/** A worker in a group whose side the test plays, under a clock of the test's. */
async function bench() {
  const broker = memoryBroker();
  let nowMs = 0;
  const clock: Clock = { nowMs: () => nowMs, monotonicMs: () => nowMs };
  let asked!: GroupOptions;
  let ownsUntilMs = sessionTimeoutMs;
  let assignment: TopicPartition[] = [];
  const told: string[] = [];
  let hearsIt: string | undefined;
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
  const registry = new MetricRegistry();
  const ownership = await joinWorkers({
    broker,
    groupId: 'g',
    topic: 'work',
    partitions,
    sessionTimeoutMs,
    heartbeatMs: 300,
    weights: () => weightsOf([], partitions),
    outlastsSilence: (connector) => connector.startsWith('spooled'),
    others: { whoHears: async () => hearsIt },
    onGained: () => told.push('gained'),
    onLess: async (how) => {
      told.push(how);
      await ending?.promise;
    },
    log: recordingLog(log),
    metrics: registry.root(),
    clock,
  });
  const owned = (): number[] => {
    const found: number[] = [];
    for (let n = 0; n < 200; n++) if (ownership.owns(`c-${n}`)) found.push(partitionOfWork(`c-${n}`, 0, partitions));
    return [...new Set(found)].sort();
  };
  const spooledOwned = (): number[] => [0, 1, 2, 3].filter((partition) => ownership.owns(spooled[partition]!));
  return {
    ownership,
    told,
    spooledOwned,
    give,
    take,
    owned,
    /** Another worker says that it hears the group. */
    otherHears(url: string | undefined) {
      hearsIt = url;
    },
    cutOffs: () => registry.root().counter('tributary_worker_cut_off_alone_total', '').value,
    clusterId: () => broker.clusterId(),
    warned: (event: string) => log.filter((entry) => entry.event === event).length,
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

/** How the group answers after a silence, whose work then is this worker's, and what was told of it. */
const answers = [
  {
    answer: 'late, and has given nothing away',
    tell: async (it) => it.at(30_000, true),
    owned: [0, 1, 2, 3],
    goesOn: [0, 1, 2, 3],
    told: ['lost', 'gained'],
  },
  {
    answer: 'that it does not know the worker any more, and shares out anew',
    tell: async (it) => {
      await it.take([0, 1, 2, 3], 'lost');
      deepEqual(it.spooledOwned(), [0, 1, 2, 3], 'it has not said yet whose they are');
      it.at(30_000, true);
      it.give([1, 2]);
      it.shared(2, 2);
    },
    owned: [1, 2],
    goesOn: [1, 2],
    told: ['lost', 'lost', 'gained', 'lost'],
  },
  {
    answer: 'by taking some of it in an orderly way',
    tell: async (it) => {
      it.at(30_000, true);
      await it.hasTold(2);
      await it.take([0, 3], 'revoked');
    },
    owned: [1, 2],
    goesOn: [1, 2],
    told: ['lost', 'gained', 'released'],
  },
] satisfies {
  readonly answer: string;
  readonly tell: (it: Awaited<ReturnType<typeof bench>>) => Promise<void>;
  readonly owned: readonly number[];
  readonly goesOn: readonly number[];
  readonly told: readonly string[];
}[];

for (const { answer, tell, owned, goesOn, told } of answers) {
  test(`work that outlasts a silence goes on through it; the group answers ${answer}`, async () => {
    const it = await bench();
    it.shared(2);
    it.at(20_000, false);
    await it.hasTold(1);
    deepEqual(it.owned(), [], 'the rest is given up');
    deepEqual(it.spooledOwned(), [0, 1, 2, 3]);
    equal(it.ownership.mayWrite(spooled[2]!, 0), false, 'somebody else may do the same');
    deepEqual([it.ownership.isLeader, it.ownership.isSure], [false, false]);
    await tell(it);
    await it.hasTold(told.length);
    deepEqual(it.owned(), owned);
    deepEqual(it.spooledOwned(), goesOn);
    deepEqual(it.told, told);
    await it.ownership.close();
    deepEqual(it.spooledOwned(), []);
  });
}

test('work that outlasts a silence ends where another worker hears the group, and is not taken up again before the group gives it', async () => {
  const it = await bench();
  it.shared(2);
  it.otherHears('http://other:8083');
  it.at(20_000, false);
  await it.hasTold(2);
  deepEqual(it.told, ['lost', 'lost']);
  deepEqual([it.owned(), it.spooledOwned()], [[], []]);
  deepEqual([it.cutOffs(), it.warned('cut_off_alone')], [1, 1]);
  it.at(30_000, true);
  // The group has forgotten it, and gives it half of the work.
  await it.take([0, 1, 2, 3], 'lost');
  deepEqual(it.spooledOwned(), [], 'it has not said yet whose they are');
  it.give([1, 2]);
  it.shared(2, 2);
  deepEqual(it.spooledOwned(), [1, 2]);
  await it.ownership.close();
});

test('a worker that ended its work, as another one heard the group, goes on where the group has given nothing away', async () => {
  const it = await bench();
  it.shared(2);
  it.otherHears('http://other:8083');
  it.at(20_000, false);
  await it.hasTold(2);
  it.at(30_000, true);
  await it.hasTold(3);
  deepEqual(it.told, ['lost', 'lost', 'gained']);
  deepEqual(
    [it.owned(), it.spooledOwned()],
    [
      [0, 1, 2, 3],
      [0, 1, 2, 3],
    ],
  );
  await it.ownership.close();
});

test('a worker tells how it hears its group, of its Kafka, and of no other', async () => {
  const it = await bench();
  const clusterId = await it.clusterId();
  it.at(20_000, true);
  deepEqual(it.ownership.hearing({ groupId: 'g', clusterId })?.agoMs, 0);
  it.at(25_000, false);
  deepEqual(it.ownership.hearing({ groupId: 'g', clusterId })?.agoMs, 5_000);
  equal(it.ownership.hearing({ groupId: 'g', clusterId: 'another' }), undefined);
  equal(it.ownership.hearing({ groupId: 'h', clusterId }), undefined);
  await it.ownership.close();
  equal(it.ownership.hearing({ groupId: 'g', clusterId }), undefined);
});
