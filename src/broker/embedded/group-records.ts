/** Records of the partitions that a group's member owns, as one stream in which partitions take turns. */
import { describeError, isError } from '../../base/errors.ts';
import { partitionKey, type TopicPartition } from '../../record/record.ts';
import type { FetchedRecords, Isolation, OffsetSpec, ReadOptions, RetryEvent } from '../broker.ts';

export interface GroupRecordsSettings {
  readonly read: (options: ReadOptions) => AsyncIterable<FetchedRecords>;
  readonly startAt: 'earliest' | 'latest';
  readonly isolation: Isolation;
  readonly maxBufferedBytes: number;
  readonly onRetry: (event: RetryEvent) => void;
}

/** One fetch waits here at most; the next is asked for when it has been taken. */
interface Cursor {
  readonly partition: TopicPartition;
  readonly stop: AbortController;
  isPaused: boolean;
  ready: FetchedRecords | undefined;
  onTaken: () => void;
}

const maxFetchBytes = 1024 * 1024;
const minFetchBytes = 16 * 1024;

export class GroupRecords {
  readonly #settings: GroupRecordsSettings;
  /** In the order in which they get their turn. */
  readonly #cursors = new Map<string, Cursor>();
  #wake: () => void = () => {};
  #isEnded = false;
  #failure: unknown;

  constructor(settings: GroupRecordsSettings) {
    this.#settings = settings;
  }

  /** Starts to fetch; without a committed offset where `startAt` says. */
  add(partition: TopicPartition, committed: number | undefined): void {
    const key = partitionKey(partition.topic, partition.partition);
    this.#cursors.get(key)?.stop.abort();
    const stop = new AbortController();
    const cursor: Cursor = { partition, stop, isPaused: false, ready: undefined, onTaken: () => {} };
    this.#cursors.set(key, cursor);
    this.#pump(cursor, committed === undefined ? this.#settings.startAt : { offset: committed }).catch(
      (error: unknown) => this.end(error),
    );
  }

  remove(partitions: readonly TopicPartition[]): void {
    for (const { topic, partition } of partitions) {
      const key = partitionKey(topic, partition);
      this.#cursors.get(key)?.stop.abort();
      this.#cursors.delete(key);
    }
  }

  setPaused(partitions: readonly TopicPartition[], isPaused: boolean): void {
    for (const { topic, partition } of partitions) {
      const cursor = this.#cursors.get(partitionKey(topic, partition));
      if (cursor !== undefined) cursor.isPaused = isPaused;
    }
    this.#wake();
  }

  /** Nothing comes any more; with a failure the reader is told. */
  end(failure?: unknown): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#failure = failure;
    for (const { stop } of this.#cursors.values()) stop.abort();
    this.#cursors.clear();
    this.#wake();
  }

  async *records(): AsyncGenerator<FetchedRecords, void> {
    while (!this.#isEnded) {
      const fetched = this.#take();
      if (fetched !== undefined) yield fetched;
      else {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    }
    if (this.#failure !== undefined) throw this.#failure;
  }

  #take(): FetchedRecords | undefined {
    for (const [key, cursor] of this.#cursors) {
      if (cursor.ready === undefined || cursor.isPaused) continue;
      const fetched = cursor.ready;
      cursor.ready = undefined;
      this.#cursors.delete(key);
      this.#cursors.set(key, cursor); // behind the others
      cursor.onTaken();
      return fetched;
    }
    return undefined;
  }

  async #pump(cursor: Cursor, from: OffsetSpec | { readonly offset: number }): Promise<void> {
    const { read, isolation, startAt, onRetry } = this.#settings;
    const { topic, partition } = cursor.partition;
    const { signal } = cursor.stop;
    for (let start: typeof from | undefined = from; start !== undefined; ) {
      try {
        const options = { topic, partition, from: start, isolation, maxBytes: this.#fetchBytes(), signal, onRetry };
        for await (const fetched of read(options)) {
          if (!(await this.#hand(cursor, fetched))) return;
        }
        start = undefined;
      } catch (error) {
        if (signal.aborted) return;
        const isRestart = isError(error, 'OFFSET_OUT_OF_RANGE') || isError(error, 'TOPIC_RECREATED');
        if (!isRestart && !isError(error, 'UNKNOWN_TOPIC') && !isError(error, 'UNKNOWN_PARTITION')) throw error;
        onRetry({ what: 'fetch', reason: describeError(error), topic, partition });
        // A topic that is gone: the group takes its partitions away.
        start = isRestart ? startAt : undefined;
      }
    }
  }

  /** Resolves when it was taken; false when the partition is no longer ours. */
  async #hand(cursor: Cursor, fetched: FetchedRecords): Promise<boolean> {
    const { signal } = cursor.stop;
    if (signal.aborted) return false;
    cursor.ready = fetched;
    await new Promise<void>((resolve) => {
      cursor.onTaken = resolve;
      signal.addEventListener('abort', () => resolve(), { once: true });
      this.#wake();
    });
    return !signal.aborted;
  }

  #fetchBytes(): number {
    const share = Math.floor(this.#settings.maxBufferedBytes / Math.max(1, this.#cursors.size));
    return Math.max(minFetchBytes, Math.min(maxFetchBytes, share));
  }
}
