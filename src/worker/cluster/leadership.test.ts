import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { ManualClock } from '../../../test/support/manual-clock.ts';
import { type LogEntry, recordingLog } from '../../telemetry/log.ts';
import { MetricRegistry } from '../../telemetry/metrics.ts';
import { Leadership } from './leadership.ts';

const key = 'tributary-leader';
const self = { kind: 'self' } as const;
const unknown = { kind: 'unknown' } as const;
const own = '{"url":"http://me:8083","worker_id":"me:8083","host":"here"}';

/** Leadership over tables whose side the test plays: each reading to the end waits until it is answered. */
function bench() {
  const group = { isLeader: true, isSure: true, heardAtMs: 0 };
  const writes: string[] = [];
  let claimFailure: Error | undefined;
  const clock = new ManualClock();
  const log: LogEntry[] = [];
  const metrics = new MetricRegistry().root();
  const readings: PromiseWithResolvers<void>[] = [];
  const status = new Map<string, string>();
  let writeFailure: Error | undefined;
  const caughtUp = (): Promise<void> => {
    const reading = Promise.withResolvers<void>();
    readings.push(reading);
    return reading.promise;
  };
  const leadership = new Leadership({
    url: 'http://me:8083',
    host: 'here',
    workerId: 'me:8083',
    isLeader: () => group.isLeader,
    isSure: () => group.isSure,
    heardAtMs: () => group.heardAtMs,
    writes: {
      claim: async () => {
        if (claimFailure !== undefined) throw claimFailure;
        writes.push('claimed');
      },
      release: async () => void writes.push('released'),
    },
    tables: {
      config: { caughtUp },
      status: {
        entries: status,
        put: async ([entry]) => {
          if (writeFailure !== undefined) throw writeFailure;
          const [name, value] = entry!;
          status.set(name, value!);
          leadership.statusChanged(name);
        },
      },
    },
    log: recordingLog(log),
    metrics,
    clock,
    random: () => 0,
  });
  const told = (event: string): unknown[] => log.filter((line) => line.event === event).map(({ fields }) => fields);
  const leading = async (): Promise<void> => {
    const updated = leadership.update();
    await setImmediate();
    readings.at(-1)!.resolve();
    await updated;
  };
  const counted = (name: string): number => metrics.counter(`tributary_worker_${name}`, '').value;
  const claimFails = (failure: Error | undefined): void => {
    claimFailure = failure;
  };
  const writesFail = (failure: Error | undefined): void => {
    writeFailure = failure;
  };
  const failing = { claimFails, writesFail };
  return { leadership, group, clock, readings, status, told, leading, counted, writes, ...failing };
}

test('who leads answers once its table shows what was written before, and its address is told', async () => {
  const { leadership, readings, status } = bench();
  const updated = leadership.update();
  deepEqual(leadership.leader(), unknown);
  await setImmediate();
  readings[0]!.resolve();
  await updated;
  deepEqual(leadership.leader(), self);
  equal(status.get(key), own);
});

test('a table that cannot be read, an address that cannot be told: tried again, later each time, until it leads', async () => {
  const { leadership, clock, readings, told, counted, writesFail } = bench();
  const updated = leadership.update();
  await setImmediate();
  readings[0]!.reject(new Error('no broker'));
  await updated;
  deepEqual(leadership.leader(), { ...unknown, reason: 'no broker' });
  clock.advance(99);
  equal(readings.length, 1);
  clock.advance(1);
  await setImmediate();
  writesFail(new Error('no room'));
  readings[1]!.resolve();
  await setImmediate();
  deepEqual(told('leadership_not_told'), [
    { reason: 'no broker', attempt: 1, again_in_ms: 100 },
    { reason: 'no room', attempt: 2, again_in_ms: 200 },
  ]);
  deepEqual(leadership.leader(), { ...unknown, reason: 'no room' });
  equal(counted('leadership_retries_total'), 2);
  writesFail(undefined);
  clock.advance(200);
  await setImmediate();
  readings[2]!.resolve();
  await setImmediate();
  deepEqual(leadership.leader(), self);
  equal(clock.timers, 0);
});

test('who does not lead any more, or ends, tries no more', async () => {
  for (const end of ['less', 'stop'] as const) {
    const { leadership, group, clock, readings } = bench();
    const updated = leadership.update();
    await setImmediate();
    readings[0]!.reject(new Error('no broker'));
    await updated;
    equal(clock.timers, 1);
    group.isLeader = end === 'stop';
    void leadership[end]();
    equal(clock.timers, 0, end);
  }
});

test('who leads again does not answer before it has read what others have written in between', async () => {
  const { leadership, group, readings, leading } = bench();
  await leading();
  group.isLeader = false;
  void leadership.less();
  group.isLeader = true;
  const updated = leadership.update();
  deepEqual(leadership.leader(), unknown);
  await setImmediate();
  readings[1]!.resolve();
  await updated;
  deepEqual(leadership.leader(), self);
});

test('a reading that began before leadership was lost does not count for the next time', async () => {
  const { leadership, group, readings, told } = bench();
  const first = leadership.update();
  await setImmediate();
  group.isLeader = false;
  void leadership.less();
  group.isLeader = true;
  const second = leadership.update();
  await setImmediate();
  readings[0]!.resolve();
  await first;
  deepEqual(leadership.leader(), unknown);
  readings[1]!.resolve();
  await second;
  deepEqual(leadership.leader(), self);
  equal(told('leading').length, 1);
});

test('less of other work, and more of it, changes nothing for who leads', async () => {
  const { leadership, readings, leading } = bench();
  await leading();
  void leadership.less();
  deepEqual(leadership.leader(), self);
  const updated = leadership.update();
  deepEqual(leadership.leader(), self);
  await setImmediate();
  readings[1]!.resolve();
  await updated;
  deepEqual(leadership.leader(), self);
});

test('who has not heard the group for a session does not answer until it is sure again', async () => {
  const { leadership, group, leading } = bench();
  await leading();
  group.isSure = false;
  deepEqual(leadership.leader(), unknown);
  group.isSure = true;
  deepEqual(leadership.leader(), self);
});

test('the address of a leader of before, told late, is told over', async () => {
  const { leadership, group, clock, readings, status, leading } = bench();
  await leading();
  status.set(key, '{"url":"http://other:8083","worker_id":"other:8083","host":"there"}');
  leadership.statusChanged(key);
  clock.advance(999);
  await setImmediate();
  equal(readings.length, 1, 'two that take themselves for the leader take their time');
  clock.advance(1);
  await setImmediate();
  readings[1]!.resolve();
  await setImmediate();
  equal(status.get(key), own);
  status.set(key, '{"url":"http://other:8083","worker_id":"other:8083","host":"there"}');
  group.isLeader = false;
  void leadership.less();
  leadership.statusChanged(key);
  equal(readings.length, 2, 'a follower leaves it');
  deepEqual(leadership.leader(), { kind: 'other', url: 'http://other:8083' });
});

test('writes are claimed before the table is read to its end, tried again like all of a beginning, and released with the lead', async () => {
  const { leadership, group, clock, readings, told, leading, writes, claimFails } = bench();
  claimFails(new Error('no coordinator'));
  await leadership.update();
  equal(readings.length, 0);
  deepEqual(told('leadership_not_told'), [{ reason: 'no coordinator', attempt: 1, again_in_ms: 100 }]);
  deepEqual(leadership.leader(), { kind: 'unknown', reason: 'no coordinator' });
  claimFails(undefined);
  clock.advance(100);
  await setImmediate();
  deepEqual([writes, readings.length], [['claimed'], 1]);
  await leading();
  deepEqual(leadership.leader(), self);
  group.isLeader = false;
  void leadership.less();
  equal(writes.at(-1), 'released');
});

test('who was refused leads again only when the group has answered that it does, behind the refusal', async () => {
  const { leadership, group, clock, readings, told, leading, counted, writes } = bench();
  await leading();
  clock.advance(1000);
  group.heardAtMs = 1000;
  leadership.refused('another one leads');
  deepEqual(leadership.leader(), unknown);
  deepEqual([told('leader_refused').length, counted('leader_refusals_total')], [1, 1]);
  clock.advance(5000);
  await setImmediate();
  deepEqual(writes, ['claimed'], 'what was heard before proves nothing');
  group.heardAtMs = 5500;
  clock.advance(100);
  await setImmediate();
  deepEqual(writes, ['claimed', 'claimed']);
  readings[1]!.resolve();
  await setImmediate();
  deepEqual(leadership.leader(), self);
  equal(clock.timers, 0);
});

test('who was refused and hears that it does not lead any more leaves it at that', async () => {
  const { leadership, group, clock, leading, writes } = bench();
  await leading();
  leadership.refused('another one leads');
  group.isLeader = false;
  void leadership.less();
  group.heardAtMs = 10_000;
  clock.advance(10_000);
  equal(clock.timers, 0);
  deepEqual(writes, ['claimed', 'released']);
});
