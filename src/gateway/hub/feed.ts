/**
 * The shared reader of one partition: follows its end, keeps the newest records in a ring and wakes those who read there.
 * Who is further behind than the ring reads for itself (replay.ts) until it has caught up.
 */

import { abortError, sleep } from '../../base/abort.ts';
import type { Clock } from '../../base/clock.ts';
import { describeError, isError, isRetriable } from '../../base/errors.ts';
import type { Broker, RetryEvent } from '../../broker/broker.ts';
import type { GapReason } from '../../wire/gateway/server-frames.ts';
import { Chunk } from './chunk.ts';
import { Ring } from './ring.ts';

/** Somebody who reads here. Called synchronously: to remember, not to work. */
export interface FeedReader {
  /** There is more than before. */
  wake(): void;
  /** Records from `from` on are gone or another topic's; reading goes on at `next` (null: nowhere). */
  broken(reason: GapReason, from: number, to: number | null, next: number | null): void;
}

export interface FeedOptions {
  readonly broker: Broker;
  readonly topic: string;
  readonly partition: number;
  readonly clock: Clock;
  /** A chunk was added: the owner keeps the memory of all rings within its bound. */
  readonly onChunk: (feed: Feed) => void;
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
  #ring: Ring | undefined;
  readonly #options: FeedOptions;
  readonly #stop = new AbortController();

  constructor(options: FeedOptions) {
    this.#options = options;
    this.topic = options.topic;
    this.partition = options.partition;
    this.started = new Promise((resolve, reject) => {
      void this.#follow(resolve, reject);
    });
    this.started.catch(() => {}); // told to onEnd as well, where somebody always listens
  }

  /** Only once it has started. */
  get ring(): Ring {
    return this.#ring!;
  }

  stop(): void {
    this.#stop.abort();
  }

  async #follow(started: () => void, failed: (error: unknown) => void): Promise<void> {
    const { broker, topic, partition } = this.#options;
    const { signal } = this.#stop;
    let from: 'latest' | 'earliest' | { readonly offset: number } = 'latest';
    for (;;) {
      try {
        for await (const fetched of broker.read({
          topic,
          partition,
          from,
          signal,
          onRetry: this.#options.onRetry,
          onStart: (offset) => {
            this.#ring ??= new Ring(offset);
            started();
          },
        })) {
          this.#ring ??= new Ring(fetched.nextOffset);
          const { records, nextOffset } = fetched;
          if (nextOffset === this.#ring.head && records.length === 0) continue;
          const now = this.#options.clock.monotonicMs();
          this.#ring.add(new Chunk(topic, partition, records, this.#ring.head, nextOffset, now));
          this.#options.onChunk(this);
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
        if (at < first) return this.#moveTo('retention', at, first, first);
        const end = await broker.offset(topic, partition, 'latest', { signal });
        return this.#moveTo('truncated', at, end, end);
      }
      if (isError(error, 'TOPIC_RECREATED')) {
        const first = await broker.offset(topic, partition, 'earliest', { signal });
        return this.#moveTo('recreated', at, null, first);
      }
    } catch (second) {
      return isRetriable(second) ? 'retry' : 'end';
    }
    return isRetriable(error) ? 'retry' : 'end';
  }

  #moveTo(reason: GapReason, from: number, to: number | null, next: number): 'moved' {
    this.#ring = new Ring(next);
    for (const reader of [...this.readers]) reader.broken(reason, from, to, next);
    return 'moved';
  }
}
