import { deepEqual, equal, rejects } from 'node:assert/strict';
import { test } from 'node:test';
import { type MemoryBroker, memoryBroker } from '../../../test/support/memory-broker.ts';
import { TributaryError } from '../../base/errors.ts';
import { noHeaders, type ProduceRecord } from '../../record/record.ts';
import { recordingLog } from '../../telemetry/log.ts';
import { OutputTransaction } from './output-transaction.ts';

interface Subject {
  readonly broker: MemoryBroker;
  readonly transaction: OutputTransaction;
  readonly clock: { now: number };
  readonly refused: string[];
  /** What is stored, as the checkpoint's topic would tell. */
  stored: string | undefined;
  aborted: number;
}

async function subject(): Promise<Subject> {
  const broker = memoryBroker();
  for (const name of ['out', 'checkpoints']) await broker.createTopic({ name });
  const clock = { now: 0 };
  const open = () => broker.producer({ transactionalId: 'id' });
  const found: Omit<Subject, 'transaction'> = { broker, clock, refused: [], stored: undefined, aborted: 0 };
  const transaction = new OutputTransaction(await open(), undefined, {
    transactionalId: 'id',
    transactionTimeoutMs: 60_000,
    open,
    storedId: async () => found.stored,
    signal: new AbortController().signal,
    clock: { nowMs: () => clock.now, monotonicMs: () => clock.now },
    log: recordingLog([]),
    onAborted: () => {
      found.aborted++;
    },
  });
  return Object.assign(found, { transaction });
}

function record(value: string): ProduceRecord {
  return { key: null, value: Buffer.from(value), headers: noHeaders, timestampMs: null };
}

function add({ transaction, refused }: Subject, ...values: readonly string[]): void {
  const told = ({ value }: ProduceRecord): unknown => refused.push(String(value));
  transaction.add({ topic: 'out', partition: 0, records: values.map(record), refused: told });
}

function fencedOnce({ broker }: Subject): void {
  let commits = 0;
  broker.beforeCommit = () => {
    if (++commits === 1) throw new TributaryError('PRODUCER_FENCED', 'fenced');
  };
}

test('what was added is held until it is committed, and counted', async () => {
  const it = await subject();
  add(it, 'a', 'b');
  await it.transaction.settle();
  deepEqual(it.broker.values('out'), []);
  equal(it.transaction.heldBytes, 130);
  await it.transaction.commit('checkpoints', 0, [record('1')], '1');
  deepEqual([it.broker.values('out'), it.broker.values('checkpoints')], [['a', 'b'], ['1']]);
  equal(it.transaction.heldBytes, 0);
});

test('a producer that is fenced because its transaction was open for too long takes its id back', async () => {
  const it = await subject();
  fencedOnce(it);
  add(it, 'a');
  await it.transaction.settle();
  it.clock.now = 60_001;
  await it.transaction.commit('checkpoints', 0, [record('1')], '1');
  deepEqual(it.broker.values('out'), ['a']);
  equal(it.aborted, 1);
});

test('a producer that is fenced earlier has been replaced', async () => {
  const it = await subject();
  fencedOnce(it);
  add(it, 'a');
  await rejects(it.transaction.commit('checkpoints', 0, [record('1')], '1'), { code: 'PRODUCER_FENCED' });
  deepEqual(it.broker.values('out'), []);
});

test('a checkpoint of somebody else, found when a producer is opened anew, ends it', async () => {
  const it = await subject();
  it.broker.beforeCommit = () => {
    it.stored = 'theirs';
    throw new TributaryError('BROKER_UNAVAILABLE', 'away', { retriable: true });
  };
  add(it, 'a');
  await rejects(it.transaction.commit('checkpoints', 0, [record('1')], '1'), {
    code: 'PRODUCER_FENCED',
    message: /This application was fenced: another one with the transactional id "id"/,
  });
});

test('records that are refused are handed back one by one, and the others go', async () => {
  const it = await subject();
  it.broker.beforeSend = (topic, _, records) => {
    if (topic === 'out' && records.some(({ value }) => String(value).startsWith('x')))
      throw new TributaryError('RECORD_TOO_LARGE', 'too large');
  };
  add(it, 'a', 'x1', 'b');
  add(it, 'x2');
  add(it, 'c');
  await it.transaction.settle();
  await it.transaction.commit('checkpoints', 0, [record('1')], '1');
  deepEqual(it.refused, ['x1', 'x2']);
  deepEqual(it.broker.values('out'), ['a', 'b', 'c']);
});

test('a checkpoint that is refused for good is no record to leave out: it is the error', async () => {
  const it = await subject();
  it.broker.beforeSend = (topic) => {
    if (topic === 'checkpoints') throw new TributaryError('AUTHORIZATION_FAILED', 'not allowed');
  };
  add(it, 'a');
  await rejects(it.transaction.commit('checkpoints', 0, [record('1')], '1'), { code: 'AUTHORIZATION_FAILED' });
  deepEqual([it.refused, it.broker.values('out')], [[], []]);
});
