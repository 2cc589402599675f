import { deepEqual, equal, rejects } from 'node:assert/strict';
import { test } from 'node:test';
import type { Broker } from '../../../src/broker/broker.ts';
import { type BrokerFixture, eventually, sendValues, topicName, valuesOf } from './fixture.ts';

export function transactionTests({ name, skip, broker: open }: BrokerFixture): void {
  const it = (what: string, run: () => Promise<void>): void => void test(`${name}: ${what}`, { skip }, run);

  it('a committed transaction is read, an aborted one is skipped, and an open one is not passed', async () => {
    const broker = await open();
    const topic = topicName('txn');
    await broker.createTopic({ name: topic });
    await using producer = await broker.producer({ transactionalId: topicName('id') });
    await using plain = await broker.producer();
    await producer.begin();
    await sendValues(producer, topic, ['a', 'b']);
    await producer.commit();
    for (const value of ['x', 'y']) {
      await producer.begin();
      await sendValues(producer, topic, [value]);
      await producer.abort();
    }
    await sendValues(plain, topic, ['c']);
    await holds(broker, topic, ['a', 'b', 'c']);
    deepEqual(await valuesOf(broker, topic, { isolation: 'read-uncommitted' }), ['a', 'b', 'x', 'y', 'c']);
    await producer.begin();
    await sendValues(producer, topic, ['open']);
    await sendValues(plain, topic, ['behind']);
    await holds(broker, topic, ['a', 'b', 'c']);
    await producer.commit();
    await holds(broker, topic, ['a', 'b', 'c', 'open', 'behind']);
  });

  it('offsets of a group are committed with the transaction, and not when it is aborted', async () => {
    const broker = await open();
    const topic = topicName('txn-offsets');
    const groupId = topicName('group');
    await broker.createTopic({ name: topic });
    await using producer = await broker.producer({ transactionalId: topicName('id') });
    await producer.begin();
    await producer.sendOffsets(groupId, [{ topic, partition: 0, offset: 3 }]);
    await producer.abort();
    deepEqual(await broker.committedOffsets(groupId), []);
    await producer.begin();
    await sendValues(producer, topic, ['a']);
    await producer.sendOffsets(groupId, [{ topic, partition: 0, offset: 5 }]);
    await producer.commit();
    const committed = await eventually(
      () => broker.committedOffsets(groupId),
      ({ length }) => length > 0,
      markersMs,
    );
    deepEqual(committed, [{ topic, partition: 0, offset: 5 }]);
  });

  it('a second producer with the same id fences the first, whose open transaction is aborted', async () => {
    const broker = await open();
    const topic = topicName('fence');
    const transactionalId = topicName('id');
    await broker.createTopic({ name: topic });
    await using first = await broker.producer({ transactionalId });
    await first.begin();
    await sendValues(first, topic, ['lost']);
    await using second = await broker.producer({ transactionalId });
    await rejects(
      (async () => {
        await sendValues(first, topic, ['no']);
        await first.commit();
      })(),
      { code: 'PRODUCER_FENCED' },
    );
    await second.begin();
    await sendValues(second, topic, ['kept']);
    await second.commit();
    await holds(broker, topic, ['kept']);
  });

  it('calls out of turn are typed errors', async () => {
    const broker = await open();
    await using plain = await broker.producer();
    await rejects(plain.begin(), { code: 'TRANSACTION_INVALID_STATE' });
    await using producer = await broker.producer({ transactionalId: topicName('id') });
    await rejects(producer.commit(), { code: 'TRANSACTION_INVALID_STATE' });
    await producer.begin();
    await rejects(producer.begin(), { code: 'TRANSACTION_INVALID_STATE' });
    await producer.abort();
    equal(await producer.flush(), undefined);
  });
}

/** A commit is safe when it returns; Kafka writes the markers that let readers pass a moment later. */
const markersMs = 10_000;

async function holds(broker: Broker, topic: string, wanted: readonly string[]): Promise<void> {
  const values = await eventually(
    () => valuesOf(broker, topic),
    ({ length }) => length >= wanted.length,
    markersMs,
  );
  deepEqual(values, wanted);
}
