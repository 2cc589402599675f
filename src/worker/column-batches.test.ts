/** Batches that come as a column of bytes: what the worker does with them, and what becomes of their memory. */
import { deepEqual, equal, ok } from 'node:assert/strict';
import { test } from 'node:test';
import { anywhere } from '../../test/support/converter-context.ts';
import { memoryBroker } from '../../test/support/memory-broker.ts';
import { scriptedPartition, scriptedSource } from '../../test/support/scripted-source.ts';
import { systemClock } from '../base/clock.ts';
import { TributaryError } from '../base/errors.ts';
import type { Producer } from '../broker/broker.ts';
import type { RawConfig } from '../config/raw.ts';
import { unrestricted } from '../net/outbound-policy.ts';
import { ColumnBatch } from '../record/column-batch.ts';
import { ColumnWriter } from '../record/column-writer.ts';
import { STRING } from '../record/schema.ts';
import { type Records, ValueColumn } from '../record/value-column.ts';
import { recordingLog } from '../telemetry/log.ts';
import { MetricRegistry } from '../telemetry/metrics.ts';
import { converterNames, selectConverters } from './converter-selection.ts';
import { errorPolicyOf } from './error-policy.ts';
import { offsetTable } from './offset-table.ts';
import { type SourceTaskOptions, startSourceTask } from './source-task.ts';
import { openTable } from './table.ts';

/** Runs a task over one batch of these values. `refuse` says which sends the broker turns away for good. */
async function runOver(
  values: readonly string[],
  config: RawConfig = {},
  { transforms, refuse }: Partial<Pick<SourceTaskOptions, 'transforms'>> & { refuse?: (sent: Records) => boolean } = {},
) {
  const broker = memoryBroker();
  await broker.createTopic({ name: 't' });
  await broker.createTopic({ name: 'dead' });
  const log = recordingLog([]);
  const registry = new MetricRegistry();
  const offsets = offsetTable(await openTable({ broker, topic: 'offsets', partitions: 1, log }));
  const connector = scriptedSource();
  const sent: Records[] = [];
  const seeing = {
    ...broker,
    async producer(options: Parameters<typeof broker.producer>[0]): Promise<Producer> {
      const producer = await broker.producer(options);
      return {
        ...producer,
        send(topic, partition, records) {
          if (topic === 't') sent.push(records);
          if (topic !== 't' || refuse?.(records) !== true) return producer.send(topic, partition, records);
          return Promise.reject(new TributaryError('BROKER_REJECTED', 'Cannot store it'));
        },
      };
    },
  };
  const task = startSourceTask({
    connector,
    name: 'c',
    task: 0,
    config: { topic: 't' },
    broker: seeing,
    producer: {},
    transforms,
    converters: selectConverters(config, {}, anywhere),
    converterNames: converterNames(config, {}),
    offsets,
    ensureTopic: async () => {},
    ensureDeadLetters: async () => {},
    redact: (text) => text,
    errors: errorPolicyOf(config),
    offsetFlushIntervalMs: 60_000,
    offsetFlushTimeoutMs: 5_000,
    gracefulStopMs: 2_000,
    previousEndUnclean: false,
    metrics: registry.root(),
    log,
    clock: systemClock,
    random: () => 0,
    outbound: unrestricted,
    setStatus: () => {},
  });
  while (connector.runs[0] === undefined) await new Promise((resolve) => setImmediate(resolve));
  const writer = new ColumnWriter();
  for (const value of values) writer.append(Buffer.from(value));
  let released = 0;
  let told = 0;
  const batch = new ColumnBatch({
    column: { topic: 't', schema: STRING, values: writer.take() },
    partition: scriptedPartition,
    offset: { sequence: values.length },
    receivedAtMs: 0,
    onRelease: () => released++,
  });
  const release = (): void => {
    told++;
    batch.release();
  };
  const { column, partition, offset, receivedAtMs } = batch;
  connector.runs[0].giveBatch({
    column: column!,
    partition,
    offset: offset!,
    receivedAtMs,
    release,
    get records() {
      return batch.records;
    },
  });
  await new Promise((resolve) => setImmediate(resolve));
  task.stop();
  equal(await task.ended, true);
  return { broker, sent, released, told, stored: offsets.get('c', scriptedPartition) };
}

test('a column that nobody looks into is sent as it is, and its memory is free once it is stored', async () => {
  const { broker, sent, released, stored } = await runOver(['a', 'b', 'c']);
  deepEqual(broker.values('t'), ['a', 'b', 'c']);
  ok(sent.length === 1 && sent[0] instanceof ValueColumn);
  equal(released, 1);
  deepEqual(stored, { sequence: 3 });
});

test('with a transform it is looked at record by record, and its memory is left alone', async () => {
  const seen: unknown[] = [];
  const transforms: SourceTaskOptions['transforms'] = {
    apply(record) {
      seen.push(Buffer.from(record.value as Uint8Array));
      return { ...record, key: Buffer.from('k') };
    },
  };
  const { broker, sent, released } = await runOver(['a', 'b'], {}, { transforms });
  deepEqual(seen.map(String), ['a', 'b']);
  deepEqual(
    broker.records('t').map(({ key, value }) => `${key} ${Buffer.from(value!)}`),
    ['k a', 'k b'],
  );
  ok(Array.isArray(sent[0]));
  equal(released, 0);
});

test('a batch that is filtered as a whole is told that nobody looks at it any more', async () => {
  const transforms: SourceTaskOptions['transforms'] = { apply: () => null };
  const { broker, told, stored } = await runOver(['a', 'b'], {}, { transforms });
  deepEqual([broker.values('t'), told, stored], [[], 1, undefined]);
});

test('a converter that changes values gets them one by one', async () => {
  const { broker, released } = await runOver(['a'], {
    'value.converter': 'org.apache.kafka.connect.json.JsonConverter',
    'value.converter.schemas.enable': 'false',
  });
  deepEqual(broker.values('t'), ['"a"']);
  equal(released, 0);
});

test('what the broker refuses of a column becomes a dead letter, and the rest is stored', async () => {
  const refuse = (records: Records): boolean =>
    [...records].some(({ value }) => Buffer.from(value!).toString() === 'bad');
  const { broker, released, stored } = await runOver(
    ['a', 'bad', 'c'],
    { 'errors.tolerance': 'all', 'errors.deadletterqueue.topic.name': 'dead' },
    { refuse },
  );
  deepEqual([broker.values('t').toSorted(), broker.values('dead')], [['a', 'c'], ['bad']]);
  equal(released, 0);
  deepEqual(stored, { sequence: 3 });
});
