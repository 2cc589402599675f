import { partitionKey, type TopicPartition } from '../../record/record.ts';

/** The name under which Java's consumers know this way to share. */
export const assignorName = 'cooperative-sticky';

export interface Candidate {
  readonly memberId: string;
  readonly topics: readonly string[];
  readonly owned: readonly TopicPartition[];
  /** In which `owned` was given. */
  readonly generation: number;
}

/**
 * Shares partitions out: each to one member that wants its topic, evenly, and everyone keeps what he has as far as that
 * allows. Evenly means by the sum of weights (whole numbers above 0). A partition that moves is given to nobody in this round: its owner gives it up first, and asks for another round
 * (KIP-429). The same input gives the same answer, whoever leads the group.
 */
export function assignPartitions(
  candidates: readonly Candidate[],
  partitionCounts: ReadonlyMap<string, number>,
  weightOf: (partition: TopicPartition) => number = () => 1,
): Map<string, TopicPartition[]> {
  const members = [...candidates].sort((a, b) => (a.memberId < b.memberId ? -1 : 1)).map(toMember);
  const partitions = allPartitions(members, partitionCounts);
  const weights = new Map([...partitions].map(([key, partition]) => [key, Math.max(weightOf(partition), 1)]));
  const owners = currentOwners(members, partitions);
  // First everyone what he has, then what is free: else the free ones went to whoever was not looked at yet.
  for (const [key, owner] of owners) take(owner, key, partitions.get(key)!, weights);
  const free = [...partitions].filter(([key]) => !owners.has(key));
  // The heavy ones first: the light ones even out what those leave uneven.
  free.sort(([a], [b]) => weights.get(b)! - weights.get(a)!);
  for (const [key, partition] of free) {
    const least = leastLoaded(members, partition);
    if (least !== undefined) take(least, key, partition, weights);
  }
  balance(members, weights);
  return new Map(
    members.map((member) => {
      const mayHave = ([key]: [string, TopicPartition]): boolean => (owners.get(key) ?? member) === member;
      return [member.id, [...member.has].filter(mayHave).map(([, partition]) => partition)];
    }),
  );
}

interface Member {
  readonly id: string;
  readonly topics: ReadonlySet<string>;
  readonly owned: readonly TopicPartition[];
  readonly generation: number;
  readonly has: Map<string, TopicPartition>;
  /** Sum of the weights of what it has. */
  load: number;
}

function toMember({ memberId, topics, owned, generation }: Candidate): Member {
  return { id: memberId, topics: new Set(topics), owned, generation, has: new Map(), load: 0 };
}

function allPartitions(members: readonly Member[], counts: ReadonlyMap<string, number>): Map<string, TopicPartition> {
  const topics = [...new Set(members.flatMap((member) => [...member.topics]))].sort();
  const partitions = new Map<string, TopicPartition>();
  for (const topic of topics) {
    for (let partition = 0; partition < (counts.get(topic) ?? 0); partition++)
      partitions.set(partitionKey(topic, partition), { topic, partition });
  }
  return partitions;
}

/** Where two claim a partition, the newer generation has it; of one generation neither can be believed. */
function currentOwners(
  members: readonly Member[],
  partitions: ReadonlyMap<string, TopicPartition>,
): Map<string, Member> {
  const claims = new Map<string, Member[]>();
  for (const member of members) {
    for (const { topic, partition } of member.owned) {
      const key = partitionKey(topic, partition);
      if (!partitions.has(key) || !member.topics.has(topic)) continue;
      claims.set(key, [...(claims.get(key) ?? []), member]);
    }
  }
  const owners = new Map<string, Member>();
  for (const [key, claimants] of claims) {
    const newest = Math.max(...claimants.map((member) => member.generation));
    const believed = claimants.filter((member) => member.generation === newest);
    if (believed.length === 1) owners.set(key, believed[0]!);
  }
  return owners;
}

function leastLoaded(members: readonly Member[], { topic }: TopicPartition): Member | undefined {
  let least: Member | undefined;
  for (const member of members) {
    if (member.topics.has(topic) && (least === undefined || member.load < least.load)) least = member;
  }
  return least;
}

function take(member: Member, key: string, partition: TopicPartition, weights: ReadonlyMap<string, number>): void {
  member.has.set(key, partition);
  member.load += weights.get(key)!;
}

/** Moves single partitions to those who have less also with them, until there is none to move. */
function balance(members: readonly Member[], weights: ReadonlyMap<string, number>): void {
  for (let moved = true; moved; ) {
    moved = false;
    const byLoad = [...members].sort((a, b) => b.load - a.load);
    for (const giver of byLoad) {
      // From the end: those that came last move first, which leaves the rest of the assignment as it was.
      for (const [key, partition] of [...giver.has].reverse()) {
        const weight = weights.get(key)!;
        const taker = leastLoaded(members, partition);
        if (taker === undefined || giver.load - taker.load < 2 * weight) continue;
        giver.has.delete(key);
        giver.load -= weight;
        take(taker, key, partition, weights);
        moved = true;
      }
    }
  }
}
