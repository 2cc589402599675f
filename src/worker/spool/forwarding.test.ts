import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import { memoryBroker } from '../../../test/support/memory-broker.ts';
import { systemClock } from '../../base/clock.ts';
import { noHeaders } from '../../record/record.ts';
import { silentLog } from '../../telemetry/log.ts';
import { MetricRegistry } from '../../telemetry/metrics.ts';
import { BatchDispatch } from '../batch-dispatch.ts';
import { errorMetrics } from '../error-metrics.ts';
import { errorPolicyOf } from '../error-policy.ts';
import { offsetTable } from '../offset-table.ts';
import { RecordFailures } from '../record-failures.ts';
import { openTable } from '../table.ts';
import { AcknowledgedForwarding, type Chunk, positionEntry, TransactionalForwarding } from './forwarding.ts';

const identity = { name: 'c-0', id: 'i' };

function chunk(value: string, nextOffset: number, isLast: boolean): Chunk {
  const record = { key: null, value: Buffer.from(value), headers: noHeaders, timestampMs: 0 };
  const sends = [{ topic: 't', partition: 0, records: [record] }];
  const rest = { letters: [], records: 1, bytes: 1, filtered: 0, failure: undefined, left: 0, inputs: new Map() };
  return { slot: 0, nextOffset, prepared: { sends, ...rest }, oldestMs: 0, isLast, release() {} };
}

/** A broker in Kafka's place, and what was told to be forwarded: offsets behind chunks. */
async function bench() {
  const kafka = memoryBroker();
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
    ...{ kafka, metrics, shared, told, onForwarded },
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
    const { kafka, metrics, shared, told, onForwarded, dispatch } = await bench();
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
  const { kafka, told, onForwarded, dispatch, holdStore } = await bench();
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
