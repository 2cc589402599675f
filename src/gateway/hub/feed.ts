/**
 * The shared reader of one partition: follows its end, keeps the newest records in a ring and wakes those who read there.
 * Who is further behind than the ring reads for itself (replay.ts) until it has caught up.
 */

import { abortError, sleep } from '../../base/abort.ts';
import type { Clock } from '../../base/clock.ts';
import { describeError, isError, isRetriable } from '../../base/errors.ts';
import type { Broker, RetryEvent } from '../../broker/broker.ts';
import type { GapReason } from '../../wire/gateway/server-frames.ts';
import { chunksOf } from './chunk.ts';
import { ReplayedChunks } from './replayed-chunks.ts';
import { Ring } from './ring.ts';
import type { RingMemory } from './ring-memory.ts';

/** Somebody who reads here. Called synchronously: to remember, not to work. */
export interface FeedReader {
  /** There is more than before. */
  wake(): void;
  /** Records are gone, or another topic's. */
  broken(hole: Hole): void;
  /** The partition cannot be read any more, for a reason that is none of the reader's. */
  failed(error: unknown): void;
}

export interface Hole {
  readonly reason: GapReason;
  readonly from: number;
  readonly to: number | null;
  /** Where reading goes on; null: nowhere. */
  readonly next: number | null;
  /** Of the topic that is read from now on, where it is another one of the same name. */
  readonly topicId?: string;
}

export interface FeedOptions {
  readonly broker: Broker;
  readonly topic: string;
  readonly partition: number;
  readonly clock: Clock;
  /** Of all rings. */
  readonly memory: RingMemory;
  /** Of what all replays share. */
  readonly replayedMemory: RingMemory;
  /** It has ended for good: its topic is gone, or reading failed. */
  readonly onEnd: (feed: Feed, error: unknown) => void;
  readonly onRetry: (event: RetryEvent) => void;
}

/** Pause before a broker that cannot be reached is asked again. */
const retryMs = 250;

export class Feed {
  readonly topic: string;
  readonly partition: number;
  readonly readers = new Set<FeedReader>();
  /** Settles when the reader stands at the end of the partition. */
  readonly started: Promise<void>;
  /** Records on the log that it had not read when it last read some. */
  lag = 0;
  #ring: Ring | undefined;
  #replayed: ReplayedChunks;
  readonly #options: FeedOptions;
  readonly #stop = new AbortController();

  constructor(options: FeedOptions) {
    this.#options = options;
    this.topic = options.topic;
    this.partition = options.partition;
    this.#replayed = new ReplayedChunks(options.replayedMemory);
    this.started = new Promise((resolve, reject) => {
      void this.#follow(resolve, reject).finally(() => this.#release());
    });
    this.started.catch(() => {}); // told to onEnd as well, where somebody always listens
  }

  /** Only once it has started. */
  get ring(): Ring {
    return this.#ring!;
  }

  /** What is behind the ring, as far as it was read lately. Another one after a hole. */
  get replayed(): ReplayedChunks {
    return this.#replayed;
  }

  /** Nobody reads any more: who comes later sees what the log then has. */
  forgetReplayed(): void {
    this.#replayed.forget();
  }

  holds(offset: number): boolean {
    const ring = this.#ring;
    if (ring !== undefined && offset >= ring.start && offset < ring.head) return true;
    return this.#replayed.at(offset) !== undefined;
  }

  stop(): void {
    this.#stop.abort();
    this.#release();
  }

  async #follow(started: () => void, failed: (error: unknown) => void): Promise<void> {
    const { broker, topic, partition, memory } = this.#options;
    const { signal } = this.#stop;
    let from: 'latest' | 'earliest' | { readonly offset: number } = 'latest';
    for (;;) {
      try {
        for await (const fetched of broker.read({
          topic,
          partition,
          from,
          signal,
          passesDamaged: true,
          onRetry: this.#options.onRetry,
          onStart: (offset) => {
            this.#ring ??= new Ring(offset, memory);
            started();
          },
        })) {
          this.#ring ??= new Ring(fetched.nextOffset, memory);
          const { records, nextOffset, endOffset } = fetched;
          this.lag = Math.max(0, endOffset - nextOffset);
          if (nextOffset === this.#ring.head && records.length === 0) continue;
          const now = this.#options.clock.monotonicMs();
          for (const chunk of chunksOf(fetched, this.#ring.head, now)) this.#ring.add(chunk);
          memory.trim();
          for (const reader of this.readers) reader.wake();
        }
        failed(abortError(signal, `reading ${topic}/${partition}`)); // stopped; of no effect where it had started
        return;
      } catch (error) {
        const decision = await this.#whereToGoOn(error);
        if (decision === 'end') {
          failed(error);
          if (!signal.aborted) this.#options.onEnd(this, error);
          return;
        }
        if (decision === 'retry') {
          this.#options.onRetry({ what: 'read', reason: describeError(error), topic, partition });
          await sleep(retryMs, signal);
        }
        from = this.#ring === undefined ? 'latest' : { offset: this.#ring.head };
      }
    }
  }

  /** What to do after an error. `moved`: readers were told of a hole, and the ring stands behind it. */
  async #whereToGoOn(error: unknown): Promise<'end' | 'retry' | 'moved'> {
    const { broker, topic, partition } = this.#options;
    const { signal } = this.#stop;
    if (signal.aborted) return 'end';
    const at = this.#ring?.head ?? 0;
    try {
      if (isError(error, 'OFFSET_OUT_OF_RANGE')) {
        const first = await broker.offset(topic, partition, 'earliest', { signal });
        if (at < first) return this.#moveTo({ reason: 'retention', from: at, to: first, next: first });
        const end = await broker.offset(topic, partition, 'latest', { signal });
        return this.#moveTo({ reason: 'truncated', from: at, to: end, next: end });
      }
      if (isError(error, 'TOPIC_RECREATED')) {
        const { id } = await broker.describeTopic(topic, { signal });
        const first = await broker.offset(topic, partition, 'earliest', { signal });
        return this.#moveTo({ reason: 'recreated', from: at, to: null, next: first, topicId: id });
      }
    } catch (second) {
      return isRetriable(second) ? 'retry' : 'end';
    }
    return isRetriable(error) ? 'retry' : 'end';
  }

  #moveTo(hole: Hole & { readonly next: number }): 'moved' {
    const { memory, replayedMemory } = this.#options;
    this.#release();
    this.#ring = new Ring(hole.next, memory);
    this.#replayed = new ReplayedChunks(replayedMemory);
    for (const reader of [...this.readers]) reader.broken(hole);
    return 'moved';
  }

  #release(): void {
    this.#ring?.release();
    this.#replayed.release();
  }
}
