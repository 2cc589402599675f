import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock } from '../../../test/support/manual-clock.ts';
import { type MemoryBroker, memoryBroker } from '../../../test/support/memory-broker.ts';
import { TributaryError } from '../../base/errors.ts';
import type { SourceMap } from '../../connectors/contract.ts';
import { type LogEntry, recordingLog, silentLog } from '../../telemetry/log.ts';
import { MetricRegistry } from '../../telemetry/metrics.ts';
import { type OffsetTable, offsetTable } from '../offset-table.ts';
import { openTable, type Table } from '../table.ts';
import { PositionFence } from './position-fence.ts';
import { OffsetRelay, SpoolOffsets } from './spool-offsets.ts';

const partition = { url: 'x' };

const openOn = (broker: MemoryBroker, topic: string): Promise<Table> =>
  openTable({ broker, topic, partitions: 1, log: silentLog });

/**
 * A worker's spool: its own tables, and its own copy of Kafka's, which can be one of an earlier time. `heardAtMs`: its positions are
 * fenced, and it heard its group then.
 */
async function spoolOn(kafka: MemoryBroker, heardAtMs?: () => number) {
  const machine = memoryBroker();
  const tables = await Promise.all([openOn(machine, 'local'), openOn(machine, 'known'), openOn(kafka, 'offsets')]);
  const [local, known, shared] = tables;
  const live = offsetTable(shared);
  let mayWrite = true;
  let old: { readonly offset: SourceMap | undefined } | undefined;
  const copy: OffsetTable = {
    ...live,
    get: (connector, of) => (old === undefined ? live.get(connector, of) : old.offset),
    async caughtUp(signal, of) {
      await live.caughtUp(signal, of);
      old = undefined;
    },
  };
  const entries: LogEntry[] = [];
  const log = recordingLog(entries);
  const clock = new ManualClock();
  const refusals = new MetricRegistry().root().counter('c_total', 'c');
  const parts = {
    connector: 'c',
    local: offsetTable(local),
    kafka: copy,
    known,
    mayWrite: () => mayWrite,
    log,
    clock,
    refusals,
  };
  const fence = () =>
    heardAtMs && new PositionFence({ kafka, fencingId: 'g-c-0', heardAtMs, monotonicMs: () => 5, log });
  const start = () => new SpoolOffsets({ ...parts, fence: fence() });
  let offsets = start();
  const relay = new OffsetRelay(() => offsets, log);
  return {
    machine,
    clock,
    live,
    relay,
    warned: () => entries.map(({ event }) => event).filter((event) => event === 'spool_offset_not_stored').length,
    resume: () => offsets.resume(partition),
    /** Received, and forwarded: the position is due. */
    async receive(n: number) {
      await offsets.put('c', [{ partition, offset: { n } }]);
      relay.received(partition, { n }, [n], n * 1_000);
      relay.forwarded([n]);
    },
    owns(is: boolean) {
      mayWrite = is;
    },
    /** Its copy of Kafka's table shows what it shows now, until somebody asks for more. */
    standStill() {
      old = { offset: live.get('c', partition) };
    },
    get failure() {
      return offsets.failure?.code;
    },
    refusals,
    events: () => entries.map(({ event }) => event),
    restart() {
      offsets.ended();
      offsets = start();
      relay.restarted();
    },
    async [Symbol.asyncDispose]() {
      offsets.ended();
      await Promise.all(tables.map((table) => table.close()));
    },
  };
}

/** Null: a part of the source that has no position. */
const stored = (kafka: MemoryBroker): unknown[] =>
  kafka.values('offsets').map((value) => (value === null ? null : JSON.parse(value).n));

/** The next write of this worker's positions is held back on its way, as by a network. */
function holdNext(kafka: MemoryBroker) {
  const isSent = Promise.withResolvers<void>();
  const arrives = Promise.withResolvers<void>();
  kafka.beforeSend = () => {
    kafka.beforeSend = () => {};
    isSent.resolve();
    return arrives.promise;
  };
  return { isSent: isSent.promise, arrive: arrives.resolve };
}

test('a worker that stood still does not write its old position over that of the one that has taken over', async () => {
  const kafka = memoryBroker();
  await using first = await spoolOn(kafka);
  await first.receive(1);
  await first.relay.store();
  await first.receive(2);
  first.standStill();
  first.owns(false);
  await using second = await spoolOn(kafka);
  deepEqual(second.resume(), { n: 1 });
  await second.receive(5);
  await second.relay.store();
  await first.relay.store();
  deepEqual([stored(kafka), first.warned()], [[1, 5], 0], 'it is not sure that the task is its own: it waits');
  // By its own clock it might still be: what Kafka says now counts, and not its copy.
  first.owns(true);
  await first.relay.store();
  deepEqual([stored(kafka), first.warned()], [[1, 5], 1]);
  await second.receive(6);
  await second.relay.store();
  deepEqual([stored(kafka), second.warned()], [[1, 5, 6], 0], 'the one that has it goes on storing');
});

for (const { what, meanwhile, later, warned } of [
  { what: 'the worker is not sure any more', meanwhile: false, later: [1, 2], warned: 0 },
  { what: 'another one has stored its own', meanwhile: true, later: [1, 5], warned: 1 },
]) {
  test(`it is looked at again behind the note of what is going to be written: ${what}`, async () => {
    const kafka = memoryBroker();
    await using first = await spoolOn(kafka);
    await using second = await spoolOn(kafka);
    await first.receive(1);
    await first.relay.store();
    await first.receive(2);
    first.machine.beforeSend = async (topic) => {
      if (topic !== 'known') return;
      first.machine.beforeSend = () => {};
      if (!meanwhile) first.owns(false);
      else {
        await second.live.put('c', [{ partition, offset: { n: 5 } }]);
        await first.live.caughtUp();
      }
    };
    await first.relay.store();
    deepEqual(stored(kafka), meanwhile ? [1, 5] : [1]);
    first.owns(true);
    await first.relay.store();
    deepEqual([stored(kafka), first.warned()], [later, warned]);
  });
}

test('positions from before another worker had the task are not stored behind its own, once the task is back', async () => {
  const kafka = memoryBroker();
  await using first = await spoolOn(kafka);
  await first.receive(1);
  await first.relay.store();
  await first.receive(2);
  first.owns(false);
  await using second = await spoolOn(kafka);
  await second.receive(5);
  await second.relay.store();
  await first.live.caughtUp();
  first.owns(true);
  first.restart();
  deepEqual(first.resume(), { n: 5 });
  await first.relay.store();
  await first.receive(6);
  await first.relay.store();
  deepEqual([stored(kafka), first.warned()], [[1, 5, 6], 0]);
});

test('positions of a task that is only started anew still follow', async () => {
  const kafka = memoryBroker();
  await using first = await spoolOn(kafka);
  await first.receive(1);
  first.restart();
  deepEqual(first.resume(), { n: 1 });
  await first.relay.store();
  deepEqual(stored(kafka), [1]);
  equal(first.warned(), 0);
});

test('what has become due while an earlier position is on its way is stored behind it, before the call ends', async () => {
  const kafka = memoryBroker();
  await using first = await spoolOn(kafka);
  const held = Promise.withResolvers<void>();
  const sent = Promise.withResolvers<void>();
  kafka.beforeSend = () => {
    kafka.beforeSend = () => {};
    sent.resolve();
    return held.promise;
  };
  await first.receive(1);
  void first.relay.store();
  await sent.promise;
  await first.receive(2);
  const last = first.relay.store();
  held.resolve();
  await last;
  deepEqual(stored(kafka), [1, 2]);
});

test('that somebody else has stored an offset is said once a minute, however many positions become due', async () => {
  await using kafka = memoryBroker();
  await using it = await spoolOn(kafka);
  await it.receive(1);
  await it.relay.store();
  await it.live.put('c', [{ partition, offset: { n: 70 } }]);
  for (let n = 2; n <= 5; n++) {
    await it.receive(n);
    await it.relay.store();
  }
  equal(it.warned(), 1);
  it.clock.advance(60_000);
  await it.receive(6);
  await it.relay.store();
  deepEqual([it.warned(), stored(kafka).at(-1)], [2, 70]);
});

test('a position that is on its way when another worker starts the task is refused: that one goes on storing its own', async () => {
  const kafka = memoryBroker();
  let heardAtMs = 0;
  await using first = await spoolOn(kafka, () => heardAtMs);
  equal(first.resume(), undefined);
  await first.receive(1);
  await first.relay.store();
  deepEqual(stored(kafka), [null, 1], 'what stood there is written once more, under the epoch of the run');
  await first.receive(2);
  const late = holdNext(kafka);
  const storing = first.relay.store();
  await late.isSent;
  await using second = await spoolOn(kafka, () => 0);
  deepEqual(second.resume(), { n: 1 });
  await second.receive(5);
  await second.relay.store();
  deepEqual(stored(kafka), [null, 1, 1, 5]);
  late.arrive();
  await storing;
  deepEqual([stored(kafka), first.refusals.value, first.failure], [[null, 1, 1, 5], 1, undefined]);
  // By its own clock the task might still be its own: it does not take the epoch back before the group has said so.
  await first.relay.store();
  await second.receive(6);
  await second.relay.store();
  deepEqual([stored(kafka), second.refusals.value, second.warned()], [[null, 1, 1, 5, 6], 0, 0]);
  heardAtMs = 10;
  await first.relay.store();
  deepEqual([stored(kafka), first.warned()], [[null, 1, 1, 5, 6], 1], "the other one's counts");
});

test('a position that arrives between the look of the next worker and its first own does not end that one storing', async () => {
  const kafka = memoryBroker();
  await using first = await spoolOn(kafka, () => 0);
  first.resume();
  await first.receive(1);
  await first.relay.store();
  await first.receive(2);
  const late = holdNext(kafka);
  const storing = first.relay.store();
  await late.isSent;
  await using second = await spoolOn(kafka, () => 0);
  const claiming = holdNext(kafka);
  deepEqual(second.resume(), { n: 1 });
  await claiming.isSent;
  late.arrive();
  await storing;
  claiming.arrive();
  await second.receive(5);
  await second.relay.store();
  deepEqual([stored(kafka), second.warned(), first.refusals.value], [[null, 1, 2, 1, 5], 0, 0]);
  await first.receive(3);
  await first.relay.store();
  equal(first.warned() + first.refusals.value, 1, 'the older one stores nothing more');
  deepEqual(stored(kafka), [null, 1, 2, 1, 5]);
});

test('without a group that could say whose the task is, the run that was replaced has failed', async () => {
  const kafka = memoryBroker();
  const nobody = () => Number.POSITIVE_INFINITY;
  await using first = await spoolOn(kafka, nobody);
  first.resume();
  await first.receive(1);
  const late = holdNext(kafka);
  const storing = first.relay.store();
  await late.isSent;
  await using second = await spoolOn(kafka, nobody);
  second.resume();
  await second.receive(5);
  await second.relay.store();
  late.arrive();
  await storing;
  deepEqual([first.failure, second.failure, stored(kafka).at(-1)], ['PRODUCER_FENCED', undefined, 5]);
  await first.relay.store();
  equal(stored(kafka).at(-1), 5, 'it takes nothing back by itself');
  first.restart();
  equal(first.failure, undefined);
});

test('a Kafka that does not let the worker have the id is written to all the same, and the log says so', async () => {
  const kafka = memoryBroker();
  const { producer } = kafka;
  kafka.producer = (options) =>
    options?.fencingId === undefined
      ? producer(options)
      : Promise.reject(new TributaryError('AUTHORIZATION_FAILED', 'not given'));
  await using first = await spoolOn(kafka, () => 0);
  first.resume();
  await first.receive(1);
  await first.relay.store();
  deepEqual([stored(kafka), first.events()], [[1], ['task_not_fenced']]);
});

test('a coordinator that is away is asked again with the next positions, which wait; once it is there they are fenced', async () => {
  const kafka = memoryBroker();
  const { producer } = kafka;
  let asked = 0;
  let isAway = true;
  kafka.producer = (options) => {
    if (options?.fencingId === undefined) return producer(options);
    asked++;
    if (!isAway) return producer(options);
    return Promise.reject(new TributaryError('BROKER_UNAVAILABLE', 'away', { retriable: true }));
  };
  await using first = await spoolOn(kafka, () => 0);
  await first.receive(1);
  for (let tries = 1; tries < 6; tries++) {
    await first.relay.store();
    deepEqual([stored(kafka), asked], [[], tries]);
  }
  isAway = false;
  await first.relay.store();
  deepEqual(stored(kafka), [null, 1], 'what stood there is written once more, under the epoch of the run');
  await using second = await spoolOn(kafka, () => 0);
  second.resume();
  await second.receive(5);
  await second.relay.store();
  await first.live.caughtUp();
  await first.receive(2);
  await first.relay.store();
  equal(stored(kafka).at(-1), 5);
});
