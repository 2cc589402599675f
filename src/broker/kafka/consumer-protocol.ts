import { TributaryError } from '../../base/errors.ts';
import type { TopicPartition } from '../../record/record.ts';
import { byTopic } from './api/groups.ts';

/**
 * What members of a group of consumers tell each other through the coordinator, which does not read it: the messages
 * ConsumerProtocolSubscription and ConsumerProtocolAssignment. Java's consumers write and read the same, so both can share
 * a group.
 */
export interface Subscription {
  readonly topics: readonly string[];
  readonly owned: readonly TopicPartition[];
  /** Generation in which `owned` was given; -1: none. */
  readonly generation: number;
}

const subscriptionVersion = 3;
const assignmentVersion = 1;

export function encodeSubscription({ topics, owned, generation }: Subscription): Buffer {
  // Java's cooperative sticky assignor of before version 2 looks for the generation in the user data.
  const userData = Buffer.alloc(4);
  userData.writeInt32BE(generation);
  return Buffer.concat([
    int16(subscriptionVersion),
    int32(topics.length),
    ...topics.map(text),
    int32(userData.length),
    userData,
    ...partitionLists(owned),
    int32(generation),
    int16(-1), // rack
  ]);
}

/** PROTOCOL_ERROR where another member wrote something else. */
export function decodeSubscription(bytes: Buffer): Subscription {
  const reader = new MemberReader(bytes);
  const version = reader.int16();
  const topics = reader.array(() => reader.text());
  const userData = reader.bytes();
  const owned = version >= 1 ? reader.partitionLists() : [];
  if (version >= 2) return { topics, owned, generation: reader.int32() };
  return { topics, owned, generation: userData !== null && userData.length >= 4 ? userData.readInt32BE(0) : -1 };
}

export function encodeAssignment(partitions: readonly TopicPartition[]): Buffer {
  return Buffer.concat([int16(assignmentVersion), ...partitionLists(partitions), int32(0)]);
}

/** An empty assignment may come as no bytes at all. */
export function decodeAssignment(bytes: Buffer): TopicPartition[] {
  if (bytes.length === 0) return [];
  const reader = new MemberReader(bytes);
  reader.int16(); // version: later ones only add
  return reader.partitionLists();
}

function partitionLists(partitions: readonly TopicPartition[]): Buffer[] {
  const topics = byTopic(partitions);
  const list = ([topic, entries]: [string, TopicPartition[]]): Buffer[] => [
    text(topic),
    int32(entries.length),
    ...entries.map((entry) => int32(entry.partition)),
  ];
  return [int32(topics.length), ...topics.flatMap(list)];
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value);
  return Buffer.concat([int16(bytes.length), bytes]);
}

function int16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeInt16BE(value);
  return bytes;
}

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
}

/** The older form of the protocol: lengths are int16 and int32. */
class MemberReader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  int16(): number {
    return this.#bytes.readInt16BE(this.#take(2));
  }

  int32(): number {
    return this.#bytes.readInt32BE(this.#take(4));
  }

  text(): string {
    const length = this.int16();
    const at = this.#take(length);
    return this.#bytes.toString('utf8', at, at + length);
  }

  bytes(): Buffer | null {
    const length = this.int32();
    if (length < 0) return null;
    const at = this.#take(length);
    return this.#bytes.subarray(at, at + length);
  }

  array<Entry>(entry: () => Entry): Entry[] {
    const count = this.int32();
    // Two bytes are the least that any entry takes.
    if (count * 2 > this.#bytes.length - this.#at) throw this.#error();
    return Array.from({ length: Math.max(count, 0) }, entry);
  }

  partitionLists(): TopicPartition[] {
    return this.array(() => {
      const topic = this.text();
      return this.array(() => ({ topic, partition: this.int32() }));
    }).flat();
  }

  #take(count: number): number {
    const at = this.#at;
    if (count < 0 || at + count > this.#bytes.length) throw this.#error();
    this.#at = at + count;
    return at;
  }

  #error(): TributaryError {
    return new TributaryError(
      'PROTOCOL_ERROR',
      `Cannot read what a member of the group said: it ends at byte ${this.#bytes.length}`,
    );
  }
}
