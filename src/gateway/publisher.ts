/**
 * Publishing: records of all connections that arrive in one turn of the event loop travel in one batch a partition. Order
 * is that of the calls, a partition each. With a `mid` a publish is written once within the window (PROTOCOL.md, 3.4).
 */
import { createHash } from 'node:crypto';
import { abortable } from '../base/abort.ts';
import type { Clock } from '../base/clock.ts';
import { isError } from '../base/errors.ts';
import type { Producer, TopicDescription } from '../broker/broker.ts';
import { partitionFor } from '../record/partitioner.ts';
import type { Header } from '../record/record.ts';
import type { GatewayFault } from '../wire/gateway/codes.ts';
import type { PublishRequest } from '../wire/gateway/frames.ts';
import type { Placement } from '../wire/gateway/server-frames.ts';
import { FaultError } from './faults.ts';
import { PendingPublish } from './pending-publish.ts';
import { type LaneOwner, PublishLane, takeOverdue } from './publish-lane.ts';
import type { TopicCatalog } from './topic-catalog.ts';

export interface PublisherOptions {
  /** Opens the producer, at the first publish: the broker need not be there before. */
  readonly openProducer: () => Promise<Producer>;
  readonly catalog: TopicCatalog;
  readonly clock: Clock;
  readonly dedupe: { readonly windowMs: number; readonly entries: number };
  readonly onDuplicate: () => void;
  /** How long a publish may wait before it is sent. Once it is, the producer has as long again to store it. */
  readonly deliveryTimeoutMs: number;
}

interface Remembered {
  /** Of key and value: another content under the same mid is a conflict. */
  readonly content: string;
  readonly outcome: Promise<Placement>;
  readonly atMs: number;
}

interface KnownTopic {
  readonly partitions: number;
  readonly maxBatchBytes: number;
  readonly readAtMs: number;
}

/** Publishes to a topic that is being asked for, in the order they came. */
interface Learning {
  readonly waiting: PendingPublish[];
}

const goingDown: GatewayFault = { code: 'shutting_down', message: 'the gateway is going down' };
const midHeader = 'tributary-mid';
/** How long the number of partitions and the size limit of a topic are believed. */
const topicMemoryMs = 30_000;

export class Publisher {
  readonly #options: PublisherOptions;
  /** By topic and partition: what is looked up for each publish is no text put together for it. */
  readonly #lanes = new Map<string, (PublishLane | undefined)[]>();
  readonly #topics = new Map<string, KnownTopic>();
  readonly #learning = new Map<string, Learning>();
  readonly #mids = new Map<string, Remembered>();
  #unanswered = 0;
  #flushed: (() => void)[] = [];
  #timer: NodeJS.Timeout | undefined;
  #isStopped = false;
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

  /** The same for publishes without `mid`, of which there are very many: its answer is called later. */
  write(pending: PendingPublish): void {
    const { deliveryTimeoutMs } = this.#options;
    this.#bytes += pending.bytes;
    this.#unanswered++;
    if (this.#isStopped) {
      queueMicrotask(() => this.#failed([pending], new FaultError(goingDown)));
      return;
    }
    this.#watchDeadlines(deliveryTimeoutMs);
    const { topic, startedMs } = pending;
    const known = this.#topics.get(topic);
    let learning = this.#learning.get(topic);
    if (learning === undefined && known !== undefined && startedMs - known.readAtMs < topicMemoryMs) {
      this.#place(pending, known);
      return;
    }
    // Whoever comes meanwhile waits for the same answer, behind this one: order is that of the calls.
    if (learning === undefined) {
      learning = { waiting: [] };
      this.#learning.set(topic, learning);
      void this.#learn(topic, known, learning);
    }
    learning.waiting.push(pending);
  }

  /** Resolves when everything handed in is answered. */
  flush(): Promise<void> {
    if (this.#unanswered === 0) return Promise.resolve();
    return new Promise((resolve) => this.#flushed.push(resolve));
  }

  /** From now on publishes are refused; those that were handed in go on. */
  stop(): void {
    this.#isStopped = true;
  }

  /** Refuses those that have not been sent. */
  giveUp(): void {
    for (const { waiting } of this.#learning.values()) this.#failed(waiting.splice(0), new FaultError(goingDown));
    for (const lane of this.#openLanes()) this.#failed(lane.takeAll(), new FaultError(goingDown));
  }

  /** Waits for what was sent, until the signal aborts. */
  async close(signal?: AbortSignal): Promise<void> {
    clearTimeout(this.#timer);
    const producer = this.#producer?.catch(() => undefined);
    if (producer === undefined) return;
    try {
      await abortable(
        producer.then((opened) => opened?.close()),
        signal,
        'Closing the producer',
      );
    } catch (error) {
      if (signal?.aborted !== true) throw error;
    }
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
      const nowMs = this.#options.clock.monotonicMs();
      this.write(new PendingPublish(request, headers, nowMs, { stored: resolve, failed: reject }, undefined));
    });
  }

  /** One timer for all that wait, armed for the oldest. */
  #watchDeadlines(inMs: number): void {
    if (this.#timer !== undefined || inMs === Number.POSITIVE_INFINITY) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#failOverdue();
    }, inMs).unref();
  }

  /** What waits for too long was never sent, and never is. */
  #failOverdue(): void {
    const { clock, deliveryTimeoutMs } = this.#options;
    const nowMs = clock.monotonicMs();
    const overdueMs = nowMs - deliveryTimeoutMs;
    let oldestMs = Number.POSITIVE_INFINITY;
    const fail = (overdue: readonly PendingPublish[]): void =>
      this.#failed(overdue, new FaultError({ code: 'unavailable', message: 'the broker cannot be reached' }));
    for (const { waiting } of this.#learning.values()) {
      fail(takeOverdue(waiting, overdueMs));
      oldestMs = Math.min(oldestMs, waiting[0]?.startedMs ?? oldestMs);
    }
    for (const lane of this.#openLanes()) {
      fail(lane.takeOverdue(overdueMs));
      oldestMs = Math.min(oldestMs, lane.oldestMs);
    }
    if (oldestMs < Number.POSITIVE_INFINITY) this.#watchDeadlines(Math.max(1, oldestMs - overdueMs));
  }

  #place(pending: PendingPublish, known: KnownTopic): void {
    const { topic, partition, key } = pending;
    if (partition !== null && partition >= known.partitions) {
      const fault = new FaultError({ code: 'not_found', message: 'no such partition' });
      queueMicrotask(() => this.#failed([pending], fault));
      return;
    }
    const chosen = partition ?? partitionFor(key, known.partitions, key === null ? this.#turn++ : 0);
    pending.partition = chosen;
    pending.timestampMs ??= this.#options.clock.nowMs();
    this.#lane(topic, chosen, known.maxBatchBytes).send(pending);
  }

  #stored(batch: readonly PendingPublish[], baseOffset: number): void {
    const nowMs = this.#options.clock.monotonicMs();
    let offset = baseOffset;
    for (const pending of batch) {
      this.#answered(pending);
      const place = { partition: pending.partition!, offset, timestamp: pending.timestampMs!, duplicate: false };
      pending.answer.stored(place, pending, nowMs);
      offset++;
    }
  }

  #failed(batch: readonly PendingPublish[], error: unknown): void {
    for (const pending of batch) {
      this.#answered(pending);
      pending.answer.failed(error, pending);
    }
  }

  #answered({ bytes }: PendingPublish): void {
    this.#bytes -= bytes;
    if (--this.#unanswered > 0) return;
    for (const flushed of this.#flushed.splice(0)) flushed();
  }

  async #learn(topic: string, before: KnownTopic | undefined, { waiting }: Learning): Promise<void> {
    try {
      const known = await this.#ask(topic, before);
      this.#learning.delete(topic);
      for (const pending of waiting) this.#place(pending, known);
    } catch (error) {
      this.#learning.delete(topic);
      this.#failed(waiting, error);
    }
  }

  /** While the broker is away, what was known `before` is good enough to wait with. */
  async #ask(topic: string, before: KnownTopic | undefined): Promise<KnownTopic> {
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
    let lanes = this.#lanes.get(topic);
    if (lanes === undefined) {
      lanes = [];
      this.#lanes.set(topic, lanes);
    }
    lanes[partition] ??= this.#openLane(topic, partition, maxBatchBytes, lanes);
    return lanes[partition];
  }

  #openLane(topic: string, partition: number, maxBatchBytes: number, lanes: (PublishLane | undefined)[]): PublishLane {
    const owner: LaneOwner = {
      send: async (records) => (await this.#opened()).send(topic, partition, records),
      stored: (batch, baseOffset) => this.#stored(batch, baseOffset),
      failed: (batch, error) => this.#failed(batch, error),
      idle: () => {
        lanes[partition] = undefined;
        if (lanes.every((lane) => lane === undefined)) this.#lanes.delete(topic);
      },
    };
    return new PublishLane(owner, maxBatchBytes);
  }

  #openLanes(): PublishLane[] {
    return [...this.#lanes.values()].flat().filter((lane) => lane !== undefined);
  }

  #forgetOld(nowMs: number): void {
    const { windowMs, entries } = this.#options.dedupe;
    for (const [key, { atMs }] of this.#mids) {
      if (nowMs - atMs < windowMs && this.#mids.size < entries) return;
      this.#mids.delete(key);
    }
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
