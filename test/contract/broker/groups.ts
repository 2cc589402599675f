import { deepEqual, equal, ok, rejects } from 'node:assert/strict';
import { test } from 'node:test';
import type { GroupMember } from '../../../src/broker/broker.ts';
import { type BrokerFixture, eventually, sendValues, take, text, topicName } from './fixture.ts';

const settleMs = 30_000;

export function groupTests({ name, skip, broker: open, reopenable }: BrokerFixture): void {
  const it = (what: string, run: () => Promise<void>): void => void test(`${name}: ${what}`, { skip }, run);

  it('members share the partitions, each owned once, and share anew when one joins or leaves', async () => {
    const broker = await open();
    const topic = topicName('share');
    await broker.createTopic({ name: topic, partitions: 6 });
    const groupId = topicName('group');
    const members: GroupMember[] = [];
    for (const wanted of [[6], [3, 3], [2, 2, 2]]) {
      members.push(await broker.group({ groupId, topics: [topic], fetch: false }));
      deepEqual(await settled(members, 6), wanted);
    }
    await members.pop()!.close();
    deepEqual(await settled(members, 6), [3, 3]);
    await Promise.all(members.map((member) => member.close()));
  });

  it('records of all partitions arrive, and a new member goes on behind what was committed', async () => {
    const broker = await open();
    const topic = topicName('commit');
    await broker.createTopic({ name: topic, partitions: 2 });
    await using producer = await broker.producer();
    for (const partition of [0, 1]) await sendValues(producer, topic, [`${partition}a`, `${partition}b`], partition);
    const groupId = topicName('group');
    const first = await broker.group({ groupId, topics: [topic], startAt: 'earliest' });
    deepEqual((await take(first.records, 4)).map(text).sort(), ['0a', '0b', '1a', '1b']);
    await first.commit([
      { topic, partition: 0, offset: 2 },
      { topic, partition: 1, offset: 1 },
    ]);
    equal(await first.committed({ topic, partition: 1 }), 1);
    await first.close();
    const second = await broker.group({ groupId, topics: [topic], startAt: 'earliest' });
    deepEqual((await take(second.records, 1)).map(text), ['1b']);
    await rejects(broker.deleteGroup(groupId), { code: 'CONFLICT' });
    await second.close();
    const offsets = await broker.committedOffsets(groupId);
    deepEqual(
      [...offsets].sort((a, b) => a.partition - b.partition),
      [
        { topic, partition: 0, offset: 2 },
        { topic, partition: 1, offset: 1 },
      ],
    );
    await broker.setCommittedOffsets(groupId, [{ topic, partition: 0, offset: 1 }]);
    ok((await broker.committedOffsets(groupId)).some(({ partition, offset }) => partition === 0 && offset === 1));
    await broker.deleteGroup(groupId);
    deepEqual(await broker.committedOffsets(groupId), []);
    await rejects(broker.deleteGroup(groupId), { code: 'NOT_FOUND' });
  });

  it('what a group has committed survives a reopen of the broker, and a member goes on behind it', async () => {
    await using own = await reopenable();
    const topic = topicName('reopened');
    await own.broker.createTopic({ name: topic, partitions: 2 });
    const producer = await own.broker.producer();
    for (const partition of [0, 1]) await sendValues(producer, topic, [`${partition}a`, `${partition}b`], partition);
    const groupId = topicName('group');
    const member = await own.broker.group({ groupId, topics: [topic], startAt: 'earliest' });
    await take(member.records, 4);
    await member.commit([{ topic, partition: 0, offset: 1 }]);
    await member.commit([
      { topic, partition: 0, offset: 2 },
      { topic, partition: 1, offset: 1 },
    ]);
    await own.reopen();
    const offsets = await own.broker.committedOffsets(groupId);
    deepEqual(
      [...offsets].sort((a, b) => a.partition - b.partition),
      [
        { topic, partition: 0, offset: 2 },
        { topic, partition: 1, offset: 1 },
      ],
    );
    const again = await own.broker.group({ groupId, topics: [topic], startAt: 'earliest' });
    deepEqual((await take(again.records, 1)).map(text), ['1b']);
    await again.close();
    await own.broker.deleteGroup(groupId);
    await own.reopen();
    deepEqual(await own.broker.committedOffsets(groupId), []);
  });

  it('a member is told before partitions are taken away, and can still commit', async () => {
    const broker = await open();
    const topic = topicName('revoke');
    await broker.createTopic({ name: topic, partitions: 2 });
    const groupId = topicName('group');
    const revoked: number[] = [];
    let first: GroupMember | undefined;
    first = await broker.group({
      groupId,
      topics: [topic],
      fetch: false,
      onRevoked: async (partitions, how) => {
        if (how !== 'revoked') return;
        revoked.push(...partitions.map(({ partition }) => partition));
        await first!.commit(partitions.map((partition) => ({ ...partition, offset: 0 })));
      },
    });
    await settled([first], 2);
    const second = await broker.group({ groupId, topics: [topic], fetch: false });
    deepEqual(await settled([first, second], 2), [1, 1]);
    deepEqual(
      revoked,
      second.assignment.map(({ partition }) => partition),
    );
    equal((await broker.committedOffsets(groupId)).length, 1);
    await Promise.all([first.close(), second.close()]);
  });
}

/** Numbers of partitions of each member, once together they own all, each once. */
async function settled(members: readonly GroupMember[], partitions: number): Promise<number[]> {
  const counts = await eventually(
    async () => members.map(({ assignment }) => assignment),
    (assignments) => {
      const owned = assignments.flat().map(({ partition }) => partition);
      const even = assignments.every(({ length }) => length === partitions / members.length);
      return owned.length === partitions && new Set(owned).size === partitions && even;
    },
    settleMs,
  );
  return counts.map(({ length }) => length);
}
