import { deepEqual, equal, rejects } from 'node:assert/strict';
import { test } from 'node:test';
import { type MemoryBroker, memoryBroker } from '../../test/support/memory-broker.ts';
import { systemClock } from '../base/clock.ts';
import { TributaryError } from '../base/errors.ts';
import { define } from '../config/config-def.ts';
import type { RawConfig } from '../config/raw.ts';
import type { SinkConnector, SinkContext, SinkRecord } from '../connectors/contract.ts';
import { unrestricted } from '../net/outbound-policy.ts';
import { silentLog } from '../telemetry/log.ts';
import { MetricRegistry } from '../telemetry/metrics.ts';
import { errorPolicyOf } from './error-policy.ts';
import { startSinkTask } from './sink-task.ts';

interface Sink {
  readonly written: string[];
  write: (records: readonly SinkRecord[], context: SinkContext) => Promise<void>;
  closed: boolean;
}

async function setup(config: RawConfig = { topics: 't' }, commitIntervalMs = 60_000) {
  const broker = memoryBroker();
  await broker.createTopic({ name: 't' });
  const sink: Sink = { written: [], write: async () => {}, closed: false };
  const connector: SinkConnector = {
    kind: 'sink',
    name: 'list',
    classNames: [],
    version: '1.0.0',
    config: define({}),
    tasks: (raw) => [raw],
    open: async (_, context) => ({
      async write(records) {
        await sink.write(records, context);
        sink.written.push(...records.map(({ value }) => String(value)));
      },
      async close() {
        sink.closed = true;
      },
    }),
  };
  const start = () =>
    startSinkTask({
      connector,
      name: 's',
      task: 0,
      config,
      broker,
      commitIntervalMs,
      errors: errorPolicyOf(config),
      producer: {},
      ensureDeadLetters: async () => {},
      redact: (text) => text,
      metrics: new MetricRegistry().root(),
      log: silentLog,
      clock: systemClock,
      random: () => 0,
      outbound: unrestricted,
      setStatus: () => {},
    });
  return { broker, sink, start };
}

async function produce(broker: MemoryBroker, topic: string, ...values: readonly string[]): Promise<void> {
  const producer = await broker.producer();
  const records = values.map((value) => ({ key: null, value: Buffer.from(value), headers: [], timestampMs: null }));
  await producer.send(topic, 0, records);
}

async function until(condition: () => boolean): Promise<void> {
  const deadline = performance.now() + 5_000;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error('not within 5 s');
    await new Promise((resolve) => setImmediate(resolve));
  }
}

test('records are written from the earliest on, and the position is committed at the stop', async () => {
  const { broker, sink, start } = await setup();
  await produce(broker, 't', 'a', 'b');
  const task = start();
  await until(() => sink.written.length === 2);
  await produce(broker, 't', 'c');
  await until(() => sink.written.length === 3);
  task.stop();
  equal(await task.ended, true);
  deepEqual(sink.written, ['a', 'b', 'c']);
  equal(sink.closed, true);
  deepEqual(await broker.committedOffsets('connect-s'), [{ topic: 't', partition: 0, offset: 3 }]);
});

test('a task goes on behind what was committed', async () => {
  const { broker, sink, start } = await setup();
  await produce(broker, 't', 'a');
  const first = start();
  await until(() => sink.written.length === 1);
  first.stop();
  await first.ended;
  await produce(broker, 't', 'b');
  const second = start();
  await until(() => sink.written.length === 2);
  second.stop();
  await second.ended;
  deepEqual(sink.written, ['a', 'b']);
});

test('topics are found by a pattern that their whole name matches', async () => {
  const { broker, sink, start } = await setup({ 'topics.regex': 'a.*' });
  for (const name of ['a1', 'ba1']) {
    await broker.createTopic({ name });
    await produce(broker, name, name);
  }
  const task = start();
  await until(() => sink.written.length === 1);
  task.stop();
  await task.ended;
  deepEqual(sink.written, ['a1']);
});

test('the pattern is one of Java: what JavaScript does not know matches, too, and what it does alone is refused', async () => {
  const { broker, sink, start } = await setup({ topics: '', 'topics.regex': ' (?i)\\QA.\\E\\p{Alpha}++ ' });
  for (const name of ['a.x', 'a.1', 'axx', 'A.y']) {
    await broker.createTopic({ name });
    await produce(broker, name, name);
  }
  const task = start();
  await until(() => sink.written.length === 2);
  task.stop();
  await task.ended;
  deepEqual(sink.written.toSorted(), ['A.y', 'a.x']);
  const faulty = await setup({ 'topics.regex': '[a' });
  await rejects(faulty.start().ended, { code: 'CONFIG_INVALID', message: /Cannot use the pattern "\[a"/ });
});

test('a write that may succeed later is tried again, in order', async () => {
  const { broker, sink, start } = await setup();
  let failures = 1;
  sink.write = async () => {
    if (failures-- > 0) throw new TributaryError('CONNECTION_FAILED', 'away', { retriable: true });
  };
  await produce(broker, 't', 'a', 'b');
  const task = start();
  await until(() => sink.written.length === 2);
  task.stop();
  await task.ended;
  deepEqual(sink.written, ['a', 'b']);
});

test('what was not written is not committed: a stop between two tries, and an error for good', async () => {
  const { broker, sink, start } = await setup();
  await produce(broker, 't', 'a');
  let tries = 0;
  sink.write = async () => {
    tries++;
    throw new TributaryError('CONNECTION_FAILED', 'away', { retriable: true });
  };
  const stopped = start();
  await until(() => tries === 1);
  stopped.stop();
  await stopped.ended;
  sink.write = async () => {
    throw new TributaryError('CONVERSION_FAILED', 'for good');
  };
  await rejects(start().ended, { code: 'CONVERSION_FAILED' });
  deepEqual(await broker.committedOffsets('connect-s'), []);
});

test('a sink without topics fails with Kafka Connect’s text', async () => {
  const { start } = await setup({});
  await rejects(start().ended, { code: 'CONFIG_INVALID', message: 'Must configure one of topics or topics.regex' });
});

const withLetters = {
  topics: 't',
  'errors.tolerance': 'all',
  'errors.deadletterqueue.topic.name': 'dead',
  'errors.deadletterqueue.context.headers.enable': 'true',
};

test('a record that cannot be written is found among its neighbours, and is a dead letter as it was read', async () => {
  const { broker, sink, start } = await setup(withLetters);
  await broker.createTopic({ name: 'dead' });
  const producer = await broker.producer();
  const records = ['a', 'b', 'bad', 'c', 'd'].map((value) => ({
    key: Buffer.from(`k-${value}`),
    value: Buffer.from(value),
    headers: [{ key: 'own', value: Buffer.from('1') }],
    timestampMs: 5,
  }));
  sink.write = async (batch) => {
    if (batch.some(({ value }) => String(value) === 'bad'))
      throw new TributaryError('CONVERSION_FAILED', 'cannot be written');
  };
  await producer.send('t', 0, records);
  const task = start();
  await broker.holds('dead', 1);
  while (sink.written.length < 4) await new Promise((resolve) => setImmediate(resolve));
  task.stop();
  await task.ended;
  deepEqual(sink.written, ['a', 'b', 'c', 'd']);
  const [letter] = broker.records('dead');
  deepEqual([String(letter!.key), String(letter!.value)], ['k-bad', 'bad']);
  const headers = letter!.headers.map(({ key, value }) => [key, String(value)] as const);
  equal(headers.at(-1)![0], '__connect.errors.exception.stacktrace');
  deepEqual(headers.slice(0, -1), [
    ['own', '1'],
    ['__connect.errors.topic', 't'],
    ['__connect.errors.partition', '0'],
    ['__connect.errors.offset', '2'],
    ['__connect.errors.connector.name', 's'],
    ['__connect.errors.task.id', '0'],
    ['__connect.errors.stage', 'TASK_PUT'],
    ['__connect.errors.class.name', 'list'],
    ['__connect.errors.exception.class.name', 'org.apache.kafka.connect.errors.DataException'],
    ['__connect.errors.exception.message', 'cannot be written'],
  ]);
  deepEqual(await broker.committedOffsets('connect-s'), [{ topic: 't', partition: 0, offset: 5 }]);
});

test('a sink may reject a record itself; without tolerance that fails the task and commits nothing', async () => {
  const reject = async (records: readonly SinkRecord[], context: SinkContext): Promise<void> => {
    for (const record of records) if (String(record.value) === 'bad') await context.reject(record, new Error('no'));
  };
  const tolerant = await setup(withLetters);
  await tolerant.broker.createTopic({ name: 'dead' });
  tolerant.sink.write = reject;
  await produce(tolerant.broker, 't', 'a', 'bad');
  const task = tolerant.start();
  await tolerant.broker.holds('dead', 1);
  task.stop();
  await task.ended;
  deepEqual(tolerant.broker.values('dead'), ['bad']);

  const strict = await setup();
  strict.sink.write = reject;
  await produce(strict.broker, 't', 'bad');
  await rejects(strict.start().ended, /^TributaryError: no \(TASK_PUT by list, .*Tolerance exceeded in error handler/);
  deepEqual(await strict.broker.committedOffsets('connect-s'), []);
});

test('a dead letter that cannot be stored fails the task, and its record is read again', async () => {
  const { broker, sink, start } = await setup(withLetters);
  await broker.createTopic({ name: 'dead' });
  broker.beforeSend = (topic) => {
    if (topic === 'dead') throw new TributaryError('BROKER_REJECTED', 'the topic is full');
  };
  sink.write = async () => {
    throw new TributaryError('CONVERSION_FAILED', 'cannot be written');
  };
  await produce(broker, 't', 'bad');
  await rejects(start().ended, /the topic is full/);
  deepEqual(await broker.committedOffsets('connect-s'), []);
});

test('what has been written is committed in time although nothing more comes', async () => {
  const { broker, sink, start } = await setup({ topics: 't' }, 20);
  const producer = await broker.producer();
  await producer.send('t', 0, [{ key: null, value: Buffer.from('a'), headers: [], timestampMs: null }]);
  const task = start();
  while ((await broker.committedOffsets('connect-s'))[0]?.offset !== 1)
    await new Promise((wake) => setTimeout(wake, 5));
  deepEqual(sink.written, ['a']);
  task.stop();
  await task.ended;
});
