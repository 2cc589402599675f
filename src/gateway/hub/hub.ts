/**
 * Shared readers of all partitions that somebody listens to. One reader a partition, however many subscribers; together
 * their rings, and what replays share, stay within `ringBytes`. A reader without subscribers stops after a while.
 */
import type { Clock } from '../../base/clock.ts';
import { isError } from '../../base/errors.ts';
import { SharedQuestion } from '../../base/shared-question.ts';
import type { Broker, RetryEvent } from '../../broker/broker.ts';
import { partitionKey } from '../../record/record.ts';
import { Feed, type FeedReader, type Hole } from './feed.ts';
import { PositionTexts } from './position-texts.ts';
import { RingMemory } from './ring-memory.ts';

export interface HubOptions {
  readonly broker: Broker;
  readonly clock: Clock;
  readonly ringBytes: number;
  /** How long a reader without subscribers goes on. */
  readonly idleMs?: number;
  readonly onRetry: (event: RetryEvent) => void;
  /** A partition of this topic is read from now on. */
  readonly onTopic?: (topic: string) => void;
}

export class Hub {
  readonly broker: Broker;
  readonly positionTexts = new PositionTexts();
  readonly #options: HubOptions;
  readonly #feeds = new Map<string, Feed>();
  readonly #idle = new Map<Feed, NodeJS.Timeout>();
  readonly #questions = new Map<string, SharedQuestion<number>>();
  readonly #replayedMemory: RingMemory;
  readonly #memory: RingMemory;

  constructor(options: HubOptions) {
    this.#options = options;
    // Whoever reads the whole log anew does not push out what everybody else is reading.
    this.#replayedMemory = new RingMemory(options.ringBytes / 4);
    this.#memory = new RingMemory(options.ringBytes, this.#replayedMemory);
    this.broker = options.broker;
  }

  get feedCount(): number {
    return this.#feeds.size;
  }

  /** By topic: records that its readers have not read yet. */
  lags(): ReadonlyMap<string, number> {
    const lags = new Map<string, number>();
    for (const { topic, lag } of this.#feeds.values()) lags.set(topic, (lags.get(topic) ?? 0) + lag);
    return lags;
  }

  get ringBytes(): number {
    return this.#memory.bytes + this.#replayedMemory.bytes;
  }

  /** The feed of a partition, once it stands at the partition's end. Rejects where it cannot be read. */
  async join(topic: string, partition: number, reader: FeedReader): Promise<Feed> {
    const feed = this.#feedOf(topic, partition);
    feed.readers.add(reader);
    const timer = this.#idle.get(feed);
    if (timer !== undefined) {
      clearTimeout(timer);
      this.#idle.delete(feed);
    }
    try {
      await feed.started;
    } catch (error) {
      feed.readers.delete(reader);
      throw error;
    }
    return feed;
  }

  leave(feed: Feed, reader: FeedReader): void {
    feed.readers.delete(reader);
    if (feed.readers.size > 0) return;
    feed.forgetReplayed();
    if (this.#idle.has(feed)) return;
    const timer = setTimeout(() => this.#drop(feed), this.#options.idleMs ?? 30_000);
    timer.unref();
    this.#idle.set(feed, timer);
  }

  /** Whether what stands at a position is in memory: then it is on the log, and the broker need not be asked whether it is. */
  holds(topic: string, partition: number, offset: number): boolean {
    return this.#feeds.get(partitionKey(topic, partition))?.holds(offset) ?? false;
  }

  /**
   * First offset of a partition, or the one that the next record will get. Calls that wait for the same one share an
   * answer, which is never older than any of them: ten thousand clients that come back at once ask the broker twice.
   */
  border(topic: string, partition: number, which: 'earliest' | 'latest'): Promise<number> {
    const key = `${which} ${partitionKey(topic, partition)}`;
    let question = this.#questions.get(key);
    if (question === undefined) {
      question = new SharedQuestion(
        () => this.broker.offset(topic, partition, which, { isolation: 'read-committed' }),
        () => this.#questions.delete(key),
      );
      this.#questions.set(key, question);
    }
    return question.ask();
  }

  close(): void {
    for (const feed of [...this.#feeds.values()]) this.#drop(feed);
  }

  #feedOf(topic: string, partition: number): Feed {
    const key = partitionKey(topic, partition);
    let feed = this.#feeds.get(key);
    if (feed === undefined) {
      const { broker, clock, onRetry } = this.#options;
      feed = new Feed({
        broker,
        topic,
        partition,
        clock,
        memory: this.#memory,
        replayedMemory: this.#replayedMemory,
        onRetry,
        onEnd: (ended, error) => {
          const hole: Hole = { reason: 'deleted', from: ended.ring?.head ?? 0, to: null, next: null };
          this.#drop(ended);
          for (const reader of [...ended.readers]) {
            if (isGone(error)) reader.broken(hole);
            else reader.failed(error);
          }
        },
      });
      this.#feeds.set(key, feed);
      this.#options.onTopic?.(topic);
    }
    return feed;
  }

  #drop(feed: Feed): void {
    feed.stop();
    clearTimeout(this.#idle.get(feed));
    this.#idle.delete(feed);
    const key = partitionKey(feed.topic, feed.partition);
    if (this.#feeds.get(key) === feed) this.#feeds.delete(key);
  }
}

/** Its topic was deleted, perhaps to be made anew, perhaps with fewer partitions. */
function isGone(error: unknown): boolean {
  return (['UNKNOWN_TOPIC', 'UNKNOWN_PARTITION', 'TOPIC_RECREATED'] as const).some((code) => isError(error, code));
}
