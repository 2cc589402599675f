/** A header of a record, as Kafka stores it: the key is text, the value bytes or null. A key may occur more than once. */
export interface Header {
  readonly key: string;
  readonly value: Uint8Array | null;
}

export const noHeaders: readonly Header[] = Object.freeze([]);

/** What a producer sends: bytes, and nothing that still has to be converted. */
export interface ProduceRecord {
  readonly key: Uint8Array | null;
  /** null is a tombstone. */
  readonly value: Uint8Array | null;
  readonly headers: readonly Header[];
  /** Milliseconds since 1970; null means the time of the send. */
  readonly timestampMs: number | null;
}

/** What a reader gets. Key, value and header values are views into the batch they came in. */
export interface ConsumedRecord {
  readonly offset: number;
  readonly timestampMs: number;
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
  readonly headers: readonly Header[];
}

/** Offsets are numbers: exact up to 2^53 records a partition, and four times cheaper than BigInt. */
export interface TopicPartition {
  readonly topic: string;
  readonly partition: number;
}

/** Key of a map by topic and partition. A topic's name cannot hold a slash. */
export function partitionKey(topic: string, partition: number): string {
  return `${topic}/${partition}`;
}
