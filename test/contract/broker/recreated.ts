/** A topic that is deleted and made again under those who use it. */
import { deepEqual, equal, notEqual, rejects } from 'node:assert/strict';
import { test } from 'node:test';
import { type BrokerFixture, eventually, sendValues, take, text, topicName, valuesOf } from './fixture.ts';

export function recreatedTests({ name, skip, stallable }: BrokerFixture): void {
  const it = (what: string, run: () => Promise<void>): void => void test(`${name}: ${what}`, { skip }, run);

  it('a reader that knew the old topic is told that there is another one', async () => {
    await using cutOff = await stallable();
    const { broker, other } = cutOff;
    const topic = topicName('again-read');
    const first = await broker.createTopic({ name: topic });
    await using producer = await other.producer();
    await sendValues(producer, topic, ['old']);
    const reading = broker.read({ topic, partition: 0, from: 'earliest' })[Symbol.asyncIterator]();
    deepEqual((await reading.next()).value?.records.map(text), ['old']);
    // It does not see that the topic was away in between.
    if (other !== broker) cutOff.stall();
    await other.deleteTopic(topic);
    const second = await other.createTopic({ name: topic });
    notEqual(second.id, first.id);
    await sendValues(producer, topic, ['new']);
    cutOff.resume();
    await rejects(async () => reading.next(), { code: 'TOPIC_RECREATED' });
    deepEqual(await valuesOf(broker, topic), ['new']);
  });

  it('a reader whose topic is gone is told that, too', async () => {
    await using cutOff = await stallable();
    const { broker, other } = cutOff;
    const topic = topicName('gone-read');
    await broker.createTopic({ name: topic });
    await using producer = await other.producer();
    await sendValues(producer, topic, ['old']);
    const reading = broker.read({ topic, partition: 0, from: 'earliest' })[Symbol.asyncIterator]();
    deepEqual((await reading.next()).value?.records.map(text), ['old']);
    await other.deleteTopic(topic);
    await rejects(async () => reading.next(), { code: 'UNKNOWN_TOPIC' });
  });

  it('a producer that knew the old topic writes to the new one, from its start and in order', async () => {
    await using cutOff = await stallable();
    const { broker, other } = cutOff;
    const topic = topicName('again-write');
    await broker.createTopic({ name: topic });
    await using producer = await broker.producer();
    for (const value of ['a', 'b', 'c']) await sendValues(producer, topic, [value]);
    await other.deleteTopic(topic);
    await other.createTopic({ name: topic });
    for (const value of ['d', 'e', 'f']) await sendValues(producer, topic, [value]);
    deepEqual(await valuesOf(other, topic), ['d', 'e', 'f']);
    equal(await other.offset(topic, 0, 'latest'), 3);
  });

  it('a member of a group goes on with the new topic', async () => {
    await using cutOff = await stallable();
    const { broker, other } = cutOff;
    const topic = topicName('again-group');
    await broker.createTopic({ name: topic });
    await using producer = await other.producer();
    await sendValues(producer, topic, ['old']);
    const retries: string[] = [];
    await using member = await broker.group({
      groupId: topicName('group'),
      topics: [topic],
      startAt: 'earliest',
      onRetry: ({ reason }) => retries.push(reason),
    });
    deepEqual((await take(member.records, 1)).map(text), ['old']);
    await other.deleteTopic(topic);
    await other.createTopic({ name: topic });
    await sendValues(producer, topic, ['new']);
    const owned = await eventually(
      async () => member.assignment.length,
      (count) => count === 1,
      30_000,
    );
    equal(owned, 1, retries.join('; '));
    deepEqual((await take(member.records, 1)).map(text), ['new']);
  });
}
