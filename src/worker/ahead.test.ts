/** A worker that begins before its Kafka is there, and what becomes of what it runs when Kafka says otherwise than it knew. */
import { deepEqual, equal, match, ok, rejects } from 'node:assert/strict';
import { test } from 'node:test';
import { memoryBroker } from '../../test/support/memory-broker.ts';
import { type ScriptedSource, scriptedPartition, scriptedSource } from '../../test/support/scripted-source.ts';
import { tempFolder } from '../../test/support/temp-folder.ts';
import { LaterBroker } from '../app/broker-later.ts';
import { codecs } from '../app/codecs.ts';
import { takeUpLater } from '../app/start-ahead.ts';
import { systemClock } from '../base/clock.ts';
import type { Broker, GroupMember } from '../broker/broker.ts';
import { openEmbeddedBroker } from '../broker/embedded/embedded.ts';
import type { RawConfig } from '../config/raw.ts';
import { type LogEntry, recordingLog, silentLog } from '../telemetry/log.ts';
import { MetricRegistry } from '../telemetry/metrics.ts';
import { readKnownWork } from './spool/known-work.ts';
import { startWorker, startWorkerAhead, type Worker, type WorkerOptions } from './worker.ts';

const spooled: RawConfig = {
  name: 'a',
  'connector.class': 'scripted',
  topic: 't',
  'spool.mode': 'exactly-once',
};

const share = {
  ...{ groupId: 'g', topic: 'work', partitions: 2, sessionTimeoutMs: 60_000, heartbeatMs: 300 },
  ...{ url: undefined, host: 'here' },
};

async function until(what: string, holds: () => boolean): Promise<void> {
  const deadlineMs = performance.now() + 60_000;
  while (!holds()) {
    ok(performance.now() < deadlineMs, `not within a minute: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

/** A Kafka and a spool, and workers over them, one after the other. */
async function bench() {
  const folder = await tempFolder('ahead');
  const local = await openEmbeddedBroker({ directory: folder.path, codecs });
  const kafka = memoryBroker();
  await kafka.createTopic({ name: 't', partitions: 1 });
  const source = scriptedSource();
  const entries: LogEntry[] = [];
  const options = (broker: Broker, more: Partial<WorkerOptions> = {}): WorkerOptions => ({
    broker,
    connectors: [source],
    workerId: '127.0.0.1:8083',
    groupId: 'g',
    offsetFlushIntervalMs: 10,
    gracefulStopMs: 5_000,
    log: recordingLog(entries),
    metrics: new MetricRegistry().root(),
    clock: systemClock,
    random: () => 0.5,
    spool: { open: async () => local, isThere: true },
    ...more,
  });
  /** It has run connector "a", and ended. */
  const ranBefore = async (more: Partial<WorkerOptions> = {}): Promise<void> => {
    await using worker = await startWorker(options(kafka, more));
    await worker.create('a', spooled, 'RUNNING');
    await until('it runs', () => source.runs.length === 1);
    source.runs[0]!.give('1');
    await kafka.holds('t', 1);
    await until('its position is stored', () => kafka.values('tributary-offsets').some((value) => value !== null));
  };
  const later = new LaterBroker('kafka://nowhere');
  return {
    ...{ folder, local, kafka, later, source, options, ranBefore, entries },
    /** Nothing was kept here. */
    beginByFile: async (connectors: Readonly<Record<string, RawConfig>>): Promise<Worker> =>
      startWorkerAhead(options(later), connectors, undefined),
    begin: async (more: Partial<WorkerOptions> = {}): Promise<Worker> =>
      startWorkerAhead(options(later, more), {}, await readKnownWork(local, silentLog)),
    /** By another worker, which has no spool. */
    change: async (what: (worker: Worker, source: ScriptedSource) => Promise<unknown>): Promise<void> => {
      const otherSource = scriptedSource();
      const other = { connectors: [otherSource], spool: undefined, log: silentLog, workerId: 'other:1' };
      const { spool: _, ...rest } = options(kafka, { ...other } as unknown as Partial<WorkerOptions>);
      await using worker = await startWorker(rest);
      await what(worker, otherSource);
    },
    /** Readers of what is committed see it in the spool. */
    synced: async (give: () => void): Promise<void> => {
      const { stable } = local.extent('a-0', 0);
      give();
      await until('it is synced', () => local.extent('a-0', 0).stable > stable);
    },
    comes: async (worker: Worker): Promise<void> => {
      later.attach(kafka);
      await worker.takeUp();
    },
    async [Symbol.asyncDispose]() {
      await local.close();
      await kafka.close();
      await folder[Symbol.asyncDispose]();
    },
  };
}

test('what ran before receives at once, and goes on untouched when Kafka says the same; nothing can be changed until then', async () => {
  await using it = await bench();
  await it.ranBefore();
  await using worker = await it.begin();
  await until('it runs', () => it.source.runs.length === 2);
  const run = it.source.runs[1]!;
  deepEqual(run.context.resumeOffset(scriptedPartition), { sequence: 1 });
  run.give('2', '3');
  equal(worker.status('a')?.tasks[0]?.state, 'RUNNING');
  for (const change of [
    () => worker.pause('a'),
    () => worker.create('b', { ...spooled, name: 'b' }, 'RUNNING'),
    () => worker.delete('a'),
    () => worker.offsets('a'),
    () => worker.resetTopics('a'),
  ])
    await rejects(change(), { code: 'BROKER_UNAVAILABLE', message: worker.waitsForKafka()! });
  deepEqual(it.kafka.values('t'), ['1']);
  await it.comes(worker);
  await it.kafka.holds('t', 3);
  run.give('4');
  await it.kafka.holds('t', 4);
  deepEqual(it.kafka.values('t'), ['1', '2', '3', '4']);
  deepEqual([it.source.runs.length, run.ended, worker.waitsForKafka()], [2, false, undefined]);
  equal(
    it.entries.some(({ event }) => event === 'unclean_previous_end'),
    false,
  );
  await worker.pause('a');
  await until('it can be changed', () => run.ended);
});

for (const { what, change, runs } of [
  { what: 'another configuration', change: (other: Worker) => other.put('a', { ...spooled, size: '7' }), runs: 3 },
  { what: 'a pause', change: (other: Worker) => other.pause('a'), runs: 2 },
  { what: 'an end', change: (other: Worker) => other.delete('a'), runs: 2 },
  {
    what: 'another offset',
    async change(other: Worker) {
      await other.stop('a');
      await until('it has stopped', () => other.status('a')?.tasks.length === 0);
      await other.alterOffsets('a', [{ partition: scriptedPartition, offset: { sequence: 70 } }]);
      await other.resume('a');
    },
    runs: 3,
  },
]) {
  test(`Kafka says ${what}: that counts, and what was received meanwhile is forwarded`, async () => {
    await using it = await bench();
    await it.ranBefore();
    await it.change(change);
    await using worker = await it.begin();
    await until('it runs', () => it.source.runs.length === 2);
    const run = it.source.runs[1]!;
    await it.synced(() => run.give('2'));
    await it.comes(worker);
    await it.kafka.holds('t', 2);
    await until('that run is over', () => run.ended);
    await until('what shall run runs', () => it.source.runs.length === runs);
    deepEqual(it.kafka.values('t'), ['1', '2']);
    const last = it.source.runs[2];
    if (what === 'another configuration') equal(last!.config['size'], '7');
    if (what === 'another offset') deepEqual(last!.context.resumeOffset(scriptedPartition), { sequence: 70 });
  });
}

test('a member of a group begins with the tasks that were its own; what the group then gives to another one ends', async () => {
  await using it = await bench();
  let assignment = [0, 1].map((partition) => ({ topic: 'work', partition }));
  it.kafka.group = async (options) => {
    options.onShared?.({ generation: 1, members: assignment.length === 2 ? 1 : 2 });
    options.onAssigned?.(assignment);
    const member = { assignment, ownsUntilMs: Number.POSITIVE_INFINITY, shareAnew() {}, expectSharing() {} };
    return { ...member, async close() {} } as unknown as GroupMember;
  };
  await it.ranBefore({ share });
  const known = await readKnownWork(it.local, silentLog);
  deepEqual(known?.group, { groupId: 'g', members: 1, hasLeft: false });
  deepEqual(
    known.connectors.map(({ name, tasks }) => [name, tasks]),
    [['a', [0]]],
  );
  assignment = [];
  await using worker = await it.begin({ share });
  await until('it runs', () => it.source.runs.length === 2);
  const run = it.source.runs[1]!;
  await it.synced(() => run.give('2'));
  await it.comes(worker);
  await until('it has ended', () => run.ended);
  await it.kafka.holds('t', 2);
  deepEqual([it.kafka.values('t'), it.source.runs.length], [['1', '2'], 2]);
});

test('one that has left a group whose other members have its work says so', async () => {
  await using it = await bench();
  const assignment = [0, 1].map((partition) => ({ topic: 'work', partition }));
  it.kafka.group = async (options) => {
    options.onShared?.({ generation: 1, members: 2 });
    options.onAssigned?.(assignment);
    const member = { assignment, ownsUntilMs: Number.POSITIVE_INFINITY, shareAnew() {}, expectSharing() {} };
    return { ...member, async close() {} } as unknown as GroupMember;
  };
  await it.ranBefore({ share });
  deepEqual((await readKnownWork(it.local, silentLog))?.group, { groupId: 'g', members: 2, hasLeft: true });
});

for (const { what, rereads } of [
  { what: 'a source that gives again what it gave waits for Kafka, which says where it goes on', rereads: undefined },
  { what: 'one that gives nothing again begins', rereads: () => false },
]) {
  test(`where nothing was received here before, ${what}`, async () => {
    await using it = await bench();
    if (rereads !== undefined) it.source.rereads = rereads;
    await it.change(async (other, source) => {
      await other.create('a', spooled, 'RUNNING');
      await until('it runs', () => source.runs.length === 1);
      source.runs[0]!.give('1');
      await it.kafka.holds('t', 1);
      await until('its position is stored', () => it.kafka.values('tributary-offsets').some((value) => value !== null));
    });
    await using worker = await it.beginByFile({ a: spooled });
    if (rereads !== undefined) {
      await until('it runs', () => it.source.runs.length === 1);
      return;
    }
    await until('it says so', () => /waits for Kafka/.test(worker.status('a')?.tasks[0]?.detail ?? ''));
    equal(it.source.runs.length, 0);
    await it.comes(worker);
    await until('it runs', () => it.source.runs.length === 1);
    deepEqual(it.source.runs[0]!.context.resumeOffset(scriptedPartition), { sequence: 1 });
    it.source.runs[0]!.give('2');
    await it.kafka.holds('t', 2);
  });
}

test('a Kafka that is there and cannot be gone on by is told as that, and its tries are counted', async () => {
  await using it = await bench();
  await it.kafka.createTopic({ name: 'tributary-configs', config: { 'cleanup.policy': 'delete' } });
  const registry = new MetricRegistry();
  await using worker = await it.begin({ metrics: registry.root() });
  match(worker.waitsForKafka() ?? '', /cannot be reached/);
  const stop = new AbortController();
  const { later: broker, kafka } = it;
  const kafkaToCome = { first: Promise.resolve(kafka), again: async () => kafka, broker };
  const over = takeUpLater(worker, kafkaToCome, async () => {}, { signal: stop.signal, log: silentLog });
  await until('it is told', () => /cleanup.policy is "delete"/.test(worker.health().reason ?? ''));
  stop.abort();
  await over;
  ok(registry.root().counter('tributary_worker_take_up_failures_total', '').value >= 1);
  worker.isUnreachable();
  match(worker.waitsForKafka() ?? '', /cannot be reached/);
});
