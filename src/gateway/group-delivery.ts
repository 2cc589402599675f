/**
 * A subscription of a consumer group: a real member, which shares the topics' partitions with the others. It takes from the
 * member only while the client has credit; offsets are committed up to what the client has acknowledged.
 */
import type { Clock } from '../base/clock.ts';
import type { Broker, GroupMember, RetryEvent } from '../broker/broker.ts';
import { partitionKey, type TopicPartition } from '../record/record.ts';
import { encodePosition, type TopicPosition } from '../wire/gateway/position.ts';
import type { Delivery, DeliveryEvents, Item, Taken } from './delivery.ts';
import { asFault } from './faults.ts';
import { Chunk, sizeOf } from './hub/chunk.ts';

export interface GroupDeliveryOptions {
  readonly broker: Broker;
  readonly clock: Clock;
  readonly group: string;
  readonly topics: readonly string[];
  readonly topicPattern?: RegExp;
  /** Where a partition starts that nothing is committed for. */
  readonly startAt: 'earliest' | 'latest';
  /** Without acknowledgements of the client: what was handed out is committed every so often, and at the end. */
  readonly autoCommitMs?: number;
  readonly events: DeliveryEvents;
  readonly onRetry: (event: RetryEvent) => void;
}

interface Handed {
  readonly seq: number;
  /** Position behind the frame, by partition. */
  readonly next: ReadonlyMap<string, TopicPartition & { readonly offset: number }>;
}

/** What a member may hold for one client. */
const maxBufferedBytes = 1_048_576;

export class GroupDelivery implements Delivery {
  readonly #options: GroupDeliveryOptions;
  readonly #stop = new AbortController();
  readonly #handed: Handed[] = [];
  readonly #sent = new Map<string, TopicPartition & { readonly offset: number }>();
  #uncommitted = new Map<string, TopicPartition & { readonly offset: number }>();
  #member: GroupMember | undefined;
  #chunk: Chunk | undefined;
  #at = 0;
  #wanted: (() => void) | undefined;
  #seq = 0;
  #timer: NodeJS.Timeout | undefined;
  #committing: Promise<void> = Promise.resolve();

  constructor(options: GroupDeliveryOptions) {
    this.#options = options;
  }

  /** Joins the group. */
  async open(): Promise<void> {
    const { broker, group, topics, topicPattern, startAt, onRetry, autoCommitMs } = this.#options;
    this.#member = await broker.group({
      groupId: group,
      topics,
      ...(topicPattern === undefined ? {} : { topicPattern }),
      startAt,
      maxBufferedBytes,
      onRetry,
      signal: this.#stop.signal,
      onRevoked: (partitions, how) => this.#revoked(partitions, how),
    });
    void this.#read(this.#member);
    if (autoCommitMs !== undefined) this.#timer = setInterval(() => void this.#commit(), autoCommitMs).unref();
  }

  take(maxRecords: number, maxBytes: number): Taken | undefined {
    const chunk = this.#chunk;
    if (chunk === undefined || maxRecords === 0) return undefined;
    const start = this.#at;
    let bytes = 0;
    while (this.#at < chunk.records.length && this.#at - start < maxRecords) {
      const size = sizeOf(chunk.records[this.#at]!);
      if (bytes + size > maxBytes && this.#at > start) break;
      bytes += size;
      this.#at++;
    }
    const isWhole = this.#at >= chunk.records.length;
    const { topic, partition } = chunk;
    const key = partitionKey(topic, partition);
    const offset = isWhole ? chunk.nextOffset : chunk.records[this.#at]!.offset;
    this.#sent.set(key, { topic, partition, offset });
    const records = this.#at - start;
    if (isWhole) {
      this.#chunk = undefined;
      this.#wanted?.();
    }
    // What brought no records (a transaction's markers) needs nobody's acknowledgement.
    if (this.#options.autoCommitMs !== undefined || records === 0) {
      this.#uncommitted.set(key, { topic, partition, offset });
    } else this.#handed.push({ seq: ++this.#seq, next: new Map([[key, { topic, partition, offset }]]) });
    if (records === 0) return undefined;
    const item: Item = { kind: 'records', chunk, start, end: start + records };
    return { items: [item], records, bytes, conflated: 0 };
  }

  position(): string {
    const topics = new Map<string, TopicPosition & { next: (number | null)[] }>();
    for (const { topic, partition, offset } of this.#sent.values()) {
      let known = topics.get(topic);
      if (known === undefined) {
        known = { tag: '00000000', next: [] };
        topics.set(topic, known);
      }
      while (known.next.length <= partition) known.next.push(null);
      known.next[partition] = offset;
    }
    return encodePosition(topics);
  }

  overflow(): void {}

  acknowledged(seq: number): void {
    while (this.#handed.length > 0 && this.#handed[0]!.seq <= seq) {
      for (const [key, position] of this.#handed.shift()!.next) this.#uncommitted.set(key, position);
    }
    void this.#commit();
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    this.#stop.abort();
    this.#wanted?.();
    await this.#commit();
    await this.#member?.close();
  }

  async #read(member: GroupMember): Promise<void> {
    try {
      for await (const { topic, partition, records, nextOffset } of member.records) {
        if (this.#stop.signal.aborted) return;
        const from = records[0]?.offset ?? nextOffset;
        this.#chunk = new Chunk(topic, partition, records, from, nextOffset, this.#options.clock.monotonicMs());
        this.#at = 0;
        const taken = new Promise<void>((resolve) => {
          this.#wanted = resolve;
        });
        this.#options.events.onReady();
        await taken;
      }
    } catch (error) {
      if (!this.#stop.signal.aborted) this.#options.events.onFailed(asFault(error));
    }
  }

  /** What was handed out of these partitions is another member's now; what was acknowledged is committed first. */
  async #revoked(partitions: readonly TopicPartition[], how: 'revoked' | 'lost'): Promise<void> {
    if (how === 'revoked') await this.#commit();
    const keys = new Set(partitions.map(({ topic, partition }) => partitionKey(topic, partition)));
    for (const key of keys) this.#uncommitted.delete(key);
    for (let at = this.#handed.length - 1; at >= 0; at--) {
      if ([...this.#handed[at]!.next.keys()].some((key) => keys.has(key))) this.#handed.splice(at, 1);
    }
    const chunk = this.#chunk;
    if (chunk !== undefined && keys.has(partitionKey(chunk.topic, chunk.partition))) {
      this.#chunk = undefined;
      this.#wanted?.();
    }
  }

  /** One commit at a time; what fails stays to be committed with the next. */
  #commit(): Promise<void> {
    this.#committing = this.#committing.then(async () => {
      const member = this.#member;
      const offsets = this.#uncommitted;
      if (member === undefined || offsets.size === 0) return;
      this.#uncommitted = new Map();
      try {
        await member.commit([...offsets.values()]);
      } catch (error) {
        for (const [key, position] of offsets) if (!this.#uncommitted.has(key)) this.#uncommitted.set(key, position);
        this.#options.onRetry({ what: 'commit', reason: (error as Error).message });
      }
    });
    return this.#committing;
  }
}
