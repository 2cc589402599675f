import { deepEqual, equal, ok } from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { fuzzRuns } from '../../../test/support/random.ts';
import { partitionKey, type TopicPartition } from '../../record/record.ts';
import { assignPartitions, type Candidate } from './assignor.ts';

const owned = (text: string): TopicPartition[] =>
  text === '' ? [] : text.split(' ').map((key) => ({ topic: key.slice(0, 1), partition: Number(key.slice(1)) }));
const shown = (partitions: readonly TopicPartition[]): string =>
  partitions.map(({ topic, partition }) => `${topic}${partition}`).join(' ');

/** Members as `topics/what they own/generation`, with what each gets. */
const rounds: readonly {
  readonly name: string;
  readonly counts: Readonly<Record<string, number>>;
  readonly members: Readonly<Record<string, string>>;
  readonly get: Readonly<Record<string, string>>;
}[] = [
  { name: 'one member gets all', counts: { t: 3 }, members: { a: 't//-1' }, get: { a: 't0 t1 t2' } },
  { name: 'two share evenly', counts: { t: 4 }, members: { a: 't//-1', b: 't//-1' }, get: { a: 't0 t2', b: 't1 t3' } },
  {
    name: 'what moves is given to nobody yet',
    counts: { t: 4 },
    members: { a: 't/t0 t1 t2 t3/1', b: 't//-1' },
    get: { a: 't0 t1', b: '' },
  },
  {
    name: 'what was given up goes to who has least',
    counts: { t: 4 },
    members: { a: 't/t0/2', b: 't/t2 t3/2', c: 't//2' },
    get: { a: 't0', b: 't2 t3', c: 't1' },
  },
  {
    name: 'of two owners the newer generation is believed',
    counts: { t: 1 },
    members: { a: 't/t0/1', b: 't/t0/2' },
    get: { a: '', b: 't0' },
  },
  {
    name: 'of two owners of one generation neither is',
    counts: { t: 2 },
    members: { a: 't/t0 t1/1', b: 't/t0/1' },
    get: { a: 't1', b: 't0' },
  },
  {
    name: 'a topic goes only to those who want it',
    counts: { t: 1, u: 3 },
    members: { a: 't u//-1', b: 'u//-1' },
    get: { a: 't0 u1', b: 'u0 u2' },
  },
  { name: 'a topic that is gone is nobody’s', counts: {}, members: { a: 't/t0/1' }, get: { a: '' } },
];

for (const { name, counts, members, get } of rounds) {
  test(name, () => {
    const candidates = Object.entries(members).map(([memberId, text]): Candidate => {
      const [topics = '', owns = '', generation = ''] = text.split('/');
      return { memberId, topics: topics.split(' '), owned: owned(owns), generation: Number(generation) };
    });
    const shares = assignPartitions(candidates, new Map(Object.entries(counts)));
    deepEqual(Object.fromEntries([...shares].map(([id, partitions]) => [id, shown(partitions)])), get);
  });
}

test('after two rounds every partition has one owner, the shares are even, and no one lost what he could keep', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 20 }),
      fc.array(fc.integer({ min: 0, max: 9 }), { minLength: 0, maxLength: 20 }),
      fc.integer({ min: 1, max: 5 }),
      (count, before, memberCount) => {
        const ids = Array.from({ length: memberCount }, (_, index) => `m${index}`);
        const start = new Map<string, TopicPartition[]>(ids.map((id) => [id, []]));
        // Some members of before are gone, and with them the owners of some partitions.
        for (const [partition, owner] of before.slice(0, count).entries())
          start.get(`m${owner}`)?.push({ topic: 't', partition });
        const round = (has: Map<string, TopicPartition[]>, generation: number): Map<string, TopicPartition[]> =>
          assignPartitions(
            ids.map((memberId) => ({ memberId, topics: ['t'], owned: has.get(memberId)!, generation })),
            new Map([['t', count]]),
          );
        const first = round(start, 1);
        const taken = [...first].flatMap(([id, share]) => share.map((partition) => [id, partition] as const));
        for (const [id, { topic, partition }] of taken) {
          const owner = [...start].find(([, has]) => has.some((entry) => entry.partition === partition))?.[0];
          ok(owner === undefined || owner === id, `${topic}${partition} was given away before its owner gave it up`);
        }
        const second = round(first, 2);
        const all = [...second.values()].flat().map(({ topic, partition }) => partitionKey(topic, partition));
        equal(all.length, count);
        equal(new Set(all).size, count);
        const sizes = [...second.values()].map((share) => share.length);
        ok(Math.max(...sizes) - Math.min(...sizes) <= 1, `uneven: ${sizes.join()}`);
        deepEqual(round(second, 3), second, 'a third round changes something');
      },
    ),
    { numRuns: fuzzRuns(500) },
  );
});
