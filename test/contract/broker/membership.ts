/** Members of groups that pause, come back under their name, or die; and topics that are found by a pattern. */
import { deepEqual, equal, ok, rejects } from 'node:assert/strict';
import { test } from 'node:test';
import type { FetchedRecords, GroupMember } from '../../../src/broker/broker.ts';
import type { TopicPartition } from '../../../src/record/record.ts';
import { type BrokerFixture, eventually, sendValues, take, text, topicName } from './fixture.ts';

const settleMs = 30_000;

export function membershipTests({ name, skip, broker: open, stallable }: BrokerFixture): void {
  const it = (what: string, run: () => Promise<void>): void => void test(`${name}: ${what}`, { skip }, run);

  it('a paused partition gives nothing until it is resumed, and then all of it; the others go on', async () => {
    const broker = await open();
    const topic = topicName('pause');
    await broker.createTopic({ name: topic, partitions: 2 });
    await using producer = await broker.producer();
    await using member = await broker.group({ groupId: topicName('group'), topics: [topic], startAt: 'earliest' });
    const records = member.records[Symbol.asyncIterator]();
    await sendValues(producer, topic, ['first'], 0);
    deepEqual(await nextOf(records), ['0 first']);
    member.pause([{ topic, partition: 0 }]);
    for (let round = 0; round < 5; round++) {
      await sendValues(producer, topic, [`quiet-${round}`], 0);
      await sendValues(producer, topic, [`loud-${round}`], 1);
      deepEqual(await nextOf(records), [`1 loud-${round}`]);
    }
    member.resume([{ topic, partition: 0 }]);
    const resumed: string[] = [];
    while (resumed.length < 5) resumed.push(...(await nextOf(records)));
    deepEqual(
      resumed,
      [0, 1, 2, 3, 4].map((round) => `0 quiet-${round}`),
    );
  });

  it('a pattern takes every topic whose whole name matches, those made later included', async () => {
    const broker = await open();
    const stem = topicName('pattern');
    const [one, other, later] = [`${stem}.a`, `x${stem}.a`, `${stem}.bb`];
    for (const topic of [one, other]) await broker.createTopic({ name: topic });
    await using producer = await broker.producer();
    await sendValues(producer, one, ['one']);
    await sendValues(producer, other, ['no']);
    await using member = await broker.group({
      groupId: topicName('group'),
      topics: [],
      topicPattern: new RegExp(`${stem.replaceAll('-', '\\-')}\\.[ab]+`),
      startAt: 'earliest',
    });
    deepEqual(member.assignment, [{ topic: one, partition: 0 }]);
    deepEqual((await take(member.records, 1)).map(text), ['one']);
    await broker.createTopic({ name: later });
    await sendValues(producer, later, ['later']);
    const assignment = await eventually(
      async () => member.assignment,
      ({ length }) => length === 2,
      settleMs,
    );
    deepEqual(assignment.map(({ topic }) => topic).sort(), [one, later]);
    deepEqual((await take(member.records, 1)).map(text), ['later']);
  });

  it('a member that comes back under its instance id gets its partitions again, and nobody else is disturbed', async () => {
    const broker = await open();
    const topic = topicName('static');
    const groupId = topicName('group');
    await broker.createTopic({ name: topic, partitions: 4 });
    const events: string[] = [];
    const [one, two] = await Promise.all(
      ['one', 'two'].map((instanceId) =>
        broker.group({
          groupId,
          topics: [topic],
          instanceId,
          fetch: false,
          onRevoked: (gone) => void events.push(`${instanceId} loses ${gone.length}`),
          onAssigned: (come) => void events.push(`${instanceId} gets ${come.length}`),
        }),
      ),
    );
    await owned([one!, two!], [2, 2]);
    const before = numbers(one!.assignment);
    events.length = 0;
    await one!.close();
    // Time enough for a group that would not wait: it hears of another topic.
    const more = topicName('static-more');
    await broker.createTopic({ name: more });
    await broker.deleteTopic(more);
    equal(two!.assignment.length, 2);
    const back = await broker.group({ groupId, topics: [topic], instanceId: 'one', fetch: false });
    await owned([back, two!], [2, 2]);
    deepEqual(numbers(back.assignment), before);
    deepEqual(events, []);
    await back.commit([{ topic, partition: before[0]!, offset: 0 }]);
    await Promise.all([back.close(), two!.close()]);
  });

  it('of two members with one instance id the older one ends, and is told why', async () => {
    const broker = await open();
    const topic = topicName('twice');
    const groupId = topicName('group');
    await broker.createTopic({ name: topic });
    const older = await broker.group({ groupId, topics: [topic], instanceId: 'same' });
    const told = rejects(take(older.records, 1), { code: 'GROUP_MEMBER_UNKNOWN' });
    const newer = await broker.group({ groupId, topics: [topic], instanceId: 'same' });
    await told;
    await owned([newer], [1]);
    await rejects(older.commit([{ topic, partition: 0, offset: 0 }]), (error: { readonly code?: string }) => {
      ok(error.code === 'GROUP_MEMBER_UNKNOWN' || error.code === 'GROUP_REBALANCING', String(error));
      return true;
    });
    await newer.commit([{ topic, partition: 0, offset: 0 }]);
    await Promise.all([older.close(), newer.close()]);
  });

  it('a static member that does not come back is replaced when its session is over', async () => {
    const broker = await open();
    const topic = topicName('static-gone');
    const groupId = topicName('group');
    await broker.createTopic({ name: topic, partitions: 2 });
    const options = { groupId, topics: [topic], sessionTimeoutMs: 1500, fetch: false };
    const gone = await broker.group({ ...options, instanceId: 'gone' });
    const stays = await broker.group({ ...options, instanceId: 'stays' });
    await owned([gone, stays], [1, 1]);
    await gone.close();
    await broker.setCommittedOffsets(topicName('other'), [{ topic, partition: 0, offset: 0 }]);
    equal(stays.assignment.length, 1);
    await owned([stays], [2]);
    await stays.close();
  });

  it('a member that dies is replaced within its session timeout, and learns of it when it is back', async () => {
    await using cutOff = await stallable();
    const { broker, other } = cutOff;
    const topic = topicName('dead');
    const groupId = topicName('group');
    await broker.createTopic({ name: topic, partitions: 2 });
    const lost: TopicPartition[] = [];
    let revive = (): void => {};
    const revival = new Promise<void>((resolve) => {
      revive = resolve;
    });
    const options = { groupId, topics: [topic], sessionTimeoutMs: 1500, fetch: false };
    const dead = await broker.group({
      ...options,
      onRevoked: async (partitions, how) => {
        if (how === 'lost') lost.push(...partitions);
        else await revival; // it is dead
      },
    });
    await owned([dead], [2]);
    if (other !== broker) cutOff.stall();
    const diedAtMs = performance.now();
    const heir = await other.group(options);
    await owned([heir], [2]);
    const tookMs = performance.now() - diedAtMs;
    ok(tookMs < options.sessionTimeoutMs + 10_000, `it took ${tookMs} ms`);
    await heir.commit([{ topic, partition: 0, offset: 0 }]);
    cutOff.resume();
    revive();
    await owned([dead, heir], [1, 1]);
    equal(lost.length, 2);
    await Promise.all([dead.close(), heir.close()]);
  });

  it('a member that expects the group to share out anew hears of it at once, however rarely its heart beats', async () => {
    const broker = await open();
    const topic = topicName('expected');
    await broker.createTopic({ name: topic, partitions: 2 });
    const options = { groupId: topicName('group'), topics: [topic], fetch: false };
    await using first = await broker.group({ ...options, sessionTimeoutMs: 180_000, heartbeatMs: 120_000 });
    const holds = (count: number): Promise<unknown> =>
      eventually(
        async () => {
          first.expectSharing();
          return first.assignment;
        },
        ({ length }) => length === count,
        settleMs,
      );
    const joining = broker.group(options);
    await holds(1);
    const second = await joining;
    await second.close();
    await holds(2);
  });

  it('offsets of a group with members cannot be changed from outside', async () => {
    const broker = await open();
    const topic = topicName('conflict');
    const groupId = topicName('group');
    await broker.createTopic({ name: topic });
    const member = await broker.group({ groupId, topics: [topic], fetch: false });
    await member.commit([{ topic, partition: 0, offset: 7 }]);
    await rejects(broker.setCommittedOffsets(groupId, [{ topic, partition: 0, offset: 1 }]), { code: 'CONFLICT' });
    await rejects(broker.setCommittedOffsets(groupId, [{ topic, partition: 0, offset: null }]), { code: 'CONFLICT' });
    await rejects(broker.deleteGroup(groupId), { code: 'CONFLICT' });
    deepEqual(await broker.committedOffsets(groupId), [{ topic, partition: 0, offset: 7 }]);
    await member.close();
    await broker.setCommittedOffsets(groupId, [{ topic, partition: 0, offset: 1 }]);
    deepEqual(await broker.committedOffsets(groupId), [{ topic, partition: 0, offset: 1 }]);
    await broker.setCommittedOffsets(groupId, [{ topic, partition: 0, offset: null }]);
    deepEqual(await broker.committedOffsets(groupId), []);
  });
}

/** The values of the next turn that brings any, each with its partition. */
async function nextOf(records: AsyncIterator<FetchedRecords>): Promise<string[]> {
  for (;;) {
    const { value, done } = await records.next();
    if (done === true) throw new Error('the member has ended');
    const fetched = value as FetchedRecords;
    if (fetched.records.length > 0) return fetched.records.map((one) => `${fetched.partition} ${text(one)}`);
  }
}

function numbers(partitions: readonly TopicPartition[]): number[] {
  return partitions.map(({ partition }) => partition).sort();
}

/** Waits until the members own so many partitions each. */
async function owned(members: readonly GroupMember[], wanted: readonly number[]): Promise<void> {
  const counts = await eventually(
    async () => members.map(({ assignment }) => assignment.length),
    (found) => found.every((count, i) => count === wanted[i]),
    settleMs,
  );
  deepEqual(counts, wanted);
}
