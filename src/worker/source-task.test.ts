import { deepEqual, equal, match, ok, rejects } from 'node:assert/strict';
import { test } from 'node:test';
import { anywhere } from '../../test/support/converter-context.ts';
import { memoryBroker } from '../../test/support/memory-broker.ts';
import {
  type ScriptedRun,
  type ScriptedSource,
  scriptedPartition,
  scriptedSource,
  textRecord,
} from '../../test/support/scripted-source.ts';
import { systemClock } from '../base/clock.ts';
import { TributaryError } from '../base/errors.ts';
import { unrestricted } from '../net/outbound-policy.ts';
import { type LogEntry, recordingLog } from '../telemetry/log.ts';
import { MetricRegistry } from '../telemetry/metrics.ts';
import { converterNames, selectConverters } from './converter-selection.ts';
import { errorPolicyOf } from './error-policy.ts';
import { offsetTable } from './offset-table.ts';
import { type SourceTaskOptions, startSourceTask } from './source-task.ts';
import { openTable } from './table.ts';

async function setup(change: Partial<SourceTaskOptions> = {}) {
  const broker = memoryBroker();
  await broker.createTopic({ name: 't' });
  const entries: LogEntry[] = [];
  const log = recordingLog(entries);
  const table = await openTable({ broker, topic: 'offsets', partitions: 1, log });
  const offsets = offsetTable(table);
  const registry = new MetricRegistry();
  const connector = scriptedSource();
  const options: SourceTaskOptions = {
    connector,
    name: 'c',
    task: 0,
    config: { topic: 't' },
    broker,
    producer: {},
    transforms: undefined,
    converters: selectConverters({}, {}, anywhere),
    converterNames: converterNames({}, {}),
    offsets,
    ensureTopic: async () => {},
    ensureDeadLetters: async () => {},
    redact: (text) => text,
    errors: errorPolicyOf({}),
    offsetFlushIntervalMs: 60_000,
    offsetFlushTimeoutMs: 5_000,
    gracefulStopMs: 2_000,
    previousEndUnclean: false,
    metrics: registry.root(),
    log,
    clock: systemClock,
    random: Math.random,
    outbound: unrestricted,
    setStatus: () => {},
    ...change,
  };
  const counter = (name: string): number => {
    const family = registry.families.get(name);
    return family?.kind === 'counter'
      ? [...family.series.values()].reduce((sum, { counter: c }) => sum + c.value, 0)
      : 0;
  };
  return { broker, connector, offsets, options, entries, counter, task: startSourceTask(options) };
}

/** The run with this number, once the task has opened it. */
async function opened(connector: ScriptedSource, index = 0): Promise<ScriptedRun> {
  while (connector.runs[index] === undefined) await new Promise((resolve) => setImmediate(resolve));
  return connector.runs[index];
}

test('records arrive in order, are counted when they are acknowledged, and their offset is stored at the stop', async () => {
  const { broker, connector, offsets, task, counter } = await setup();
  const run = await opened(connector);
  for (let i = 0; i < 50; i++) run.give(`${i}a`, `${i}b`);
  await broker.holds('t', 100);
  task.stop();
  equal(await task.ended, true);
  deepEqual(broker.values('t'), Array.from({ length: 50 }, (_, i) => [`${i}a`, `${i}b`]).flat());
  deepEqual(offsets.get('c', scriptedPartition), { sequence: 100 });
  equal(counter('kafka_connect_source_task_source_record_write_total'), 100);
});

test('a stop writes what was received before it', async () => {
  const { broker, connector, task } = await setup();
  const run = await opened(connector);
  run.give('a', 'b', 'c');
  run.give('d');
  task.stop();
  equal(await task.ended, true);
  deepEqual(broker.values('t'), ['a', 'b', 'c', 'd']);
});

test('no offset is stored before its records and all before them are acknowledged', async () => {
  const { broker, connector, offsets, task } = await setup();
  const held = Promise.withResolvers<void>();
  broker.beforeSend = (topic) => (topic === 't' ? held.promise : undefined);
  const run = await opened(connector);
  run.give('a');
  run.give('b');
  equal(offsets.get('c', scriptedPartition), undefined);
  held.resolve();
  await broker.holds('t', 2);
  task.stop();
  await task.ended;
  deepEqual(offsets.get('c', scriptedPartition), { sequence: 2 });
});

test('while the broker holds back, a bounded number of batches is under way and the source is not pulled', async () => {
  const { broker, connector, task } = await setup();
  const held = Promise.withResolvers<void>();
  let sends = 0;
  broker.beforeSend = (topic) => {
    if (topic !== 't') return undefined;
    sends++;
    return held.promise;
  };
  const run = await opened(connector);
  for (let i = 0; i < 20; i++) run.give(String(i));
  for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setImmediate(resolve));
  ok(sends >= 1 && sends <= 3, `${sends} sends`);
  held.resolve();
  await broker.holds('t', 20);
  task.stop();
  equal(await task.ended, true);
});

test('a stop that takes too long is bounded, and what was left is counted', async () => {
  const { broker, connector, task, counter, entries } = await setup({ gracefulStopMs: 20 });
  const held = Promise.withResolvers<void>();
  broker.beforeSend = (topic) => (topic === 't' ? held.promise : undefined);
  const run = await opened(connector);
  run.give('a', 'b');
  while (counter('kafka_connect_source_task_source_record_poll_total') < 2)
    await new Promise((resolve) => setImmediate(resolve));
  task.stop();
  equal(await task.ended, false);
  held.resolve();
  equal(counter('tributary_source_records_left_at_stop_total'), 2);
  ok(entries.some(({ event }) => event === 'stop_incomplete'));
});

test('an error of the connector fails the task with its text', async () => {
  const { connector, task } = await setup();
  (await opened(connector)).fail(new TributaryError('CONNECTION_REFUSED_FOR_GOOD', 'the server said 401'));
  await rejects(task.ended, /the server said 401/);
});

test('a record that no batch can hold fails the task', async () => {
  const { connector, task } = await setup();
  (await opened(connector)).give('x'.repeat(1_048_577));
  await rejects(task.ended, { code: 'RECORD_TOO_LARGE' });
});

test('with tolerance it is skipped and counted, and its neighbours arrive in order', async () => {
  const { broker, connector, task, counter, entries } = await setup({
    errors: errorPolicyOf({ 'errors.tolerance': 'all' }),
  });
  const run = await opened(connector);
  run.give('a', 'x'.repeat(1_048_577), 'b');
  await broker.holds('t', 2);
  task.stop();
  await task.ended;
  deepEqual(broker.values('t'), ['a', 'b']);
  equal(counter('kafka_connect_task_error_total_records_skipped'), 1);
  match(String(entries.find(({ event }) => event === 'record_skipped')?.fields['reason']), /must be at most 1048576/);
});

test('an offset that was stored is handed to the connector when it starts again', async () => {
  const first = await setup();
  (await opened(first.connector)).give('a', 'b');
  await first.broker.holds('t', 2);
  first.task.stop();
  await first.task.ended;
  const again = startSourceTask(first.options);
  const run = await opened(first.connector, 1);
  deepEqual(run.context.resumeOffset(scriptedPartition), { sequence: 2 });
  again.stop();
  await again.ended;
});

test('an unclean end of the run before is logged and counted', async () => {
  const { task, counter, entries, connector } = await setup({ previousEndUnclean: true });
  await opened(connector);
  equal(counter('tributary_source_unclean_starts_total'), 1);
  ok(entries.some(({ event }) => event === 'unclean_previous_end'));
  task.stop();
  await task.ended;
});

test('records for several topics are sent to each', async () => {
  const { broker, connector, task } = await setup();
  await broker.createTopic({ name: 'u' });
  const run = await opened(connector);
  run.giveBatch({
    records: [textRecord('t', 'a'), textRecord('u', 'b'), textRecord('t', 'c')],
    partition: scriptedPartition,
    receivedAtMs: 0,
  });
  await Promise.all([broker.holds('t', 2), broker.holds('u', 1)]);
  task.stop();
  await task.ended;
  deepEqual([broker.values('t'), broker.values('u')], [['a', 'c'], ['b']]);
});

test('a connector that does not end when it is told to is left behind in time', async () => {
  const { connector, broker, task } = await setup({ gracefulStopMs: 20 });
  const run = await opened(connector);
  run.obeysStop = false;
  run.give('a');
  await broker.holds('t', 1);
  const since = performance.now();
  task.stop();
  equal(await task.ended, false);
  ok(performance.now() - since < 1_500);
});

test('a broker that is away does not hold up the end: records and offsets', async () => {
  const { connector, broker, task, counter, entries } = await setup({ gracefulStopMs: 20 });
  broker.beforeSend = () => new Promise(() => {});
  (await opened(connector)).give('a', 'b', 'c');
  while (counter('kafka_connect_source_task_source_record_poll_total') < 3)
    await new Promise((resolve) => setImmediate(resolve));
  const since = performance.now();
  task.stop();
  equal(await task.ended, false);
  ok(performance.now() - since < 1_500);
  equal(counter('tributary_source_records_left_at_stop_total'), 3);
  ok(entries.some(({ event }) => event === 'records_left'));
});

test('a task that fails stores the offset of what was acknowledged before', async () => {
  const { connector, broker, offsets, task } = await setup();
  const run = await opened(connector);
  run.give('a', 'b');
  await broker.holds('t', 2);
  run.fail(new Error('gone'));
  await rejects(task.ended, /gone/);
  deepEqual(offsets.get('c', scriptedPartition), { sequence: 2 });
});

test('a send that fails fails the task, and what is behind it moves no offset', async () => {
  const { connector, broker, offsets, task } = await setup();
  broker.beforeSend = (topic, _, [record]) => {
    if (topic === 't' && String(record?.value) === 'b') throw new TributaryError('BROKER_REJECTED', 'no');
  };
  const run = await opened(connector);
  for (const value of ['a', 'b', 'c']) run.give(value);
  await rejects(task.ended, { code: 'BROKER_REJECTED' });
  deepEqual(offsets.get('c', scriptedPartition), { sequence: 1 });
});

test('a stop while the broker cannot be reached yet ends at once', async () => {
  const broker = memoryBroker();
  broker.producer = (options) =>
    new Promise((_, reject) => {
      const aborted = (): void => reject(new TributaryError('ABORTED', 'stopped'));
      options?.signal?.addEventListener('abort', aborted);
    });
  const { options, task: other } = await setup();
  other.stop();
  const task = startSourceTask({ ...options, broker });
  task.stop();
  equal(await task.ended, true);
});

test('a topic with a lower bound gets batches that it takes, and refuses only what no batch can hold', async () => {
  const { connector, broker, task, counter } = await setup({
    errors: errorPolicyOf({ 'errors.tolerance': 'all' }),
    config: { topic: 'small' },
  });
  await broker.createTopic({ name: 'small', config: { 'max.message.bytes': '2000' } });
  const sizes: number[] = [];
  broker.beforeSend = (topic, _, records) => {
    if (topic === 'small') sizes.push(records.reduce((sum, { value }) => sum + value!.length, 0));
  };
  (await opened(connector)).give(...Array.from({ length: 10 }, () => 'x'.repeat(500)), 'y'.repeat(3000), 'end');
  await broker.holds('small', 11);
  task.stop();
  await task.ended;
  ok(sizes.length > 3 && sizes.every((size) => size < 2000), sizes.join());
  deepEqual(broker.values('small').at(-1), 'end');
  equal(counter('kafka_connect_task_error_total_records_skipped'), 1);
});

test('trouble with the broker stands in the status until the next acknowledgement', async () => {
  const details: (string | undefined)[] = [];
  const broker = memoryBroker();
  await broker.createTopic({ name: 't' });
  const { producer } = broker;
  let onRetry: ((event: { what: string; reason: string }) => void) | undefined;
  broker.producer = (options) => {
    onRetry = options?.onRetry;
    return producer(options);
  };
  const { options, task: other } = await setup({ setStatus: (detail) => details.push(detail) });
  other.stop();
  const connector = scriptedSource();
  const task = startSourceTask({ ...options, broker, connector });
  const run = await opened(connector);
  run.context.setStatus('reconnecting');
  onRetry!({ what: 'produce', reason: 'connection refused' });
  run.context.setStatus(undefined);
  run.give('a');
  await broker.holds('t', 1);
  task.stop();
  await task.ended;
  const trouble = 'the broker does not answer (produce): connection refused';
  deepEqual(details, ['reconnecting', trouble, trouble, undefined]);
});
