import { deepEqual, equal, match, ok, rejects, throws } from 'node:assert/strict';
import { test } from 'node:test';
import { anywhere } from '../../test/support/converter-context.ts';
import { memoryBroker } from '../../test/support/memory-broker.ts';
import { textRecord } from '../../test/support/scripted-source.ts';
import { systemClock } from '../base/clock.ts';
import { TributaryError } from '../base/errors.ts';
import type { RawConfig } from '../config/raw.ts';
import type { SourceBatch } from '../connectors/contract.ts';
import { ColumnBatch } from '../record/column-batch.ts';
import { ColumnWriter } from '../record/column-writer.ts';
import { type Schema, STRING } from '../record/schema.ts';
import type { SourceRecord } from '../record/source-record.ts';
import { asList, type Records, ValueColumn } from '../record/value-column.ts';
import { type LogEntry, recordingLog } from '../telemetry/log.ts';
import { MetricRegistry } from '../telemetry/metrics.ts';
import { TransformFailure } from '../transform/chain.ts';
import { BatchPreparation } from './batch-preparation.ts';
import { converterNames, selectConverters } from './converter-selection.ts';
import { DeadLetters } from './dead-letter-topic.ts';
import { errorMetrics } from './error-metrics.ts';
import { errorPolicyOf } from './error-policy.ts';
import { RecordFailures } from './record-failures.ts';

const tolerant = { 'errors.tolerance': 'all' };
const withLetters = { ...tolerant, 'errors.deadletterqueue.topic.name': 'dead' };

/** `transform` makes another value of a text, or drops the record with null. */
async function setup(config: RawConfig, transform?: (value: string) => string | null, maxBatchBytes = 1_000_000) {
  const broker = memoryBroker();
  await broker.createTopic({ name: 'dead' });
  const metrics = errorMetrics(new MetricRegistry().root());
  const entries: LogEntry[] = [];
  const policy = errorPolicyOf(config);
  const failures = new RecordFailures({
    policy,
    metrics,
    log: recordingLog(entries),
    clock: systemClock,
    random: () => 0,
  });
  const deadLetters =
    policy.deadLetters === undefined
      ? undefined
      : await DeadLetters.open({
          broker,
          target: policy.deadLetters,
          connector: 'c',
          task: 3,
          maxBatchBytes,
          metrics,
          cutLetters: { value: 0 },
          ensure: async () => {},
          redact: (text) => text.replaceAll('canary', '******'),
          signal: new AbortController().signal,
        });
  const stop = new AbortController();
  const preparation = new BatchPreparation({
    chain:
      transform === undefined
        ? undefined
        : {
            apply(record: SourceRecord) {
              try {
                const value = transform(String(record.value));
                return value === null ? null : { ...record, value: Buffer.from(value) };
              } catch (error) {
                throw new TransformFailure('e', 'org.example.E', error);
              }
            },
          },
    converters: selectConverters(config, {}, anywhere),
    converterNames: converterNames(config, {}),
    failures,
    deadLetters,
    learn: () => undefined,
    boundsOf: () => ({ partitions: 1, maxBytes: maxBatchBytes }),
    maxBatchBytes,
    clock: systemClock,
    signal: stop.signal,
  });
  const prepare = (...values: readonly string[]) =>
    preparation.prepare({ records: values.map((value) => textRecord('t', value)), partition: {}, receivedAtMs: 0 });
  return { prepare, preparation, metrics, entries, stop };
}

const valuesOf = (records: Records = []): string[] =>
  asList(records).map(({ value }) => Buffer.from(value!).toString());

const refuseB = (value: string): string => {
  if (value === 'b') throw new Error('no b');
  return value.toUpperCase();
};

/** Records with a structure of texts, as event streams give them. */
const structSchema: Schema = { type: 'struct', optional: false, fields: [{ name: 'a', schema: STRING }] };
const structs = (...values: readonly string[]): SourceRecord[] =>
  values.map((value) => ({
    ...textRecord('t', value),
    value: { a: Buffer.from(value) },
    valueSchema: structSchema,
  }));

test('structures of texts become one column, whose memory is used again once it is stored', async () => {
  const { preparation } = await setup({});
  const prepare = (records: readonly SourceRecord[]) =>
    preparation.prepare({ records, partition: {}, receivedAtMs: 0 });
  const first = await prepare(structs('1', '2'));
  ok(first.sends[0]?.records instanceof ValueColumn);
  deepEqual(valuesOf(first.sends[0]?.records), ['{"a":"1"}', '{"a":"2"}']);
  deepEqual([first.records, first.bytes, first.left, first.failure], [2, 18, 0, undefined]);
  first.release?.();
  await prepare(structs('3'));
  const third = await prepare(structs('4'));
  deepEqual(valuesOf(third.sends[0]?.records), ['{"a":"4"}']);
  equal((third.sends[0]?.records as ValueColumn).bytes, (first.sends[0]?.records as ValueColumn).bytes);
});

test('where one of them needs a look, or a failed one has to be found again, they are converted one by one', async () => {
  const [one, two] = structs('1', '2') as [SourceRecord, SourceRecord];
  const changes: readonly Partial<SourceRecord>[] = [
    { topic: 'u' },
    { key: 'k', keySchema: STRING },
    { partition: 1 },
    { timestampMs: 5 },
    { headers: [{ key: 'h', value: 'x', schema: STRING }] },
    { value: { a: 'a string' } },
  ];
  for (const change of changes) {
    const { preparation } = await setup({});
    const { sends, records } = await preparation.prepare({
      records: [one, { ...two, ...change }],
      partition: {},
      receivedAtMs: 0,
    });
    ok(
      sends.every((send) => Array.isArray(send.records)),
      JSON.stringify(change),
    );
    equal(records, 2);
  }
  const { preparation } = await setup(tolerant);
  const { sends } = await preparation.prepare({ records: [one, two], partition: {}, receivedAtMs: 0 });
  ok(Array.isArray(sends[0]?.records));
});

test('records are transformed in order, and filtered ones are counted, not sent', async () => {
  const { prepare } = await setup({}, (value) => (value === 'b' ? null : value.toUpperCase()));
  const { sends, records, filtered, failure } = await prepare('a', 'b', 'c');
  deepEqual(valuesOf(sends[0]?.records), ['A', 'C']);
  deepEqual([records, filtered, failure], [2, 1, undefined]);
});

test('a batch of which nothing is left has no sends', async () => {
  const { prepare } = await setup({}, () => null);
  const { sends, records, filtered } = await prepare('a', 'b');
  deepEqual([sends, records, filtered], [[], 0, 2]);
});

test('what stands before a record that fails the task is sent, the rest is told as left', async () => {
  const { prepare, metrics } = await setup({}, refuseB);
  const { sends, failure, left, records } = await prepare('a', 'b', 'c');
  deepEqual(valuesOf(sends[0]?.records), ['A']);
  deepEqual([left, records], [2, 1]);
  match(
    String(failure?.error),
    /^TributaryError: no b \(transform "e"\) \(TRANSFORMATION by org\.example\.E, record for topic "t"\)\. Tolerance exceeded in error handler$/,
  );
  deepEqual([metrics.failures.value, metrics.errors.value, metrics.skipped.value], [1, 1, 0]);
});

test('with tolerance it is skipped, counted and logged, and its neighbours go on in order', async () => {
  const { prepare, metrics, entries } = await setup(tolerant, refuseB);
  const { sends, failure, left } = await prepare('a', 'b', 'c');
  deepEqual(valuesOf(sends[0]?.records), ['A', 'C']);
  deepEqual([failure, left], [undefined, 0]);
  deepEqual([metrics.failures.value, metrics.errors.value, metrics.skipped.value], [1, 1, 1]);
  equal(metrics.lastErrorMs > 0, true);
  deepEqual(entries[0]?.fields, {
    topic: 't',
    stage: 'TRANSFORMATION',
    class: 'org.example.E',
    reason: 'no b (transform "e")',
  });
});

test('a dead letter has what came in, not what a transform made of it', async () => {
  const chain = (value: string): string => (value === 'b' ? '' : value.toUpperCase());
  const { prepare } = await setup({ ...withLetters, 'value.converter': 'ByteArrayConverter' }, chain);
  const { letters, sends } = await prepare('a', 'b');
  // A text is no bytes: every record fails in its converter, behind the transforms.
  deepEqual(valuesOf(letters), ['a', 'b']);
  deepEqual(letters[0]?.headers, []);
  deepEqual(sends, []);
});

test('its headers tell in the names of Kafka Connect what failed, where they are asked for', async () => {
  const config = { ...withLetters, 'errors.deadletterqueue.context.headers.enable': 'true' };
  const { prepare } = await setup(config, refuseB);
  const { letters } = await prepare('b');
  const headers = Object.fromEntries(letters[0]!.headers.map(({ key, value }) => [key, String(value)]));
  match(headers['__connect.errors.exception.stacktrace']!, /^TributaryError: no b/);
  delete headers['__connect.errors.exception.stacktrace'];
  deepEqual(headers, {
    '__connect.errors.topic': 't',
    '__connect.errors.connector.name': 'c',
    '__connect.errors.task.id': '3',
    '__connect.errors.stage': 'TRANSFORMATION',
    '__connect.errors.class.name': 'org.example.E',
    '__connect.errors.exception.class.name': 'org.apache.kafka.connect.errors.DataException',
    '__connect.errors.exception.message': 'no b (transform "e")',
  });
});

test('its headers tell no secret: a topic has more readers than a status', async () => {
  const config = { ...withLetters, 'errors.deadletterqueue.context.headers.enable': 'true' };
  const { prepare } = await setup(config, () => {
    throw new Error('refused canary');
  });
  const { letters } = await prepare('b');
  const headers = new Map(letters[0]!.headers.map(({ key, value }) => [key, String(value)]));
  equal(headers.get('__connect.errors.exception.message'), 'refused ****** (transform "e")');
  match(headers.get('__connect.errors.exception.stacktrace')!, /^TributaryError: refused \*{6}/);
  equal([...headers.values()].join().includes('canary'), false);
});

test('a record that no batch can hold becomes a dead letter with its beginning and its size', async () => {
  const { prepare } = await setup(withLetters, undefined, 2_000);
  const { letters, sends } = await prepare('a', 'x'.repeat(5_000));
  deepEqual(valuesOf(sends[0]?.records), ['a']);
  const [letter] = letters;
  equal(letter!.value!.length > 1_000 && letter!.value!.length < 2_000, true);
  deepEqual(
    letter!.headers.map(({ key, value }) => [key, String(value)]),
    [['tributary.errors.value.bytes', '5000']],
  );
});

test('a failure that may go away is tried again while the time for it lasts, and the record goes on', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  let failures = 3;
  const { prepare, metrics } = await setup({ 'errors.retry.timeout': '60000' }, (value) => {
    if (value === 'b' && failures-- > 0)
      throw new TributaryError('TIMEOUT', 'the registry is away', { retriable: true });
    return value;
  });
  const prepared = prepare('a', 'b', 'c');
  for (const [tries, delayMs] of [300, 600, 1200].entries()) {
    while (metrics.retries.value === tries) await Promise.resolve();
    t.mock.timers.tick(delayMs);
  }
  const { sends } = await prepared;
  deepEqual(valuesOf(sends[0]?.records), ['a', 'b', 'c']);
  deepEqual([metrics.failures.value, metrics.retries.value, metrics.errors.value], [3, 3, 0]);
});

test('without a time for retries it fails at once, and so does what no retry can help', async () => {
  const away = (retriable: boolean) => (): string => {
    throw new TributaryError('TIMEOUT', 'away', { retriable });
  };
  for (const [config, retriable] of [
    [{}, true],
    [{ 'errors.retry.timeout': '60000' }, false],
  ] as const) {
    const { prepare, metrics } = await setup(config, away(retriable));
    match(String((await prepare('a')).failure?.error), /away/);
    equal(metrics.retries.value, 0);
  }
});

test('a wait for another try ends when the task has to', async () => {
  const { prepare, stop, metrics } = await setup({ 'errors.retry.timeout': '-1' }, () => {
    throw new TributaryError('TIMEOUT', 'away', { retriable: true });
  });
  const prepared = prepare('a');
  while (metrics.retries.value === 0) await Promise.resolve();
  stop.abort();
  await rejects(prepared, { code: 'ABORTED' });
});

test('failures are logged one by one if asked, with the record if asked, at a bounded rate', async () => {
  const quiet = await setup({ ...tolerant, 'errors.log.enable': 'true' }, refuseB);
  await quiet.prepare(...Array.from({ length: 50 }, () => 'b'));
  const lines = quiet.entries.filter(({ event }) => event === 'record_failed');
  equal(lines.length, 20);
  equal('record' in lines[0]!.fields, false);
  deepEqual([quiet.metrics.logged.value, quiet.metrics.skipped.value], [20, 50]);
  const open = await setup(
    { ...tolerant, 'errors.log.enable': 'true', 'errors.log.include.messages': 'true' },
    refuseB,
  );
  await open.prepare('b');
  match(String(open.entries[0]?.fields['record']), /topic=t .*value=b$/);
});

const json = { 'value.converter': 'org.apache.kafka.connect.json.JsonConverter' };
for (const [what, config, transform, offered] of [
  ['as text and JSON', {}, undefined, true],
  ['as JSON with schemas', json, undefined, true],
  ['by a converter that makes nothing but records', { 'value.converter': 'StringConverter' }, undefined, false],
  ['and a transform wants to see it', {}, (value: string) => value, false],
  ['and failed records are passed over', tolerant, undefined, false],
  ['and failed records are kept', withLetters, undefined, false],
] as const) {
  test(`where a value is stored ${what}, a source is ${offered ? '' : 'not '}told how to write it`, async () => {
    const { preparation } = await setup(config, transform);
    equal(preparation.writeValue !== undefined, offered);
  });
}

/** A batch of what `writeValue` wrote. */
function written(preparation: BatchPreparation, values: readonly unknown[]): SourceBatch {
  const writer = new ColumnWriter();
  for (const value of values) preparation.writeValue!('t', structSchema, value, writer);
  const column = { topic: 't', schema: null, values: writer.take(), isWritten: true };
  return new ColumnBatch({ column, partition: {}, offset: {}, receivedAtMs: 0, onRelease: () => {} });
}

for (const config of [{}, json]) {
  test(`a column of written values is stored as it is: ${JSON.stringify(config)}`, async () => {
    const { preparation } = await setup(config);
    // One is longer than what the converter writes in its place.
    const values = ['1', '"2"', 'x'.repeat(20_000)];
    const fast = await preparation.prepare(
      written(
        preparation,
        values.map((a) => ({ a: Buffer.from(a) })),
      ),
    );
    ok(fast.sends[0]?.records instanceof ValueColumn);
    const slow = await preparation.prepare({ records: structs(...values), partition: {}, receivedAtMs: 0 });
    deepEqual(valuesOf(fast.sends[0]?.records), valuesOf(slow.sends[0]?.records));
  });
}

test('a written value that the topic does not take fails as a record, and what came before it is sent unchanged', async () => {
  const { preparation } = await setup(json, undefined, 5_000);
  const batch = written(preparation, [
    { a: Buffer.from('1') },
    { a: Buffer.alloc(6_000, 'x') },
    { a: Buffer.from('3') },
  ]);
  const { sends, failure, left } = await preparation.prepare(batch);
  deepEqual(valuesOf(sends[0]?.records), [Buffer.from(batch.records[0]!.value as Uint8Array).toString()]);
  match(String(failure?.error), /Cannot store a record of \d+ bytes in topic "t".*Tolerance exceeded/);
  equal(left, 2);
});

test('what cannot be written is told as a failed record is, and leaves nothing in the column', async () => {
  const { preparation, metrics } = await setup({});
  const writer = new ColumnWriter();
  throws(() => preparation.writeValue!('t', structSchema, { a: 5 }, writer), /VALUE_CONVERTER by .*Tolerance exceeded/);
  throws(() => preparation.writeValue!('t', null, null, writer), /VALUE_CONVERTER by .*Tolerance exceeded/);
  deepEqual([writer.length, metrics.errors.value], [0, 2]);
});
