import { deepEqual, equal, rejects } from 'node:assert/strict';
import { test } from 'node:test';
import { type MemoryBroker, memoryBroker } from '../../test/support/memory-broker.ts';
import { systemClock } from '../base/clock.ts';
import { TributaryError } from '../base/errors.ts';
import { define } from '../config/config-def.ts';
import type { RawConfig } from '../config/raw.ts';
import type { SinkConnector, SinkRecord } from '../connectors/contract.ts';
import { unrestricted } from '../net/outbound-policy.ts';
import { silentLog } from '../telemetry/log.ts';
import { MetricRegistry } from '../telemetry/metrics.ts';
import { startSinkTask } from './sink-task.ts';

interface Sink {
  readonly written: string[];
  write: (records: readonly SinkRecord[]) => Promise<void>;
  closed: boolean;
}

async function setup(config: RawConfig = { topics: 't' }) {
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
    open: async () => ({
      async write(records) {
        await sink.write(records);
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
      commitIntervalMs: 60_000,
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
