import { deepEqual, ok } from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { partitionKey, type TopicPartition } from '../../record/record.ts';
import { assign, type Claimant } from './assignment.ts';

const claimant = (id: string, topics: readonly string[], owned: readonly TopicPartition[] = []): Claimant => ({
  id,
  topics: new Set(topics),
  owned,
});
const keys = (partitions: readonly TopicPartition[] | undefined): string[] =>
  (partitions ?? []).map(({ topic, partition }) => partitionKey(topic, partition)).sort();

test('a member that joins takes only what balance needs', () => {
  const all = [0, 1, 2, 3].map((partition) => ({ topic: 't', partition }));
  const shares = assign([claimant('a', ['t'], all), claimant('b', ['t'])], new Map([['t', 4]]));
  deepEqual(keys(shares.get('a')), ['t/0', 't/1']);
  deepEqual(keys(shares.get('b')), ['t/2', 't/3']);
});

test('what a member left goes to the others, and they keep what they have', () => {
  const b = [1, 3].map((partition) => ({ topic: 't', partition }));
  const shares = assign([claimant('b', ['t'], b), claimant('c', ['t'])], new Map([['t', 4]]));
  deepEqual(keys(shares.get('b')), ['t/1', 't/3']);
  deepEqual(keys(shares.get('c')), ['t/0', 't/2']);
});

test('partitions of a deleted topic and topics nobody wants are given to nobody', () => {
  const shares = assign(
    [claimant('a', ['t', 'gone'], [{ topic: 'gone', partition: 0 }])],
    new Map([
      ['t', 1],
      ['other', 2],
    ]),
  );
  deepEqual(keys(shares.get('a')), ['t/0']);
});

test('for any members and topics: each wanted partition has one owner, equal subscriptions differ by one at most', () => {
  const topics = ['p', 'q', 'r'];
  const counts = fc.record({ p: fc.nat(6), q: fc.nat(6), r: fc.nat(6) });
  const member = fc.record({
    all: fc.boolean(),
    topics: fc.subarray(topics),
    owned: fc.subarray(['p/0', 'p/1', 'q/0', 'q/5', 'r/2']),
  });
  fc.assert(
    fc.property(counts, fc.array(member, { minLength: 1, maxLength: 4 }), fc.boolean(), (sizes, members, areEqual) => {
      const partitionCounts = new Map(Object.entries(sizes));
      const claimants = members.map(({ topics: some, owned }, index) =>
        claimant(
          `m${index}`,
          areEqual ? topics : some,
          owned.map((key) => ({ topic: key[0]!, partition: Number(key[2]) })),
        ),
      );
      const shares = assign(claimants, partitionCounts);
      const given = [...shares.values()].flatMap(keys);
      const wanted = topics
        .filter((topic) => claimants.some((one) => one.topics.has(topic)))
        .flatMap((topic) =>
          Array.from({ length: partitionCounts.get(topic)! }, (_, partition) => partitionKey(topic, partition)),
        );
      deepEqual(given.sort(), wanted.sort());
      for (const one of claimants) ok(shares.get(one.id)!.every(({ topic }) => one.topics.has(topic)));
      if (!areEqual) return;
      const loads = [...shares.values()].map((share) => share.length);
      ok(Math.max(...loads) - Math.min(...loads) <= 1);
    }),
  );
});
