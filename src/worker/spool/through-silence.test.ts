/** A worker of several, with a task that has a spool: what `spool.through.silence` says of the time in which the group is not heard. */
import { deepEqual, equal, ok } from 'node:assert/strict';
import { test } from 'node:test';
import { memoryBroker } from '../../../test/support/memory-broker.ts';
import { scriptedPartition, scriptedSource } from '../../../test/support/scripted-source.ts';
import { tempFolder } from '../../../test/support/temp-folder.ts';
import { codecs } from '../../app/codecs.ts';
import { systemClock } from '../../base/clock.ts';
import type { GroupMember } from '../../broker/broker.ts';
import { openEmbeddedBroker } from '../../broker/embedded/embedded.ts';
import { type LogEntry, recordingLog } from '../../telemetry/log.ts';
import { MetricRegistry } from '../../telemetry/metrics.ts';
import { startWorker } from '../worker.ts';
import { goesOnThroughSilence } from './spool-options.ts';

/** A worker that runs connector "a", in a group whose side the test plays. Kafka itself answers. */
async function spoolingWorker(config: Readonly<Record<string, string>>) {
  const folder = await tempFolder('through-silence');
  const local = await openEmbeddedBroker({ directory: folder.path, codecs });
  const kafka = memoryBroker();
  await kafka.createTopic({ name: 't', partitions: 1 });
  const source = scriptedSource();
  const log: LogEntry[] = [];
  let ownsUntilMs = Number.POSITIVE_INFINITY;
  const assignment = [0, 1].map((partition) => ({ topic: 'work', partition }));
  kafka.group = async (options) => {
    options.onAssigned?.(assignment);
    options.onShared?.({ generation: 1, members: 2 });
    return {
      assignment,
      get ownsUntilMs() {
        return ownsUntilMs;
      },
      shareAnew() {},
      expectSharing() {},
      async close() {},
    } as unknown as GroupMember;
  };
  const worker = await startWorker({
    broker: kafka,
    connectors: [source],
    workerId: '127.0.0.1:8083',
    offsetFlushIntervalMs: 10,
    gracefulStopMs: 5_000,
    log: recordingLog(log),
    metrics: new MetricRegistry().root(),
    clock: systemClock,
    random: () => 0.5,
    share: {
      ...{ groupId: 'g', topic: 'work', partitions: 2, sessionTimeoutMs: 60_000, heartbeatMs: 300 },
      ...{ url: undefined, host: 'here' },
    },
    spool: { open: async () => local, isThere: false },
  });
  const full = { name: 'a', 'connector.class': 'scripted', topic: 't', 'spool.mode': 'at-least-once', ...config };
  await worker.create('a', full, 'RUNNING');
  const until = async (what: string, holds: () => boolean): Promise<void> => {
    const deadlineMs = performance.now() + 60_000;
    while (!holds()) {
      ok(performance.now() < deadlineMs, `not within a minute: ${what}`);
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
  };
  await until('it runs', () => source.runs.length === 1);
  const storedInKafka = (): unknown => {
    const value = kafka.values('tributary-offsets').at(-1);
    return value == null ? undefined : JSON.parse(value);
  };
  return {
    ...{ source, kafka, until, storedInKafka },
    has: (event: string) => log.some((entry) => entry.event === event),
    forwarded: (count: number) => until(`${count} in Kafka`, () => kafka.values('t').length >= count),
    /** The group was not heard for a session, by this worker's clock; or it answers again, and has given nothing away. */
    hears(is: boolean) {
      ownsUntilMs = is ? Number.POSITIVE_INFINITY : performance.now();
    },
    async [Symbol.asyncDispose]() {
      await worker.close();
      await local.close();
      await folder[Symbol.asyncDispose]();
    },
  };
}

test('on, as it is by default: receiving and forwarding go on, and the position in Kafka waits for the group', async () => {
  await using it = await spoolingWorker({});
  const [run] = it.source.runs;
  run!.give('1');
  await it.forwarded(1);
  await it.until('its position is stored', () => it.has('group_joined') && it.storedInKafka() !== undefined);
  it.hears(false);
  await it.until('the worker says so', () => it.has('group_lost'));
  // Each is synced to the disk, so that the time for storing positions comes several times.
  for (let n = 2; n <= 10; n++) {
    run!.give(String(n));
    await it.forwarded(n);
  }
  deepEqual(it.storedInKafka(), { sequence: 1 }, 'another worker may run the task by now');
  deepEqual([run!.ended, it.has('task_stopped')], [false, false]);
  it.hears(true);
  await it.until('the position follows', () => (it.storedInKafka() as { sequence: number }).sequence === 10);
  deepEqual([it.source.runs.length, run!.ended], [1, false], 'no socket was closed');
});

test('off: the task ends after the session timeout, which the worker says, and goes on when the group is heard', async () => {
  await using it = await spoolingWorker({ 'spool.through.silence': 'false' });
  const [run] = it.source.runs;
  run!.give('1');
  await it.forwarded(1);
  it.hears(false);
  await it.until('its socket is closed', () => run!.ended && it.has('task_stopped'));
  ok(it.has('group_lost'));
  equal(it.source.runs.length, 1);
  it.hears(true);
  await it.until('it runs again', () => it.source.runs.length === 2);
  deepEqual(it.source.runs[1]!.context.resumeOffset(scriptedPartition), { sequence: 1 });
  it.source.runs[1]!.give('2');
  await it.forwarded(2);
  deepEqual(it.kafka.values('t'), ['1', '2']);
});

for (const { config, goesOn } of [
  { config: {}, goesOn: false },
  { config: { 'spool.mode': 'off' }, goesOn: false },
  { config: { 'spool.mode': 'off', 'spool.through.silence': 'true' }, goesOn: false },
  { config: { 'spool.mode': 'best-effort' }, goesOn: true },
  { config: { 'spool.mode': 'at-least-once', 'spool.through.silence': 'true' }, goesOn: true },
  { config: { 'spool.mode': 'exactly-once', 'spool.through.silence': 'false' }, goesOn: false },
  { config: { 'spool.mode': 'exactly-once', 'spool.through.silence': 'perhaps' }, goesOn: false },
] satisfies { readonly config: Readonly<Record<string, string>>; readonly goesOn: boolean }[]) {
  test(`${JSON.stringify(config)} ${goesOn ? 'goes' : 'does not go'} on through a silence`, () => {
    equal(goesOnThroughSilence(config), goesOn);
  });
}
