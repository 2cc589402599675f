/** Sources in transactions, on both brokers: what a reader of committed records sees, whatever breaks meanwhile. */
import { deepEqual, equal, match, rejects } from 'node:assert/strict';
import { after, test } from 'node:test';
import { codecs } from '../../src/app/codecs.ts';
import { TributaryError } from '../../src/base/errors.ts';
import type { Broker, Producer } from '../../src/broker/broker.ts';
import { openEmbeddedBroker } from '../../src/broker/embedded/embedded.ts';
import { openKafkaBroker } from '../../src/broker/kafka/kafka.ts';
import type { SourceBatch } from '../../src/connectors/contract.ts';
import { errorPolicyOf } from '../../src/worker/error-policy.ts';
import { type SourceTaskOptions, startSourceTask } from '../../src/worker/source-task.ts';
import type { TransactionBoundary } from '../../src/worker/transaction-boundary.ts';
import { eventually, topicName, valuesOf } from '../contract/broker/fixture.ts';
import { kafkaMissing, startKafka } from '../support/kafka.ts';
import { type ScriptedRun, scriptedPartition, scriptedSource, textRecord } from '../support/scripted-source.ts';
import { sourceTaskOptions } from '../support/source-task.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { withProducers } from '../support/with-producers.ts';

const missing = await kafkaMissing();
const kafka = missing === false ? await startKafka() : undefined;
const folder = await tempFolder('exactly-once');
const brokers: Record<string, Promise<Broker> | undefined> = {
  embedded: openEmbeddedBroker({ directory: folder.path, codecs }),
  kafka: kafka === undefined ? undefined : openKafkaBroker({ bootstrap: [kafka.bootstrap], codecs }),
};
after(async () => {
  for (const broker of Object.values(brokers)) await (await broker)?.close();
  await kafka?.[Symbol.asyncDispose]();
  await folder[Symbol.asyncDispose]();
});

const patienceMs = 30_000;

for (const [name, opening] of Object.entries(brokers)) {
  const skip = opening === undefined ? missing || 'no Kafka' : false;
  const it = (what: string, run: () => Promise<void>): void =>
    void test(`${name}: ${what}`, { skip, timeout: 300_000 }, run);

  const setup = async (
    boundary: TransactionBoundary,
    change: Partial<SourceTaskOptions> = {},
    hand?: (producer: Producer) => Partial<Producer>,
  ) => {
    const real = (await opening)!;
    const topic = topicName('eos');
    await real.createTopic({ name: topic });
    const transactionalId = topicName('id');
    const broker = hand === undefined ? real : withProducers(real, hand);
    const connector = scriptedSource();
    const made = await sourceTaskOptions(broker, connector, topicName('offsets'), {
      config: { topic },
      exactlyOnce: { transactionalId, boundary },
      ...change,
    });
    const task = startSourceTask(made.options);
    const opened = async (index = 0): Promise<ScriptedRun> =>
      eventually(
        async () => connector.runs[index]!,
        (run) => run !== undefined,
        patienceMs,
      );
    const holds = async (wanted: readonly string[]): Promise<void> => {
      const values = await eventually(
        () => valuesOf(real, topic),
        ({ length }) => length >= wanted.length,
        patienceMs,
      );
      deepEqual(values, wanted);
    };
    const offset = async (): Promise<unknown> => {
      await made.options.offsets.caughtUp();
      return made.options.offsets.get('c', scriptedPartition);
    };
    const batch = (value: string, sequence: number, transactionEnd?: 'commit' | 'abort'): SourceBatch => ({
      records: [textRecord(topic, value)],
      partition: scriptedPartition,
      offset: { sequence },
      receivedAtMs: 0,
      ...(transactionEnd === undefined ? {} : { transactionEnd }),
    });
    return { real, topic, connector, made, task, opened, holds, offset, batch };
  };

  it('records and offsets are there together, and the next run goes on behind them', async () => {
    const { made, task, opened, holds, offset, topic, real } = await setup({ kind: 'poll' });
    const run = await opened();
    run.give('a', 'b');
    run.give('c');
    await holds(['a', 'b', 'c']);
    deepEqual(await offset(), { sequence: 3 });
    task.stop();
    equal(await task.ended, true);
    const again = startSourceTask(made.options);
    const second = await opened(1);
    deepEqual(second.context.resumeOffset(scriptedPartition), { sequence: 3 });
    second.give('d');
    again.stop();
    equal(await again.ended, true);
    await holds(['a', 'b', 'c', 'd']);
    // Markers stand between the transactions: the topic is longer than its records.
    equal((await real.offset(topic, 0, 'latest')) > 4, true);
  });

  it('a transaction that breaks before its commit is sent again, and seen once', async () => {
    let broken = 2;
    const { task, opened, holds, made } = await setup({ kind: 'poll' }, {}, (producer) => ({
      commit: () =>
        broken-- > 0
          ? Promise.reject(new TributaryError('BROKER_UNAVAILABLE', 'cut off', { retriable: true }))
          : producer.commit(),
    }));
    const run = await opened();
    run.give('a', 'b');
    await holds(['a', 'b']);
    run.give('c');
    task.stop();
    equal(await task.ended, true);
    await holds(['a', 'b', 'c']);
    equal(made.counter('tributary_source_transactions_aborted_total'), 2);
    equal(made.counter('kafka_connect_source_task_source_record_write_total'), 3);
  });

  it('a commit that took place though nobody heard of it is not made again', async () => {
    let deaf = 1;
    const { task, opened, holds } = await setup({ kind: 'poll' }, {}, (producer) => ({
      async commit() {
        await producer.commit();
        if (deaf-- > 0) throw new TributaryError('BROKER_UNAVAILABLE', 'cut off', { retriable: true });
      },
    }));
    const run = await opened();
    run.give('a', 'b');
    await holds(['a', 'b']);
    run.give('c');
    task.stop();
    equal(await task.ended, true);
    await holds(['a', 'b', 'c']);
  });

  it('a transaction that was open for too long is made again', async () => {
    const { task, opened, holds } = await setup(
      { kind: 'interval', intervalMs: 4_000 },
      { producer: { transactionTimeoutMs: 1_000 } },
    );
    const run = await opened();
    run.give('a');
    await holds(['a']);
    run.give('b');
    task.stop();
    equal(await task.ended, true);
    await holds(['a', 'b']);
  });

  it('a task that was replaced is fenced and says so, and what it had is not seen', async () => {
    const { made, task, opened, holds, connector } = await setup({ kind: 'poll' });
    const first = await opened();
    first.give('a');
    await holds(['a']);
    const other = startSourceTask(made.options);
    const second = await opened(1);
    const lost = rejects(task.ended, (error: TributaryError) => {
      equal(error.code, 'PRODUCER_FENCED');
      match(error.message, /^This task was fenced: another one with the transactional id "id-.*" has taken its place$/);
      return true;
    });
    first.give('lost');
    await lost;
    second.give('b');
    await holds(['a', 'b']);
    other.stop();
    equal(await other.ended, true);
    equal(connector.runs.length, 2);
  });

  it('by interval nothing is seen before its time, and then though the source is silent', async () => {
    const { task, opened, holds, real, topic } = await setup({ kind: 'interval', intervalMs: 700 });
    const run = await opened();
    run.give('a');
    run.give('b');
    await eventually(
      () => real.offset(topic, 0, 'latest'),
      (end) => end >= 2,
      patienceMs,
    );
    await holds(['a', 'b']);
    run.give('c');
    task.stop();
    equal(await task.ended, true);
    await holds(['a', 'b', 'c']);
  });

  it('a connector ends its transactions itself: aborted ones are never seen, an open one not either', async () => {
    const { task, opened, holds, offset, batch, made } = await setup({ kind: 'connector' });
    const run = await opened();
    run.giveBatch(batch('a', 1));
    run.giveBatch(batch('b', 2, 'commit'));
    await holds(['a', 'b']);
    run.giveBatch(batch('no', 3));
    run.giveBatch(batch('never', 4, 'abort'));
    run.giveBatch(batch('c', 5, 'commit'));
    await holds(['a', 'b', 'c']);
    deepEqual(await offset(), { sequence: 5 });
    run.giveBatch(batch('open', 6));
    task.stop();
    await task.ended;
    await holds(['a', 'b', 'c']);
    deepEqual(await offset(), { sequence: 5 });
    equal(made.counter('tributary_source_records_left_at_stop_total'), 1);
  });

  it('a record that fails the task leaves nothing of its batch behind, and the batches before it whole', async () => {
    const failing = (value: unknown) => String(value) === 'bad';
    const transforms = {
      apply(record: SourceBatch['records'][number]) {
        if (failing(record.value)) throw new TributaryError('CONVERSION_FAILED', 'this one is bad');
        return record;
      },
    };
    const { task, opened, holds, offset } = await setup({ kind: 'interval', intervalMs: 60_000 }, { transforms });
    const run = await opened();
    run.give('a');
    run.give('b', 'bad', 'c');
    await rejects(task.ended, /this one is bad/);
    await holds(['a']);
    deepEqual(await offset(), { sequence: 1 });
  });

  it('dead letters are part of the transaction', async () => {
    const dead = topicName('dead');
    await (await opening)!.createTopic({ name: dead });
    const config = { 'errors.tolerance': 'all', 'errors.deadletterqueue.topic.name': dead };
    const transforms = {
      apply(record: SourceBatch['records'][number]) {
        if (String(record.value) === 'bad') throw new TributaryError('CONVERSION_FAILED', 'this one is bad');
        return record;
      },
    };
    let broken = 1;
    const { task, opened, holds, offset, real } = await setup(
      { kind: 'poll' },
      { transforms, errors: errorPolicyOf(config) },
      (producer) => ({
        commit: () =>
          broken-- > 0
            ? Promise.reject(new TributaryError('BROKER_UNAVAILABLE', 'cut off', { retriable: true }))
            : producer.commit(),
      }),
    );
    const run = await opened();
    run.give('a', 'bad');
    await holds(['a']);
    task.stop();
    await task.ended;
    deepEqual(await valuesOf(real, dead), ['bad']);
    deepEqual(await offset(), { sequence: 2 });
  });
}
