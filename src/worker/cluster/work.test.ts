import { equal, ok } from 'node:assert/strict';
import { test } from 'node:test';
import { assignPartitions, type Candidate } from '../../broker/kafka/assignor.ts';
import { partitionOfWork, weightsOf } from './work.ts';

const partitions = 48;

test('a connector is one with its first task, and its tasks lie side by side', () => {
  const first = partitionOfWork('feed', 0, partitions);
  equal(partitionOfWork('feed', 1, partitions), (first + 1) % partitions);
  equal(partitionOfWork('feed', partitions, partitions), first);
});

for (const prefix of ['connector-', 'ws', 'a', 'tenant/topic.', 'Gebühr ']) {
  test(`300 connectors named "${prefix}…" are shared among three workers within 20 %, also when one leaves or comes`, () => {
    const names = Array.from({ length: 300 }, (_, n) => `${prefix}${n}`);
    const weights = weightsOf(
      names.map((name) => [name, 1]),
      partitions,
    );
    const counts = new Map([['t', partitions]]);
    const weightOf = ({ partition }: { readonly partition: number }): number => weights[partition]!;
    let members: Candidate[] = [];
    for (const [generation, ids] of ['abc', 'bc', 'bcd'].entries()) {
      const known = [...ids].map((memberId): Candidate => {
        const before = members.find((member) => member.memberId === memberId);
        return before ?? { memberId, topics: ['t'], owned: [], generation: -1 };
      });
      // Two rounds: what moves is given up in the first.
      let shares = assignPartitions(known, counts, weightOf);
      members = known.map((member) => ({ ...member, owned: shares.get(member.memberId)!, generation }));
      shares = assignPartitions(members, counts, weightOf);
      members = members.map((member) => ({ ...member, owned: shares.get(member.memberId)!, generation }));
      const mean = names.length / members.length;
      for (const { memberId, owned } of members) {
        const own = new Set(owned.map(({ partition }) => partition));
        const has = names.filter((name) => own.has(partitionOfWork(name, 0, partitions))).length;
        ok(Math.abs(has - mean) <= mean * 0.1, `${memberId} has ${has} of ${names.length}, ${members.length} workers`);
      }
    }
  });
}
