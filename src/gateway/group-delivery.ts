/**
 * A subscription of a consumer group: a real member, which shares the topics' partitions with the others. It takes from the
 * member only while the client has credit; offsets are committed up to what the client has acknowledged.
 */
import { sleep } from '../base/abort.ts';
import type { Clock } from '../base/clock.ts';
import { isError } from '../base/errors.ts';
import type { Broker, GroupMember, RetryEvent } from '../broker/broker.ts';
import { partitionKey, type TopicPartition } from '../record/record.ts';
import { type Filter, matches } from '../wire/gateway/filter.ts';
import { encodePosition, type TopicPosition } from '../wire/gateway/position.ts';
import type { Delivery, DeliveryEvents, Item, Taken } from './delivery.ts';
import { asFault } from './faults.ts';
import { type Chunk, chunksOf, sizeOf } from './hub/chunk.ts';

export interface GroupDeliveryOptions {
  readonly broker: Broker;
  readonly clock: Clock;
  readonly group: string;
  readonly topics: readonly string[];
  /** What of a topic may be seen. */
  readonly filterOf: (topic: string) => Filter | null;
  /** Where a partition starts that nothing is committed for. */
  readonly startAt: 'earliest' | 'latest';
  /** What was acknowledged is committed every so often and at the end, not with each acknowledgement. */
  readonly autoCommitMs?: number;
  readonly events: DeliveryEvents;
  readonly onRetry: (event: RetryEvent) => void;
}

interface Handed {
  readonly seq: number;
  /** Position behind the frame, by partition. */
  readonly next: Map<string, TopicPartition & { readonly offset: number }>;
}

const nothing = { records: 0, bytes: 0, conflated: 0 };
/** What a member may hold for one client. */
const maxBufferedBytes = 1_048_576;
/** Hand-outs that are told apart while a client that need not acknowledge them confirms none; later ones count as one. */
const maxHanded = 1000;
/** How often, and how many times, the last commit is tried while the group shares its partitions out anew. */
const lastCommit = { everyMs: 100, tries: 50 };

export class GroupDelivery implements Delivery {
  readonly state = 'group';
  readonly #options: GroupDeliveryOptions;
  readonly #stop = new AbortController();
  readonly #handed: Handed[] = [];
  /** Partitions of which something was handed out since they came. */
  readonly #begun = new Set<string>();
  readonly #sent = new Map<string, TopicPartition & { readonly offset: number }>();
  #uncommitted = new Map<string, TopicPartition & { readonly offset: number }>();
  #member: GroupMember | undefined;
  /** Of one fetch; the next is asked for when they are taken. */
  #chunks: Chunk[] = [];
  /** Index in the first of them. */
  #at = 0;
  #wanted: (() => void) | undefined;
  #seq = 0;
  #timer: NodeJS.Timeout | undefined;
  #committing: Promise<void> = Promise.resolve();
  /** Why the last commit failed. */
  #refusal: unknown;
  #isClosing = false;
  /** Of the member there is. */
  #topics: readonly string[];
  #rejoining: Promise<void> | undefined;

  constructor(options: GroupDeliveryOptions) {
    this.#options = options;
    this.#topics = options.topics;
  }

  get waitingBytes(): number {
    let bytes = 0;
    for (const chunk of this.#chunks) bytes += chunk.bytes;
    return bytes;
  }

  /** Joins the group. */
  async open(): Promise<void> {
    const { autoCommitMs } = this.#options;
    await this.#join(this.#options.topics);
    if (autoCommitMs !== undefined) this.#timer = setInterval(() => void this.#commit(), autoCommitMs).unref();
  }

  get topics(): readonly string[] {
    return this.#topics;
  }

  /** Whether it is a member, for these topics. */
  holds(topics: readonly string[]): boolean {
    const same = topics.length === this.#topics.length && topics.every((topic) => this.#topics.includes(topic));
    return this.#member !== undefined && same;
  }

  /**
   * Leaves the group and joins it with other topics: what was handed out and is not acknowledged is handed out again. Where
   * that fails it holds no member until it is called again.
   */
  follow(topics: readonly string[]): Promise<void> {
    this.#rejoining ??= this.#rejoin(topics).finally(() => {
      this.#rejoining = undefined;
    });
    return this.#rejoining;
  }

  async #rejoin(topics: readonly string[]): Promise<void> {
    const member = this.#member;
    if (member !== undefined) {
      await this.#revoked(member.assignment, 'revoked');
      this.#member = undefined;
      this.#wanted?.();
      await member.close();
    }
    if (this.#stop.signal.aborted) return;
    await this.#join(topics);
    // Closed meanwhile: nobody would leave for it.
    if (this.#stop.signal.aborted) await this.#member?.close();
  }

  async #join(topics: readonly string[]): Promise<void> {
    const { broker, group, startAt, onRetry } = this.#options;
    this.#member = await broker.group({
      groupId: group,
      topics,
      startAt,
      passesDamaged: true,
      maxBufferedBytes,
      onRetry,
      signal: this.#stop.signal,
      onRevoked: (partitions, how) => this.#revoked(partitions, how),
    });
    this.#topics = topics;
    void this.#read(this.#member);
  }

  /** At most one run of records at a time, so that it becomes one frame, whose number is acknowledged. */
  take(maxRecords: number, maxBytes: number): Taken | undefined {
    const [chunk] = this.#chunks;
    if (chunk === undefined || maxRecords === 0 || this.#isClosing) return undefined;
    if (chunk.isDamaged) {
      const { topic, partition, from, nextOffset: to } = chunk;
      this.#passed(chunk, to, 0);
      return { items: [{ kind: 'gap', gap: { topic, partition, from, to, reason: 'corrupt' } }], ...nothing };
    }
    const filter = this.#options.filterOf(chunk.topic);
    const all = chunk.records;
    const items: Item[] = [];
    let records = 0;
    let bytes = 0;
    for (let at = this.#at; ; at++) {
      const record = all[at];
      const size = record === undefined ? 0 : sizeOf(record);
      if (record === undefined || records >= maxRecords || (bytes + size > maxBytes && records > 0)) {
        this.#at = at;
        break;
      }
      if (filter !== null && !matches(filter, record)) continue;
      const last = items.at(-1);
      if (last?.kind === 'records' && last.end === at) items[items.length - 1] = { ...last, end: at + 1 };
      else items.push({ kind: 'records', chunk, start: at, end: at + 1 });
      records++;
      bytes += size;
    }
    this.#passed(chunk, all[this.#at]?.offset ?? chunk.nextOffset, records);
    return records === 0 ? undefined : { items, records, bytes, conflated: 0 };
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
    if (this.#options.autoCommitMs === undefined) void this.#commit();
  }

  async close(): Promise<void> {
    this.#isClosing = true;
    clearInterval(this.#timer);
    this.#wanted?.();
    await this.#commitAtLast();
    this.#stop.abort();
    await this.#rejoining?.catch(() => {}); // told to whoever asked for it
    await this.#member?.close();
  }

  /** Everything of a chunk below an offset was handed out, or needs no handing out. */
  #passed({ topic, partition, from, nextOffset }: Chunk, offset: number, records: number): void {
    const key = partitionKey(topic, partition);
    if (!this.#begun.has(key)) {
      // Where nothing is committed, whoever comes next would begin at "latest", behind what was never acknowledged.
      this.#begun.add(key);
      this.#uncommitted.set(key, { topic, partition, offset: from });
      void this.#commit();
    }
    const place = { topic, partition, offset };
    this.#sent.set(key, place);
    if (records > 0) this.#handOut(key, place);
    else {
      // What brought no records (a transaction's markers) is done as soon as everything before it is.
      const before = this.#handed.findLast(({ next }) => next.has(key));
      (before?.next ?? this.#uncommitted).set(key, place);
    }
    if (offset < nextOffset) return;
    this.#chunks.shift();
    this.#at = 0;
    if (this.#chunks.length === 0) this.#wanted?.();
    else this.#options.events.onReady();
  }

  #handOut(key: string, place: TopicPartition & { readonly offset: number }): void {
    const seq = ++this.#seq;
    const last = this.#handed.at(-1);
    const isFull = this.#options.autoCommitMs !== undefined && this.#handed.length >= maxHanded;
    if (last === undefined || !isFull) this.#handed.push({ seq, next: new Map([[key, place]]) });
    else this.#handed[this.#handed.length - 1] = { seq, next: last.next.set(key, place) };
  }

  async #read(member: GroupMember): Promise<void> {
    try {
      for await (const fetched of member.records) {
        if (this.#isClosing || this.#member !== member) return;
        const { records, damaged, nextOffset } = fetched;
        const from = Math.min(records[0]?.offset ?? nextOffset, damaged?.[0]?.from ?? nextOffset);
        this.#chunks = [...chunksOf(fetched, from, this.#options.clock.monotonicMs())];
        this.#at = 0;
        const taken = new Promise<void>((resolve) => {
          this.#wanted = resolve;
        });
        this.#options.events.onReady();
        await taken;
      }
    } catch (error) {
      if (this.#isClosing || this.#member !== member) return;
      this.#options.onRetry({ what: 'read group', reason: (error as Error).message }); // the client is told no more than a code
      this.#options.events.onFailed(asFault(error));
    }
  }

  /** What was handed out of these partitions is another member's now; what was acknowledged is committed first. */
  async #revoked(partitions: readonly TopicPartition[], how: 'revoked' | 'lost'): Promise<void> {
    if (how === 'revoked') await this.#commit();
    const keys = new Set(partitions.map(({ topic, partition }) => partitionKey(topic, partition)));
    for (const key of keys) {
      this.#begun.delete(key);
      this.#uncommitted.delete(key);
    }
    for (let at = this.#handed.length - 1; at >= 0; at--) {
      const { next } = this.#handed[at]!;
      for (const key of keys) next.delete(key);
      if (next.size === 0) this.#handed.splice(at, 1);
    }
    const [chunk] = this.#chunks;
    if (chunk !== undefined && keys.has(partitionKey(chunk.topic, chunk.partition))) {
      this.#chunks = [];
      this.#wanted?.();
    }
  }

  /** While the group shares out anew it takes no commit: until our new share is known, or what is left is taken away. */
  async #commitAtLast(): Promise<void> {
    await this.#commit();
    for (let tries = 1; tries < lastCommit.tries; tries++) {
      if (this.#uncommitted.size === 0 || !isError(this.#refusal, 'GROUP_REBALANCING')) return;
      await sleep(lastCommit.everyMs);
      await this.#commit();
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
        this.#refusal = undefined;
      } catch (error) {
        this.#refusal = error;
        for (const [key, position] of offsets) {
          if (this.#begun.has(key) && !this.#uncommitted.has(key)) this.#uncommitted.set(key, position);
        }
        this.#options.onRetry({ what: 'commit', reason: (error as Error).message });
      }
    });
    return this.#committing;
  }
}
