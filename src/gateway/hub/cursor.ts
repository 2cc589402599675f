/**
 * One subscriber's place in one partition. While it lies within the shared ring, records are taken from there; further
 * behind, the cursor reads for itself until it has caught up. Which of the two it is, its owner does not see.
 */
import { sleep } from '../../base/abort.ts';
import type { Clock } from '../../base/clock.ts';
import { isError, isRetriable } from '../../base/errors.ts';
import type { RetryEvent } from '../../broker/broker.ts';
import type { IfLost } from '../../wire/gateway/frames.ts';
import type { Gap } from '../../wire/gateway/server-frames.ts';
import { startAtOffset } from '../start-positions.ts';
import { type Chunk, chunksOf } from './chunk.ts';
import type { Feed, FeedReader, Hole } from './feed.ts';
import type { Hub } from './hub.ts';
import type { ReplayPlaces } from './replay.ts';

export interface CursorOptions {
  readonly hub: Hub;
  readonly places: ReplayPlaces;
  readonly clock: Clock;
  readonly topic: string;
  readonly partition: number;
  readonly next: number;
  readonly ifLost: IfLost;
  readonly wake: () => void;
  /** The partition is gone. */
  readonly onGone: (cursor: Cursor) => void;
  /** The partition cannot be read any more. */
  readonly onFailed: (error: unknown) => void;
  /** The topic was made anew: from now on it has this id. */
  readonly onRecreated: (cursor: Cursor, topicId: string) => void;
  /** Its position is not on the log any more, and `ifLost` is `fail`. */
  readonly onLost: () => void;
  readonly onRetry: (event: RetryEvent) => void;
}

/** After so many bytes a replay makes place for the next one that waits. */
const bytesPerTurn = 4 * 1_048_576;
const replayFetchBytes = 262_144;
const retryMs = 250;
/** How long a replay that nobody takes from keeps its place while others wait. */
const patienceMs = 1000;

export class Cursor implements FeedReader {
  readonly topic: string;
  readonly partition: number;
  /** Position of the next record to take. */
  next: number;
  readonly #options: CursorOptions;
  /** Only where it reads for itself: most never do, and there are very many. */
  #stop: AbortController | undefined;
  #isClosed = false;
  readonly #gaps: Gap[] = [];
  #feed: Feed | undefined;
  #replayed: Chunk | undefined;
  #replaying = false;
  /** Settles when the chunk of the replay was taken whole. */
  #taken: Promise<void> | undefined;
  #consumed: (() => void) | undefined;

  constructor(options: CursorOptions) {
    this.#options = options;
    this.topic = options.topic;
    this.partition = options.partition;
    this.next = options.next;
  }

  /** Whether its next record is, or will be, in the ring. */
  get isLive(): boolean {
    return this.#feed !== undefined && !this.#replaying && this.#replayed === undefined && !this.#isBehind();
  }

  /** Takes part in the shared reader; resolves once that stands at the partition's end. */
  async join(): Promise<void> {
    const { hub } = this.#options;
    const feed = await hub.join(this.topic, this.partition, this);
    if (this.#isClosed) hub.leave(feed, this);
    else this.#feed = feed;
  }

  addGap(gap: Gap): void {
    this.#gaps.push(gap);
  }

  takeGap(): Gap | undefined {
    return this.#gaps.shift();
  }

  /** The chunk that holds the next record; undefined while there is none. Starts what is needed to get one. */
  chunk(): Chunk | undefined {
    if (this.#replayed !== undefined) {
      if (this.next < this.#replayed.nextOffset) return this.#replayed;
      this.#replayed = undefined;
      this.#consumed?.();
    }
    if (this.#feed === undefined || this.#replaying) return undefined;
    const { ring, replayed } = this.#feed;
    if (this.next >= ring.head) return undefined;
    if (this.next >= ring.start) return ring.at(this.next);
    const shared = replayed.at(this.next);
    if (shared === undefined) void this.#replay();
    return shared;
  }

  wake(): void {
    this.#options.wake();
  }

  broken({ reason, from, to, next, topicId }: Hole): void {
    const { topic, partition } = this;
    if (next === null) {
      this.addGap({ topic, partition, from: this.next, to: null, reason });
      this.#options.onGone(this);
    } else if (reason !== 'retention' || this.next >= from) {
      // Who is behind the shared reader meets the hole of retention by itself.
      this.addGap({ topic, partition, from: this.next, to, reason });
      this.next = next;
      this.#replayed = undefined; // of a log that is no more
      this.#consumed?.();
    }
    if (topicId !== undefined) this.#options.onRecreated(this, topicId);
    this.#options.wake();
  }

  failed(error: unknown): void {
    this.#options.onFailed(error);
  }

  close(): void {
    this.#isClosed = true;
    this.#stop?.abort();
    this.#consumed?.();
    if (this.#feed !== undefined) this.#options.hub.leave(this.#feed, this);
    this.#feed = undefined;
  }

  /** Reads from the broker until the next position is in memory. */
  async #replay(): Promise<void> {
    if (this.#replaying) return;
    this.#replaying = true;
    this.#stop ??= new AbortController();
    if (this.#isClosed) this.#stop.abort();
    const { signal } = this.#stop;
    try {
      while (!signal.aborted && this.#isBehind() && !this.#isShared()) {
        const another = this.#feed!.replayed.read(this.next);
        if (another !== undefined) await another;
        // Whose client takes nothing gives way until it asks again.
        else if (await this.#replayTurn()) break;
      }
    } catch (error) {
      if (!signal.aborted && (isError(error, 'UNKNOWN_TOPIC') || isError(error, 'UNKNOWN_PARTITION'))) {
        this.broken({ reason: 'deleted', from: this.next, to: null, next: null });
      } else if (!signal.aborted) this.#options.onFailed(error);
    } finally {
      this.#replaying = false;
      if (!signal.aborted) this.#options.wake();
    }
  }

  #isBehind(): boolean {
    return this.#feed !== undefined && this.next < this.#feed.ring.start;
  }

  /** Whether another replay has just read what it needs next. */
  #isShared(): boolean {
    return this.#feed?.replayed.at(this.next) !== undefined;
  }

  /** True where nobody took what was read, and others wait: then it is not kept either, for it stands in no budget. */
  async #replayTurn(): Promise<boolean> {
    const { hub, places, clock, topic, partition, onRetry } = this.#options;
    const { signal } = this.#stop!;
    const { replayed } = this.#feed!;
    let isRead = replayed.reading(this.next);
    let release: (() => void) | undefined;
    let bytes = 0;
    try {
      release = await places.take(signal);
      const from = { offset: this.next };
      let position = this.next;
      for await (const fetched of hub.broker.read({
        topic,
        partition,
        from,
        signal,
        passesDamaged: true,
        onRetry,
        maxBytes: replayFetchBytes,
      })) {
        for (const chunk of chunksOf(fetched, position, clock.monotonicMs())) {
          // Moved by a hole that the shared reader met: what was fetched lies on the other side of it.
          if (this.next !== position || this.#feed?.replayed !== replayed) return false;
          this.#replayed = chunk;
          replayed.add(chunk);
          isRead();
          position = chunk.nextOffset;
          bytes += chunk.bytes;
          if (!(await this.#isTaken(signal))) {
            this.#replayed = undefined;
            return true;
          }
          if (!this.#isBehind()) return false;
          // Others have come by meanwhile, and one of them reads on.
          if (this.#isShared() || replayed.read(this.next) !== undefined) return false;
          isRead = replayed.reading(this.next);
        }
        if (bytes > bytesPerTurn && places.waiting > 0) return false;
      }
    } catch (error) {
      if (isError(error, 'OFFSET_OUT_OF_RANGE')) await this.#moveOntoTheLog();
      // A topic made anew: the shared reader meets that too, and says where to go on.
      else if (isRetriable(error) || isError(error, 'TOPIC_RECREATED')) {
        onRetry({ what: 'replay', reason: (error as Error).message, topic, partition });
        await sleep(retryMs, signal);
      } else throw error;
    } finally {
      isRead();
      release?.();
    }
    return false;
  }

  /** True when the chunk was taken whole; false where that takes long and others wait for the place. */
  async #isTaken(signal: AbortSignal): Promise<boolean> {
    this.#taken = new Promise((resolve) => {
      this.#consumed = resolve;
    });
    this.#options.wake();
    for (;;) {
      const over = new AbortController();
      const taken = await Promise.race([
        this.#taken!.then(() => true),
        sleep(patienceMs, over.signal).then(() => false),
      ]);
      over.abort();
      if (taken || signal.aborted) return !signal.aborted;
      if (this.#options.places.waiting > 0) return false;
    }
  }

  async #moveOntoTheLog(): Promise<void> {
    const { hub, topic, partition, ifLost } = this.#options;
    const borders = {
      earliest: await hub.border(topic, partition, 'earliest'),
      latest: await hub.border(topic, partition, 'latest'),
    };
    const start = startAtOffset(topic, partition, this.next, borders, ifLost);
    if (start.kind === 'lost') {
      this.#options.onLost();
      this.close();
      return;
    }
    if (start.gap !== null) this.addGap(start.gap);
    this.next = start.next;
    this.#options.wake();
  }
}
