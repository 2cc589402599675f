/**
 * A subscription that reads through the shared readers: a cursor a partition, taking turns. What a slow client does to it
 * is its policy: `wait` leaves records on the log, the others keep what is unsent in a bounded backlog.
 */
import type { Clock } from '../base/clock.ts';
import type { RetryEvent } from '../broker/broker.ts';
import { type Filter, matches } from '../wire/gateway/filter.ts';
import type { IfLost, SlowPolicy } from '../wire/gateway/frames.ts';
import { type Position, tagOf } from '../wire/gateway/position.ts';
import type { Gap } from '../wire/gateway/server-frames.ts';
import { Backlog } from './backlog.ts';
import type { Delivery, DeliveryEvents, Item, Taken } from './delivery.ts';
import { asFault } from './faults.ts';
import { Cursor } from './hub/cursor.ts';
import type { Hub } from './hub/hub.ts';
import type { ReplayPlaces } from './hub/replay.ts';

export interface StartOfPartition {
  readonly next: number;
  readonly gap: Gap | null;
}

export interface TopicStart {
  /** Of the topic's id, for positions. */
  readonly tag: string;
  /** By partition; undefined where the partition is not read. */
  readonly partitions: readonly (StartOfPartition | undefined)[];
}

export interface SharedDeliveryOptions {
  readonly hub: Hub;
  readonly places: ReplayPlaces;
  readonly clock: Clock;
  /** What of a topic is wanted, and may be seen. */
  readonly filterOf: (topic: string) => Filter | null;
  readonly slow: SlowPolicy;
  readonly ifLost: IfLost;
  readonly events: DeliveryEvents;
  readonly onRetry: (event: RetryEvent) => void;
}

interface Topic {
  /** Of the topic that positions speak of. */
  tag: string;
  filter: Filter | null;
  readonly cursors: (Cursor | undefined)[];
  /** By partition: tag of the topic that is read there; a topic made anew is met by one partition after the other. */
  readonly tags: string[];
  /** By partition: position behind what was handed out, which a backlog keeps apart from what was read. */
  readonly next: (number | null)[];
}

export class SharedDelivery implements Delivery {
  readonly #options: SharedDeliveryOptions;
  readonly #topics = new Map<string, Topic>();
  #turn: Cursor[] = [];
  readonly #backlog: Backlog | undefined;
  /** Gaps of partitions that are not read any more. */
  #lastGaps: Gap[] = [];
  #conflated = 0;
  #failed = false;

  constructor(options: SharedDeliveryOptions) {
    this.#options = options;
    if (options.slow !== 'wait') this.#backlog = new Backlog(options.slow === 'conflate');
  }

  get state(): 'replaying' | 'live' {
    return this.#turn.every((cursor) => cursor.isLive) ? 'live' : 'replaying';
  }

  get waitingBytes(): number {
    return this.#backlog?.bytes ?? 0;
  }

  /** Partitions of each topic that is read. */
  get partitions(): Record<string, number> {
    return Object.fromEntries([...this.#topics].map(([topic, { next }]) => [topic, next.length]));
  }

  /** Begins to read a topic; resolves when nothing that is written from now on can be missed. */
  async add(topic: string, { tag, partitions }: TopicStart): Promise<void> {
    const filter = this.#options.filterOf(topic);
    const known: Topic = this.#topics.get(topic) ?? { tag, filter, cursors: [], tags: [], next: [] };
    this.#topics.set(topic, known);
    for (const cursor of known.cursors.splice(partitions.length)) if (cursor !== undefined) this.#end(cursor);
    known.next.length = known.tags.length = Math.min(known.next.length, partitions.length);
    const joined: Promise<void>[] = [];
    partitions.forEach((start, partition) => {
      if (known.cursors[partition] !== undefined) return;
      known.tags[partition] = tag;
      known.next[partition] = start?.next ?? null;
      if (start === undefined) return;
      const cursor = this.#cursor(topic, partition, start.next);
      if (start.gap !== null) cursor.addGap(start.gap);
      known.cursors[partition] = cursor;
      this.#turn.push(cursor);
      joined.push(cursor.join());
    });
    adoptTag(known);
    await Promise.all(joined);
  }

  /** `isDeleted`: its subscribers are told; else they may not read it any more, and hear nothing of it. */
  remove(topic: string, isDeleted: boolean): void {
    const known = this.#topics.get(topic);
    if (known === undefined) return;
    for (const cursor of this.#turn.filter((candidate) => candidate.topic === topic)) {
      const isToldAlready = known.cursors[cursor.partition] !== cursor;
      if (isDeleted && !isToldAlready) {
        cursor.addGap({ topic, partition: cursor.partition, from: cursor.next, to: null, reason: 'deleted' });
      }
      this.#end(cursor, isDeleted);
    }
    this.#topics.delete(topic);
    this.#backlog?.removeTopic(topic);
  }

  /** Whether so many partitions of a topic are known, and each that is wanted is being read. */
  isWhole(topic: string, partitions: number): boolean {
    const known = this.#topics.get(topic);
    if (known === undefined || known.next.length !== partitions) return false;
    return known.next.every((next, partition) => next === null || known.cursors[partition] !== undefined);
  }

  /** What may be seen has changed. */
  refilter(): void {
    for (const [topic, known] of this.#topics) known.filter = this.#options.filterOf(topic);
  }

  take(maxRecords: number, maxBytes: number): Taken | undefined {
    const items: Item[] = this.#lastGaps.splice(0).map((gap) => ({ kind: 'gap', gap }));
    let records = 0;
    let bytes = 0;
    const backlog = this.#backlog?.take(maxRecords, maxBytes);
    if (backlog !== undefined) {
      for (const item of backlog.items) this.#handedOut(item);
      items.push(...backlog.items);
      records = backlog.records;
      bytes = backlog.bytes;
    }
    if (this.#backlog === undefined || this.#backlog.isEmpty) {
      // Each cursor at most once a call, beginning with another one each time: a busy partition leaves room for the others.
      for (let tried = this.#turn.length; tried > 0; tried--) {
        if (records >= maxRecords || bytes >= maxBytes) break;
        const cursor = this.#turn.shift()!;
        this.#turn.push(cursor);
        const taken = this.#takeFrom(cursor, maxRecords - records, maxBytes - bytes, records > 0, items);
        records += taken.records;
        bytes += taken.bytes;
      }
    }
    if (items.length === 0) return undefined;
    const conflated = this.#conflated;
    this.#conflated = 0;
    return { items, records, bytes, conflated };
  }

  position(): string {
    return this.#options.hub.positionTexts.of(this.#topics);
  }

  /** Whether everything below these offsets (by partition) of a topic has been handed out or passed over. */
  hasReached(topic: string, ends: readonly number[]): boolean {
    const sent = this.#topics.get(topic)?.next ?? [];
    return sent.every((next, partition) => next === null || next >= (ends[partition] ?? 0));
  }

  positions(): Position {
    return new Map([...this.#topics].map(([topic, { tag, next }]) => [topic, { tag, next }]));
  }

  overflow(room: number): void {
    const backlog = this.#backlog;
    if (backlog === undefined || this.#failed) return;
    for (const cursor of this.#turn) {
      // One that is far behind reads at the pace of its client anyway.
      if (cursor.isLive) this.#absorb(cursor, backlog);
    }
    if (backlog.bytes <= room) return;
    if (this.#options.slow === 'disconnect') {
      this.#failed = true;
      this.#options.events.onFailed({ code: 'slow_consumer', message: 'the client takes records too slowly' });
      return;
    }
    backlog.shrink(Math.max(0, room));
  }

  acknowledged(): void {}

  async close(): Promise<void> {
    for (const cursor of this.#turn) cursor.close();
    this.#turn = [];
  }

  #cursor(topic: string, partition: number, next: number): Cursor {
    const { hub, places, clock, ifLost, events, onRetry } = this.#options;
    return new Cursor({
      hub,
      places,
      clock,
      topic,
      partition,
      next,
      ifLost,
      onRetry,
      wake: () => events.onReady(),
      onGone: (cursor) => this.#gone(cursor),
      onFailed: (error) => events.onFailed(asFault(error)),
      onRecreated: (cursor, topicId) => this.#recreated(cursor, topicId),
      onLost: () =>
        events.onFailed({ code: 'position_lost', message: `the position in ${topic} is not on the log any more` }),
    });
  }

  /** A partition's topic was deleted. Its last gap is still to be handed out. */
  #gone(cursor: Cursor): void {
    const known = this.#topics.get(cursor.topic);
    if (known !== undefined) known.cursors[cursor.partition] = undefined;
    cursor.close();
  }

  #recreated({ topic, partition }: Cursor, topicId: string): void {
    const known = this.#topics.get(topic);
    if (known === undefined) return;
    known.tags[partition] = tagOf(topicId);
    adoptTag(known);
  }

  /** It is not read any more; what it still has to tell is kept. */
  #end(cursor: Cursor, tellsGaps = true): void {
    for (let gap = cursor.takeGap(); gap !== undefined; gap = cursor.takeGap()) if (tellsGaps) this.#lastGaps.push(gap);
    cursor.close();
    this.#turn = this.#turn.filter((other) => other !== cursor);
  }

  #takeFrom(
    cursor: Cursor,
    maxRecords: number,
    maxBytes: number,
    hasMore: boolean,
    items: Item[],
  ): { records: number; bytes: number } {
    let records = 0;
    let bytes = 0;
    const filter = this.#filterOf(cursor);
    for (let gap = cursor.takeGap(); gap !== undefined; gap = cursor.takeGap()) {
      const item: Item = { kind: 'gap', gap };
      this.#handedOut(item);
      items.push(item);
    }
    while (records < maxRecords && bytes < maxBytes) {
      const chunk = cursor.chunk();
      if (chunk === undefined) break;
      if (chunk.isDamaged) {
        const { topic, partition, next: from } = cursor;
        const item: Item = { kind: 'gap', gap: { topic, partition, from, to: chunk.nextOffset, reason: 'corrupt' } };
        cursor.next = chunk.nextOffset;
        this.#handedOut(item);
        items.push(item);
        continue;
      }
      const all = chunk.records;
      let at = chunk.indexOf(cursor.next);
      while (at < all.length) {
        while (at < all.length && filter !== null && !matches(filter, all[at]!)) at++;
        const start = at;
        const isFirst = !hasMore && records === 0 && bytes === 0;
        const fitting = chunk.fitting(at, maxBytes - bytes, maxRecords - records);
        const end = Math.min(all.length, at + (fitting === 0 && isFirst ? 1 : fitting));
        if (filter === null) at = end;
        else while (at < end && matches(filter, all[at]!)) at++;
        if (at > start) items.push({ kind: 'records', chunk, start, end: at });
        records += at - start;
        bytes += chunk.sizeOf(start, at);
        if (at === start || records >= maxRecords || bytes >= maxBytes) break;
      }
      cursor.next = at < all.length ? all[at]!.offset : chunk.nextOffset;
      this.#setSent(cursor.topic, cursor.partition, cursor.next);
      if (at < all.length) break; // what is left does not fit
    }
    return { records, bytes };
  }

  #absorb(cursor: Cursor, backlog: Backlog): void {
    const filter = this.#filterOf(cursor);
    for (let gap = cursor.takeGap(); gap !== undefined; gap = cursor.takeGap()) backlog.addGap(gap);
    for (let chunk = cursor.chunk(); chunk !== undefined; chunk = cursor.chunk()) {
      if (chunk.isDamaged) {
        const { topic, partition, next: from } = cursor;
        backlog.addGap({ topic, partition, from, to: chunk.nextOffset, reason: 'corrupt' });
      }
      for (let at = chunk.indexOf(cursor.next); at < chunk.records.length; at++) {
        if (filter === null || matches(filter, chunk.records[at]!)) this.#conflated += backlog.add(chunk, at);
      }
      cursor.next = chunk.nextOffset;
    }
  }

  #filterOf({ topic }: Cursor): Filter | null {
    return this.#topics.get(topic)?.filter ?? null;
  }

  #handedOut(item: Item): void {
    if (item.kind === 'gap') {
      const { topic, partition, to } = item.gap;
      if (to !== null) this.#setSent(topic, partition, to);
    } else {
      const { topic, partition, records } = item.chunk;
      this.#setSent(topic, partition, records[item.end - 1]!.offset + 1);
    }
  }

  #setSent(topic: string, partition: number, next: number): void {
    const known = this.#topics.get(topic);
    if (known !== undefined) known.next[partition] = next;
  }
}

/** Positions speak of a topic made anew once all of its partitions are read there: before, coming back must show the gap. */
function adoptTag(topic: Topic): void {
  const read = topic.tags.filter((_, partition) => topic.cursors[partition] !== undefined);
  if (read.length > 0 && read.every((tag) => tag === read[0])) topic.tag = read[0]!;
}
