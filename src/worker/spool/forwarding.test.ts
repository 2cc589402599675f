import { deepEqual, equal, ok, rejects } from 'node:assert/strict';
import { test } from 'node:test';
import { memoryBroker } from '../../../test/support/memory-broker.ts';
import { tempFolder } from '../../../test/support/temp-folder.ts';
import { codecs } from '../../app/codecs.ts';
import { systemClock } from '../../base/clock.ts';
import { TributaryError } from '../../base/errors.ts';
import type { Broker, Producer } from '../../broker/broker.ts';
import { openEmbeddedBroker } from '../../broker/embedded/embedded.ts';
import { BatchBuffer } from '../../record/batch-buffer.ts';
import { ColumnReader, wholeBatchBytes } from '../../record/column-reader.ts';
import { encodeBatch } from '../../record/encode.ts';
import { noHeaders, type ProduceRecord } from '../../record/record.ts';
import { asList } from '../../record/value-column.ts';
import { WholeBatch } from '../../record/whole-batch.ts';
import { silentLog } from '../../telemetry/log.ts';
import { MetricRegistry } from '../../telemetry/metrics.ts';
import { BatchDispatch } from '../batch-dispatch.ts';
import { errorMetrics } from '../error-metrics.ts';
import { errorPolicyOf } from '../error-policy.ts';
import { offsetTable } from '../offset-table.ts';
import { RecordFailures } from '../record-failures.ts';
import { openTable } from '../table.ts';
import { AcknowledgedForwarding, type Chunk, positionEntry, TransactionalForwarding } from './forwarding.ts';

const mebibyte = 1024 * 1024;
const identity = { name: 'c-0', id: 'i' };

function chunk(value: string, nextOffset: number, isLast: boolean): Chunk {
  const record = { key: null, value: Buffer.from(value), headers: noHeaders, timestampMs: 0 };
  const sends = [{ topic: 't', partition: 0, records: [record] }];
  const rest = { letters: [], records: 1, bytes: 1, filtered: 0, failure: undefined, left: 0, inputs: new Map() };
  return { slot: 0, nextOffset, prepared: { sends, ...rest }, oldestMs: 0, isLast, release() {} };
}

/** A broker in Kafka's place, and what was told to be forwarded: offsets behind chunks. */
async function bench(kafka: Broker) {
  await kafka.createTopic({ name: 't' });
  const metrics = new MetricRegistry().root();
  const shared = { log: silentLog, clock: systemClock, random: Math.random };
  const failures = new RecordFailures({ policy: errorPolicyOf({}), metrics: errorMetrics(metrics), ...shared });
  const told: number[] = [];
  let store: Promise<void> = Promise.resolve();
  const onForwarded = async (chunks: readonly Chunk[]): Promise<void> => {
    await store;
    told.push(...chunks.map(({ nextOffset }) => nextOffset));
  };
  return {
    ...{ metrics, shared, told, onForwarded },
    dispatch: (inTransactions: boolean) => new BatchDispatch(failures, undefined, inTransactions),
    /** Positions are stored from now on when the result is called. */
    holdStore(): () => void {
      const held = Promise.withResolvers<void>();
      store = held.promise;
      return held.resolve;
    },
  };
}

for (const { what, chunks, before, committed } of [
  { what: 'the last chunk there is', chunks: [['a', 1, true]], before: ['a'], committed: ['a'] },
  {
    what: 'a chunk whose rest was given up before it was read',
    chunks: [['a', 1, false]],
    before: [],
    committed: ['a'],
  },
  {
    what: 'several of them, the last one left open',
    chunks: [
      ['a', 1, true],
      ['b', 2, false],
      ['c', 3, false],
    ],
    before: ['a'],
    committed: ['a', 'b', 'c'],
  },
] as const) {
  test(`in transactions: what there is is committed with its position when nothing is left to read: ${what}`, async () => {
    const kafka = memoryBroker();
    const { metrics, shared, told, onForwarded, dispatch } = await bench(kafka);
    const table = await openTable({ broker: kafka, topic: 'offsets', partitions: 1, log: silentLog });
    const offsets = offsetTable(table);
    const counter = metrics.counter('c_total', 'c');
    const forwarding = await TransactionalForwarding.start({
      ...shared,
      ...{ connector: 'c', transactionalId: 'x', dispatch: dispatch(true), offsets, positionsOf: 'p', log: identity },
      ...{ transactionTimeoutMs: 60_000, logger: silentLog, onForwarded },
      open: () => kafka.producer({ transactionalId: 'x' }),
      metrics: { committed: counter, aborted: counter, abortedRecords: counter },
      signal: new AbortController().signal,
    });
    for (const [value, nextOffset, isLast] of chunks) await forwarding.submit(chunk(value, nextOffset, isLast));
    deepEqual(kafka.values('t'), before);
    await forwarding.settle();
    deepEqual(kafka.values('t'), committed);
    deepEqual(
      told,
      chunks.map(([, nextOffset]) => nextOffset),
    );
    const position = chunks.at(-1)![1];
    await table.caughtUp();
    deepEqual(offsets.get('p', positionEntry(identity, 0, 0).partition), { position });
    await forwarding.settle();
    equal(told.length, chunks.length, 'nothing is told twice');
    await forwarding.close();
    await table.close();
  });
}

test('given up: what is acknowledged is stored before, and what is acknowledged later does not count', async () => {
  const kafka = memoryBroker();
  const { told, onForwarded, dispatch, holdStore } = await bench(kafka);
  const forwarding = new AcknowledgedForwarding({
    ...{ producer: await kafka.producer(), dispatch: dispatch(false), onForwarded },
  });
  const stored = holdStore();
  await forwarding.submit(chunk('a', 1, false));
  await kafka.holds('t', 1);
  const late = Promise.withResolvers<void>();
  kafka.beforeSend = () => late.promise;
  await forwarding.submit(chunk('b', 2, true));
  let isOver = false;
  const over = forwarding.abandon().then(() => {
    isOver = true;
  });
  late.resolve();
  await kafka.holds('t', 2);
  equal(isOver, false, 'the position of the first one is on its way to the disk');
  stored();
  await over;
  await forwarding.close();
  deepEqual(told, [1]);
});

test('positions of small chunks are stored together, those of large ones as they come', async () => {
  const kafka = memoryBroker();
  const { dispatch } = await bench(kafka);
  const stores: number[] = [];
  const onForwarded = async (chunks: readonly Chunk[]): Promise<void> => {
    stores.push(chunks.length);
  };
  const settings = { producer: await kafka.producer(), dispatch: dispatch(false), onForwarded };
  const forwarding = new AcknowledgedForwarding(settings);
  for (let n = 1; n <= 20; n++) await forwarding.submit(chunk('a', n, false));
  await forwarding.settle();
  equal(
    stores.reduce((sum, count) => sum + count, 0),
    20,
  );
  ok(stores.length < 20, `${stores.length} stores`);
  stores.length = 0;
  const large = chunk('b', 21, true);
  for (let n = 0; n < 3; n++) {
    await forwarding.submit({ ...large, prepared: { ...large.prepared, bytes: mebibyte } });
    await forwarding.settle();
  }
  deepEqual(stores, [1, 1, 1]);
  await forwarding.close();
});

test('no more bytes are on their way than may come twice', async () => {
  const kafka = memoryBroker();
  const { told, onForwarded, dispatch, holdStore } = await bench(kafka);
  const settings = { producer: await kafka.producer(), dispatch: dispatch(false), onForwarded };
  const forwarding = new AcknowledgedForwarding(settings);
  const stored = holdStore();
  const of = (nextOffset: number): Chunk => {
    const small = chunk('a', nextOffset, false);
    return { ...small, prepared: { ...small.prepared, bytes: 2 * mebibyte } };
  };
  await forwarding.submit(of(1));
  await forwarding.submit(of(2));
  await kafka.holds('t', 2);
  const third = forwarding.submit(of(3));
  await new Promise((resolve) => setImmediate(resolve));
  equal(kafka.values('t').length, 2, 'two and two and two are more than five');
  stored();
  await third;
  await forwarding.settle();
  deepEqual(told, [1, 2, 3]);
  await forwarding.close();
});

for (const { what, sizes, first } of [
  { what: 'from the first one on, before anything was acknowledged', sizes: [2, 2, 2], first: 2 },
  { what: 'and one that is larger goes alone', sizes: [6, 1], first: 1 },
  { what: 'and one that is larger waits for those before it', sizes: [1, 6], first: 1 },
]) {
  test(`acknowledgements held back: no more bytes are on their way than may come twice, ${what}`, async () => {
    const kafka = memoryBroker();
    const { told, onForwarded, dispatch } = await bench(kafka);
    const settings = { producer: await kafka.producer(), dispatch: dispatch(false), onForwarded };
    const forwarding = new AcknowledgedForwarding(settings);
    const held = Promise.withResolvers<void>();
    let sent = 0;
    const send = settings.producer.send.bind(settings.producer);
    settings.producer.send = (...call) => {
      sent++;
      return held.promise.then(() => send(...call));
    };
    const submitting = (async () => {
      for (const [at, size] of sizes.entries()) {
        const { prepared, ...rest } = chunk('a', at + 1, false);
        await forwarding.submit({ ...rest, prepared: { ...prepared, bytes: size * mebibyte } });
      }
    })();
    for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
    equal(sent, first);
    held.resolve();
    await submitting;
    await forwarding.settle();
    deepEqual(
      told,
      sizes.map((_, at) => at + 1),
    );
    await forwarding.close();
  });
}

test('a chunk that waits for its bytes is told of a send that failed', async () => {
  const kafka = memoryBroker();
  const { onForwarded, dispatch } = await bench(kafka);
  const forwarding = new AcknowledgedForwarding({
    ...{ producer: await kafka.producer(), dispatch: dispatch(false), onForwarded },
  });
  const held = Promise.withResolvers<void>();
  kafka.beforeSend = () => held.promise;
  const large = (nextOffset: number): Chunk => {
    const small = chunk('a', nextOffset, false);
    return { ...small, prepared: { ...small.prepared, bytes: 4 * mebibyte } };
  };
  await forwarding.submit(large(1));
  const second = forwarding.submit(large(2));
  held.reject(new TributaryError('BROKER_UNAVAILABLE', 'gone', { retriable: true }));
  await rejects(second, { message: 'gone' });
  await forwarding.abandon();
});

/** A batch as the log gives it that goes on as it is. */
function wholeBatch(count: number): WholeBatch {
  const bytes = Math.ceil(wholeBatchBytes / count);
  const records: ProduceRecord[] = Array.from({ length: count }, (_, n) => {
    return { key: null, value: Buffer.from(`${n} `.padEnd(bytes, '.')), headers: noHeaders, timestampMs: 1_000 + n };
  });
  const into = new BatchBuffer(0);
  encodeBatch(records, 0, into, { codecs, maxBytes: 1e9, nowMs: 0 });
  const reader = new ColumnReader(codecs);
  reader.begin(into.length);
  reader.add(Buffer.from(into.view(0, into.length)), 0);
  const [run] = reader.take().runs;
  ok(run instanceof WholeBatch);
  return run;
}

for (const { what, code } of [
  { what: 'is aborted', code: 'TRANSACTION_ABORTED' },
  { what: 'loses its producer', code: 'BROKER_UNAVAILABLE' },
] as const) {
  test(`a transaction that ${what} with a whole batch in it is sent again: all is there once, and in order`, async () => {
    await using folder = await tempFolder('forwarding');
    await using kafka = await openEmbeddedBroker({ directory: folder.path, codecs });
    const { metrics, shared, told, onForwarded, dispatch } = await bench(kafka);
    await using table = await openTable({ broker: kafka, topic: 'offsets', partitions: 1, log: silentLog });
    const counter = (name: string) => metrics.counter(name, name);
    let failures = 1;
    let lastOffset = 0;
    const open = async (): Promise<Producer> => {
      const producer = await kafka.producer({ transactionalId: 'x' });
      const commit = producer.commit.bind(producer);
      producer.commit = async () => {
        if (failures-- <= 0) return commit();
        // What is under way is in the log by now, as an open transaction.
        await producer.flush();
        lastOffset = await kafka.offset('t', 0, 'latest', { isolation: 'read-uncommitted' });
        throw new TributaryError(code, 'once', { retriable: true });
      };
      return producer;
    };
    const forwarding = await TransactionalForwarding.start({
      ...shared,
      ...{ connector: 'c', transactionalId: 'x', dispatch: dispatch(true), offsets: offsetTable(table) },
      ...{ positionsOf: 'p', log: identity, transactionTimeoutMs: 60_000, logger: silentLog, onForwarded, open },
      metrics: { committed: counter('c_total'), aborted: counter('a_total'), abortedRecords: counter('r_total') },
      signal: new AbortController().signal,
    });
    const whole = wholeBatch(300);
    const first = chunk('', 300, false);
    const sends = [{ topic: 't', partition: 0, records: whole }];
    await forwarding.submit({ ...first, prepared: { ...first.prepared, sends, records: 300 } });
    await forwarding.submit(chunk('z', 301, true));
    await forwarding.settle();
    deepEqual([told, counter('a_total').value, counter('c_total').value], [[300, 301], 1, 1]);
    ok(lastOffset >= 301, 'it was under way');
    const values: string[] = [];
    const read = { topic: 't', partition: 0, from: 'earliest', until: 'end', isolation: 'read-committed' } as const;
    for await (const { records } of kafka.read(read))
      values.push(...records.map(({ value }) => Buffer.from(value!).toString()));
    deepEqual(values, [...asList(whole).map(({ value }) => Buffer.from(value!).toString()), 'z']);
    await forwarding.close();
  });
}
