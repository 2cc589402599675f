/** Java's default partitioner for records with a key: positive(murmur2(key)) modulo the number of partitions. */
export function partitionForKey(key: Uint8Array, partitions: number): number {
  return (murmur2(key) & 0x7fffffff) % partitions;
}

/** Stands for a partition that is decided on when it is known how many there are. */
export const laterPartition = -1;

/**
 * Where a record goes: its key decides as in Java's producers, those without one go to `turn` modulo the count. One turn for
 * the records of a batch keeps them together (Java's sticky partitioner); batches take the next one each. Of 0 partitions,
 * whose count nobody knows yet, it is `laterPartition`.
 */
export function partitionFor(key: Uint8Array | null, partitions: number, turn: number): number {
  if (partitions === 1) return 0;
  if (partitions === 0) return laterPartition;
  return key === null ? turn % partitions : partitionForKey(key, partitions);
}

/** MurmurHash2, 32 bits, with the seed and the reading of the tail that Kafka's clients use. Gives a signed int32. */
export function murmur2(bytes: Uint8Array): number {
  const m = 0x5bd1e995;
  const { length } = bytes;
  let hash = 0x9747b28c ^ length;
  let at = 0;
  for (; at + 4 <= length; at += 4) {
    let word = bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
    word = Math.imul(word, m);
    word ^= word >>> 24;
    hash = Math.imul(hash, m) ^ Math.imul(word, m);
  }
  const rest = length - at;
  if (rest > 2) hash ^= bytes[at + 2]! << 16;
  if (rest > 1) hash ^= bytes[at + 1]! << 8;
  if (rest > 0) hash = Math.imul(hash ^ bytes[at]!, m);
  hash ^= hash >>> 13;
  hash = Math.imul(hash, m);
  return (hash ^ (hash >>> 15)) | 0;
}
