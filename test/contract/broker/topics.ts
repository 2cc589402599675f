import { deepEqual, equal, notEqual, ok, rejects } from 'node:assert/strict';
import { test } from 'node:test';
import { isError } from '../../../src/base/errors.ts';
import { type BrokerFixture, eventually, record, sendValues, topicName, valuesOf } from './fixture.ts';

export function topicTests({ name, skip, broker: open }: BrokerFixture): void {
  const it = (what: string, run: () => Promise<void>): void => void test(`${name}: ${what}`, { skip }, run);

  it('a topic is made, listed, described and deleted', async () => {
    const broker = await open();
    const topic = topicName('topic');
    const made = await broker.createTopic({ name: topic, partitions: 3, config: { 'retention.ms': '60000' } });
    equal(made.partitions.length, 3);
    ok((await broker.listTopics()).includes(topic));
    const described = await broker.describeTopic(topic);
    equal(described.id, made.id);
    equal(described.config['retention.ms'], '60000');
    await rejects(broker.createTopic({ name: topic }), { code: 'TOPIC_EXISTS' });
    await broker.deleteTopic(topic);
    equal((await broker.listTopics()).includes(topic), false);
    await rejects(broker.describeTopic(topic), { code: 'UNKNOWN_TOPIC' });
  });

  it('of those who make one topic at the same time one makes it, and the others can use it as soon as they are told', async () => {
    const broker = await open();
    for (let round = 0; round < 5; round++) {
      const topic = topicName('together');
      const make = (): Promise<string> =>
        broker.createTopic({ name: topic }).then(
          () => 'made',
          async (error: unknown) => {
            ok(isError(error, 'TOPIC_EXISTS'), `${error}`);
            return (await broker.describeTopic(topic)).name;
          },
        );
      deepEqual((await Promise.all([make(), make(), make()])).sort(), ['made', topic, topic]);
    }
  });

  it('a topic that is made again has another id and is empty', async () => {
    const broker = await open();
    const topic = topicName('again');
    const first = await broker.createTopic({ name: topic });
    const producer = await broker.producer();
    await sendValues(producer, topic, ['old']);
    await broker.deleteTopic(topic);
    const second = await eventually(
      () => broker.createTopic({ name: topic }).catch(() => undefined),
      (made) => made !== undefined,
      10_000,
    );
    notEqual(second!.id, first.id);
    deepEqual(await valuesOf(broker, topic), []);
    await producer.close();
  });

  it('names, counts and configurations that cannot be are refused', async () => {
    const broker = await open();
    await rejects(broker.createTopic({ name: 'a/b' }), { code: 'INVALID_TOPIC' });
    await rejects(broker.createTopic({ name: topicName('none'), partitions: 0 }), { code: 'INVALID_TOPIC' });
    await rejects(broker.createTopic({ name: topicName('bad'), config: { 'retention.ms': 'soon' } }), {
      code: 'INVALID_CONFIG',
    });
    await rejects(broker.createTopic({ name: topicName('bad'), config: { 'retention.millis': '1' } }), {
      code: 'INVALID_CONFIG',
    });
  });

  it('configurations change, entry by entry', async () => {
    const broker = await open();
    const topic = topicName('config');
    await broker.createTopic({ name: topic, config: { 'retention.ms': '60000', 'max.message.bytes': '5000' } });
    await broker.alterTopicConfig(topic, { 'retention.ms': '70000', 'max.message.bytes': null });
    const changed = await eventually(
      () => broker.describeTopic(topic),
      ({ config }) => config['retention.ms'] === '70000',
      5000,
    );
    deepEqual(changed.config, { 'retention.ms': '70000' });
    await rejects(broker.alterTopicConfig(topic, { 'retention.ms': 'x' }), { code: 'INVALID_CONFIG' });
    await rejects(broker.alterTopicConfig(topicName('no'), { 'retention.ms': '1' }), { code: 'UNKNOWN_TOPIC' });
  });

  it('partitions become more, never fewer', async () => {
    const broker = await open();
    const topic = topicName('grow');
    await broker.createTopic({ name: topic, partitions: 2 });
    await broker.addPartitions(topic, 4);
    const grown = await eventually(
      () => broker.describeTopic(topic),
      ({ partitions }) => partitions.length === 4,
      5000,
    );
    equal(grown.partitions.length, 4);
    await rejects(broker.addPartitions(topic, 3), { code: 'INVALID_TOPIC' });
    const producer = await broker.producer();
    await producer.send(topic, 3, [record('x')]);
    deepEqual(await valuesOf(broker, topic, { partition: 3 }), ['x']);
    await producer.close();
  });

  it('records are deleted before an offset', async () => {
    const broker = await open();
    const topic = topicName('delete');
    await broker.createTopic({ name: topic });
    const producer = await broker.producer();
    for (const value of ['a', 'b', 'c', 'd']) await sendValues(producer, topic, [value]);
    equal(await broker.deleteRecords(topic, 0, 2), 2);
    equal(await broker.offset(topic, 0, 'earliest'), 2);
    deepEqual(await valuesOf(broker, topic), ['c', 'd']);
    await rejects(broker.deleteRecords(topic, 0, 9), { code: 'OFFSET_OUT_OF_RANGE' });
    equal(await broker.deleteRecords(topic, 0, -1), 4);
    deepEqual(await valuesOf(broker, topic), []);
    await producer.close();
  });

  it('the cluster has an id that stays', async () => {
    const broker = await open();
    equal(await broker.clusterId(), await broker.clusterId());
  });
}
