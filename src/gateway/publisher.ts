/**
 * Publishing: records of all connections that arrive in one turn of the event loop travel in one batch a partition. Order
 * is that of the calls, a partition each. With a `mid` a publish is written once within the window (PROTOCOL.md, 3.4).
 */
import { createHash } from 'node:crypto';
import type { Clock } from '../base/clock.ts';
import { isError } from '../base/errors.ts';
import type { Producer, TopicDescription } from '../broker/broker.ts';
import { partitionFor } from '../record/partitioner.ts';
import { type Header, type ProduceRecord, partitionKey } from '../record/record.ts';
import type { PublishRequest } from '../wire/gateway/frames.ts';
import type { Placement } from '../wire/gateway/server-frames.ts';
import { FaultError } from './faults.ts';
import { type PendingRecord, PublishLane } from './publish-lane.ts';
import type { TopicCatalog } from './topic-catalog.ts';

export interface PublisherOptions {
  /** Opens the producer, at the first publish: the broker need not be there before. */
  readonly openProducer: () => Promise<Producer>;
  readonly catalog: TopicCatalog;
  readonly clock: Clock;
  readonly dedupe: { readonly windowMs: number; readonly entries: number };
  readonly onDuplicate: () => void;
}

interface Remembered {
  /** Of key and value: another content under the same mid is a conflict. */
  readonly content: string;
  readonly outcome: Promise<Placement>;
  readonly atMs: number;
}

/** Told once for each publish. */
export interface PublishAnswer<T> {
  stored(place: Placement, token: T): void;
  failed(error: unknown, token: T): void;
}

interface Writing<T> {
  readonly request: PublishRequest;
  readonly headers: readonly Header[];
  readonly bytes: number;
  readonly answer: PublishAnswer<T>;
  readonly token: T;
}

interface KnownTopic {
  readonly partitions: number;
  readonly maxBatchBytes: number;
  readonly readAtMs: number;
}

const midHeader = 'tributary-mid';
/** How long the number of partitions and the size limit of a topic are believed. */
const topicMemoryMs = 30_000;

export class Publisher {
  readonly #options: PublisherOptions;
  readonly #lanes = new Map<string, PublishLane>();
  readonly #topics = new Map<string, KnownTopic>();
  readonly #learning = new Map<string, Promise<KnownTopic>>();
  readonly #mids = new Map<string, Remembered>();
  readonly #done = (bytes: number): void => {
    this.#bytes -= bytes;
  };
  #producer: Promise<Producer> | undefined;
  /** Counts publishes without a key: they take turns among the partitions. */
  #turn = 0;
  #bytes = 0;

  constructor(options: PublisherOptions) {
    this.#options = options;
  }

  /** Bytes of publishes that are not answered yet. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Resolves when the record is stored as safely as the broker can. Rejects with FaultError or the broker's error. */
  async publish(request: PublishRequest, principal: string | null, headers: readonly Header[]): Promise<Placement> {
    if (request.mid === null) return this.#written(request, headers);
    const { clock, onDuplicate } = this.#options;
    const key = JSON.stringify([principal, request.topic, request.mid]);
    const content = contentOf(request);
    this.#forgetOld(clock.monotonicMs());
    const known = this.#mids.get(key);
    if (known !== undefined) {
      if (known.content !== content) {
        throw new FaultError({ code: 'conflict', message: '"mid" was used for another key or value' });
      }
      const first = await known.outcome;
      onDuplicate();
      return { ...first, duplicate: true };
    }
    const outcome = this.#written(request, [...headers, { key: midHeader, value: Buffer.from(request.mid) }]);
    this.#mids.set(key, { content, outcome, atMs: clock.monotonicMs() });
    // A first attempt that failed is forgotten, so that a repetition tries again.
    outcome.catch(() => this.#mids.delete(key));
    return outcome;
  }

  /** The same for publishes without `mid`, of which there are very many: the answer is called, with the caller's token, later. */
  write<T>(request: PublishRequest, headers: readonly Header[], answer: PublishAnswer<T>, token: T): void {
    const bytes = 100 + (request.key?.length ?? 0) + (request.value?.length ?? 0);
    this.#bytes += bytes;
    const write = { request, headers, bytes, answer, token };
    const known = this.#topics.get(request.topic);
    if (known !== undefined && this.#options.clock.monotonicMs() - known.readAtMs < topicMemoryMs) {
      this.#place(write, known);
      return;
    }
    // Whoever comes meanwhile waits for the same answer, behind this one: order is that of the calls.
    let learning = this.#learning.get(request.topic);
    if (learning === undefined) {
      learning = this.#learn(request.topic, known).finally(() => this.#learning.delete(request.topic));
      this.#learning.set(request.topic, learning);
    }
    learning.then(
      (topic) => this.#place(write, topic),
      (error: unknown) => {
        this.#bytes -= bytes;
        answer.failed(error, token);
      },
    );
  }

  /** Resolves when everything handed in is answered. */
  async flush(): Promise<void> {
    await Promise.all([...this.#lanes.values()].map((lane) => lane.idle()));
  }

  async close(): Promise<void> {
    const producer = await this.#producer?.catch(() => undefined);
    await producer?.close();
  }

  /** One that could not be opened is tried again with the next publish. */
  #opened(): Promise<Producer> {
    this.#producer ??= this.#options.openProducer().catch((error: unknown) => {
      this.#producer = undefined;
      throw error;
    });
    return this.#producer;
  }

  #written(request: PublishRequest, headers: readonly Header[]): Promise<Placement> {
    return new Promise((resolve, reject) => {
      this.write(request, headers, { stored: resolve, failed: reject }, undefined);
    });
  }

  #place<T>(write: Writing<T>, topic: KnownTopic): void {
    const { request, headers, bytes, answer, token } = write;
    const { partition, timestampMs = null, key, value } = request;
    if (partition !== null && partition >= topic.partitions) {
      this.#bytes -= bytes;
      const fault = new FaultError({ code: 'not_found', message: 'no such partition' });
      queueMicrotask(() => answer.failed(fault, token));
      return;
    }
    const chosen = partition ?? partitionFor(key, topic.partitions, key === null ? this.#turn++ : 0);
    const record: ProduceRecord = {
      key,
      value,
      headers: headers.length === 0 ? request.headers : [...request.headers, ...headers],
      timestampMs: timestampMs ?? this.#options.clock.nowMs(),
    };
    const lane = this.#lane(request.topic, chosen, topic.maxBatchBytes);
    lane.send(new Pending(record, bytes, chosen, answer, token, this.#done));
  }

  /** While the broker is away, what was known `before` is good enough to wait with. */
  async #learn(topic: string, before: KnownTopic | undefined): Promise<KnownTopic> {
    let description: TopicDescription;
    try {
      description = await this.#options.catalog.describe(topic);
    } catch (error) {
      if (before === undefined || !isError(error, 'BROKER_UNAVAILABLE')) throw error;
      return before;
    }
    const { partitions, config } = description;
    const known = {
      partitions: partitions.length,
      maxBatchBytes: Number(config['max.message.bytes'] ?? Number.POSITIVE_INFINITY),
      readAtMs: this.#options.clock.monotonicMs(),
    };
    this.#topics.set(topic, known);
    return known;
  }

  #lane(topic: string, partition: number, maxBatchBytes: number): PublishLane {
    const key = partitionKey(topic, partition);
    let lane = this.#lanes.get(key);
    if (lane === undefined) {
      lane = new PublishLane(
        async (records) => (await this.#opened()).send(topic, partition, records),
        maxBatchBytes,
        () => {
          this.#lanes.delete(key);
        },
      );
      this.#lanes.set(key, lane);
    }
    return lane;
  }

  #forgetOld(nowMs: number): void {
    const { windowMs, entries } = this.#options.dedupe;
    for (const [key, { atMs }] of this.#mids) {
      if (nowMs - atMs < windowMs && this.#mids.size < entries) return;
      this.#mids.delete(key);
    }
  }
}

class Pending<T> implements PendingRecord {
  readonly record: ProduceRecord;
  readonly bytes: number;
  readonly #partition: number;
  readonly #answer: PublishAnswer<T>;
  readonly #token: T;
  readonly #done: (bytes: number) => void;

  constructor(
    record: ProduceRecord,
    bytes: number,
    partition: number,
    answer: PublishAnswer<T>,
    token: T,
    done: (bytes: number) => void,
  ) {
    this.record = record;
    this.bytes = bytes;
    this.#partition = partition;
    this.#answer = answer;
    this.#token = token;
    this.#done = done;
  }

  stored(offset: number): void {
    this.#done(this.bytes);
    const place = { partition: this.#partition, offset, timestamp: this.record.timestampMs!, duplicate: false };
    this.#answer.stored(place, this.#token);
  }

  failed(error: unknown): void {
    this.#done(this.bytes);
    this.#answer.failed(error, this.#token);
  }
}

function contentOf({ key, value }: PublishRequest): string {
  const hash = createHash('sha256');
  for (const part of [key, value]) {
    hash.update(part === null ? 'null' : `${part.length}:`);
    if (part !== null) hash.update(part);
  }
  return hash.digest('base64');
}
