/** Which member of a group gets which partition. Pure. */
import { partitionKey, type TopicPartition } from '../../record/record.ts';

export interface Claimant {
  readonly id: string;
  /** Topics that it wants; those that do not exist have no partitions. */
  readonly topics: ReadonlySet<string>;
  readonly owned: readonly TopicPartition[];
}

/**
 * Shares every wanted partition out to exactly one member, loads at most one apart where the subscriptions allow it, and
 * moves nothing that need not move: an owner keeps what it has, what nobody has goes to the least loaded, and only then
 * single partitions go from the most to the least loaded.
 */
export function assign(
  claimants: readonly Claimant[],
  partitionCounts: ReadonlyMap<string, number>,
): Map<string, TopicPartition[]> {
  const shares = claimants.map((claimant) => ({ claimant, partitions: new Map<string, TopicPartition>() }));
  const taken = new Set<string>();
  for (const { claimant, partitions } of shares) {
    for (const owned of claimant.owned) {
      const key = partitionKey(owned.topic, owned.partition);
      const isWanted = claimant.topics.has(owned.topic) && owned.partition < (partitionCounts.get(owned.topic) ?? 0);
      if (!isWanted || taken.has(key)) continue;
      taken.add(key);
      partitions.set(key, owned);
    }
  }
  for (const [topic, count] of [...partitionCounts].sort(([a], [b]) => (a < b ? -1 : 1))) {
    for (let partition = 0; partition < count; partition++) {
      const key = partitionKey(topic, partition);
      if (!taken.has(key)) leastLoaded(shares, topic)?.partitions.set(key, { topic, partition });
    }
  }
  balance(shares);
  return new Map(shares.map(({ claimant, partitions }) => [claimant.id, [...partitions.values()]]));
}

interface Share {
  readonly claimant: Claimant;
  readonly partitions: Map<string, TopicPartition>;
}

function leastLoaded(shares: readonly Share[], topic: string): Share | undefined {
  let least: Share | undefined;
  for (const share of shares) {
    if (!share.claimant.topics.has(topic)) continue;
    if (least === undefined || share.partitions.size < least.partitions.size) least = share;
  }
  return least;
}

/** Ends because each move brings two loads closer together. */
function balance(shares: readonly Share[]): void {
  for (let hasMoved = true; hasMoved; ) {
    hasMoved = false;
    for (const giver of shares) {
      // What came last goes first: the older part of the share stays as it was.
      for (const [key, partition] of [...giver.partitions].reverse()) {
        const taker = leastLoaded(shares, partition.topic);
        if (taker === undefined || giver.partitions.size - taker.partitions.size < 2) continue;
        giver.partitions.delete(key);
        taker.partitions.set(key, partition);
        hasMoved = true;
      }
    }
  }
}
