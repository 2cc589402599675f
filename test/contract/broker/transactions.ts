import { deepEqual, equal, ok, rejects } from 'node:assert/strict';
import { test } from 'node:test';
import type { Producer } from '../../../src/broker/broker.ts';
import {
  type BrokerFixture,
  eventually,
  holds,
  markersMs,
  record,
  sendValues,
  topicName,
  valuesOf,
} from './fixture.ts';

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

  it('a later producer with the same fencing id fences the first one, once it has sent; neither has a transaction', async () => {
    const broker = await open();
    const topic = topicName('fenced');
    const fencingId = topicName('id');
    await broker.createTopic({ name: topic });
    await using first = await broker.producer({ fencingId });
    await sendValues(first, topic, ['a']);
    await rejects(first.begin(), { code: 'TRANSACTION_INVALID_STATE' });
    await using second = await broker.producer({ fencingId });
    await sendValues(second, topic, ['b', 'c']);
    await rejects(sendValues(first, topic, ['late']), { code: 'PRODUCER_FENCED' });
    await sendValues(second, topic, ['d']);
    deepEqual(await valuesOf(broker, topic), ['a', 'b', 'c', 'd']);
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

  it('a producer that is fenced in the middle of its sends ends each of them, and none is seen', async () => {
    const broker = await open();
    const topic = topicName('fence-sending');
    const transactionalId = topicName('id');
    await broker.createTopic({ name: topic });
    await using first = await broker.producer({ transactionalId });
    await first.begin();
    let newer: Promise<Producer> | undefined;
    const outcomes: Promise<string>[] = [];
    for (let i = 0; i < 200; i++) {
      const sent = first.send(topic, 0, [record(`lost-${i}`.padEnd(5000, '.'))]);
      outcomes.push(
        sent.then(
          () => 'stored',
          ({ code }: { readonly code: string }) => code,
        ),
      );
      if (i % 10 === 0) await new Promise((next) => setImmediate(next));
      if (i === 100) newer = broker.producer({ transactionalId });
    }
    await using second = await newer!;
    const seen = new Set(await Promise.all(outcomes));
    for (const outcome of seen)
      ok(['stored', 'PRODUCER_FENCED', 'TRANSACTION_ABORTED'].includes(outcome), `a send ended with ${outcome}`);
    await rejects(first.commit(), { code: 'PRODUCER_FENCED' });
    await rejects(first.send(topic, 0, [record('late')]), { code: 'PRODUCER_FENCED' });
    await rejects(first.begin(), { code: 'PRODUCER_FENCED' });
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
