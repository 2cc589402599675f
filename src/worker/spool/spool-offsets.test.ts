import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock } from '../../../test/support/manual-clock.ts';
import { type MemoryBroker, memoryBroker } from '../../../test/support/memory-broker.ts';
import type { SourceMap } from '../../connectors/contract.ts';
import { type LogEntry, recordingLog, silentLog } from '../../telemetry/log.ts';
import { type OffsetTable, offsetTable } from '../offset-table.ts';
import { openTable, type Table } from '../table.ts';
import { OffsetRelay, SpoolOffsets } from './spool-offsets.ts';

const partition = { url: 'x' };

const openOn = (broker: MemoryBroker, topic: string): Promise<Table> =>
  openTable({ broker, topic, partitions: 1, log: silentLog });

/** A worker's spool: its own tables, and its own copy of Kafka's, which can be one of an earlier time. */
async function spoolOn(kafka: MemoryBroker) {
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
  const parts = { connector: 'c', local: offsetTable(local), kafka: copy, known, mayWrite: () => mayWrite, log, clock };
  let offsets = new SpoolOffsets(parts);
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
    restart() {
      offsets = new SpoolOffsets(parts);
      relay.restarted();
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(tables.map((table) => table.close()));
    },
  };
}

const stored = (kafka: MemoryBroker): unknown[] => kafka.values('offsets').map((value) => JSON.parse(value!).n);

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
