/** What becomes of calls while nobody answers: they end when their signal aborts, or when their time is over. */
import { deepEqual, equal, rejects } from 'node:assert/strict';
import { test } from 'node:test';
import type { Broker, GroupMember, Producer } from '../../../src/broker/broker.ts';
import { type BrokerFixture, readAll, record, sendValues, text, topicName, valuesOf } from './fixture.ts';

/** What the calls are made on. */
interface Things {
  readonly broker: Broker;
  readonly topic: string;
  readonly groupId: string;
  readonly member: GroupMember;
  readonly producer: Producer;
}

type Call = (things: Things, signal: AbortSignal) => Promise<unknown>;

const calls: Readonly<Record<string, Call>> = {
  clusterId: ({ broker }, signal) => broker.clusterId({ signal }),
  listTopics: ({ broker }, signal) => broker.listTopics({ signal }),
  describeTopic: ({ broker, topic }, signal) => broker.describeTopic(topic, { signal }),
  createTopic: ({ broker }, signal) => broker.createTopic({ name: topicName('new') }, { signal }),
  alterTopicConfig: ({ broker, topic }, signal) =>
    broker.alterTopicConfig(topic, { 'retention.ms': '90000' }, { signal }),
  addPartitions: ({ broker, topic }, signal) => broker.addPartitions(topic, 5, { signal }),
  'offset, the last': ({ broker, topic }, signal) => broker.offset(topic, 0, 'latest', { signal }),
  'offset of a time': ({ broker, topic }, signal) => broker.offset(topic, 0, { timestampMs: 0 }, { signal }),
  producer: ({ broker }, signal) => broker.producer({ signal }),
  'producer with transactions': ({ broker }, signal) => broker.producer({ transactionalId: topicName('id'), signal }),
  partitionCount: ({ producer, topic }, signal) => producer.partitionCount(topic, { signal }),
  group: ({ broker, topic }, signal) => broker.group({ groupId: topicName('group'), topics: [topic], signal }),
  commit: ({ member, topic }, signal) => member.commit([{ topic, partition: 0, offset: 1 }], { signal }),
  committed: ({ member, topic }, signal) => member.committed({ topic, partition: 0 }, { signal }),
  committedOffsets: ({ broker, groupId }, signal) => broker.committedOffsets(groupId, { signal }),
  setCommittedOffsets: ({ broker, topic }, signal) =>
    broker.setCommittedOffsets(topicName('group'), [{ topic, partition: 0, offset: 1 }], { signal }),
  deleteGroup: ({ broker }, signal) => broker.deleteGroup(topicName('group'), { signal }),
  deleteRecords: ({ broker, topic }, signal) => broker.deleteRecords(topic, 0, 1, { signal }),
  deleteTopic: ({ broker, topic }, signal) => broker.deleteTopic(topic, { signal }),
};

export function abortTests({ name, skip, broker: open, stallable, answersAlone }: BrokerFixture): void {
  const it = (what: string, run: () => Promise<void>): void => void test(`${name}: ${what}`, { skip }, run);

  it('a call whose signal was aborted before does nothing', async () => {
    const broker = await open();
    const topic = topicName('abort');
    await broker.createTopic({ name: topic });
    const groupId = topicName('group');
    await using member = await broker.group({ groupId, topics: [topic], fetch: false });
    await using producer = await broker.producer();
    const things: Things = { broker, topic, groupId, member, producer };
    for (const [what, call] of Object.entries(calls)) {
      if (what === 'partitionCount') continue; // known already: there is nothing to wait for
      await rejects(call(things, AbortSignal.abort()), { code: 'ABORTED' }, what);
    }
    equal((await broker.describeTopic(topic)).partitions.length, 1);
    deepEqual(await valuesOf(broker, topic, { signal: AbortSignal.abort() }), []);
  });

  it('every call that waits ends with ABORTED when its signal aborts, though nobody answers', async () => {
    await using cutOff = await stallable();
    const { broker } = cutOff;
    const topic = topicName('abort');
    const groupId = topicName('group');
    await broker.createTopic({ name: topic });
    await using member = await broker.group({ groupId, topics: [topic], fetch: false });
    await using producer = await broker.producer();
    await sendValues(producer, topic, ['a', 'b']);
    const things: Things = { broker, topic, groupId, member, producer };
    cutOff.stall();
    const outcomes = await Promise.all(
      Object.entries(calls).map(async ([what, call]) => {
        const stop = new AbortController();
        const outcome = call(things, stop.signal).then(
          () => 'answered',
          (error: { readonly code?: string }) => error.code ?? String(error),
        );
        // Its question is on the way, or at least made, when the signal comes.
        for (let turn = 0; turn < 5; turn++) await new Promise((next) => setImmediate(next));
        stop.abort();
        return [what, await outcome] as const;
      }),
    );
    cutOff.resume();
    deepEqual(
      outcomes,
      Object.keys(calls).map((what) => [what, answersAlone.includes(what) ? 'answered' : 'ABORTED']),
    );
    equal((await broker.createTopic({ name: topicName('after') })).partitions.length, 1);
  });

  it('a reader that waits for a broker which does not answer ends without an error', async () => {
    await using cutOff = await stallable();
    const { broker } = cutOff;
    const topic = topicName('abort-read');
    await broker.createTopic({ name: topic });
    await using producer = await broker.producer();
    await sendValues(producer, topic, ['a']);
    cutOff.stall();
    const stop = new AbortController();
    const reading = readAll(broker, topic, { until: undefined, signal: stop.signal });
    for (let turn = 0; turn < 5; turn++) await new Promise((next) => setImmediate(next));
    stop.abort();
    deepEqual(await reading, []);
    cutOff.resume();
  });

  it('a reader that waits at the end, and a member that waits for records, end when they are stopped', async () => {
    const broker = await open();
    const topic = topicName('abort-wait');
    await broker.createTopic({ name: topic });
    const stop = new AbortController();
    let started = (): void => {};
    const hasStarted = new Promise<void>((resolve) => {
      started = resolve;
    });
    const reading = readAll(broker, topic, { until: undefined, signal: stop.signal, onStart: started });
    const member = await broker.group({ groupId: topicName('group'), topics: [topic] });
    const polling = (async () => {
      let count = 0;
      for await (const { records } of member.records) count += records.length;
      return count;
    })();
    await hasStarted;
    stop.abort();
    deepEqual(await reading, []);
    await member.close();
    equal(await polling, 0);
  });

  it('a send that nobody answers fails with TIMEOUT, and later sends are stored in order', async () => {
    await using cutOff = await stallable();
    const { broker } = cutOff;
    const topic = topicName('late');
    await broker.createTopic({ name: topic });
    await using producer = await broker.producer({ deliveryTimeoutMs: 1000 });
    await sendValues(producer, topic, ['before']);
    cutOff.stall();
    const late = Array.from({ length: 3 }, (_, i) => producer.send(topic, 0, [record(`late-${i}`)]));
    for (const send of late) await rejects(send, { code: 'TIMEOUT' });
    cutOff.resume();
    await using after = await broker.producer();
    for (let i = 0; i < 5; i++) await sendValues(producer, topic, [`after-${i}`]);
    await sendValues(after, topic, ['other']);
    const values = (await readAll(broker, topic)).map(text);
    // The outcome of those that were late is unknown: each is there once or not at all, and before what came later.
    const stored = values.filter((value) => value?.startsWith('late-') === true);
    deepEqual(stored, [...new Set(stored)].sort());
    deepEqual(values, ['before', ...stored, ...Array.from({ length: 5 }, (_, i) => `after-${i}`), 'other']);
  });
}
