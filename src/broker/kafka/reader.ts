import { isRetriable } from '../../base/errors.ts';
import type { DamagedRange, FetchedRecords, Isolation, ReadOptions } from '../broker.ts';
import { FetchedColumns } from '../fetched-columns.ts';
import { type FetchAnswer, type FetchedPartition, fetch } from './api/fetch.ts';
import { closedError, type KafkaClient } from './client.ts';
import type { Wire } from './connections.ts';
import { nextFetchBytes } from './fetch-bytes.ts';
import { checkFetched, type FetchTarget } from './fetch-errors.ts';
import { findOffset } from './offsets.ts';
import { nextOffsetOf, visibleColumns } from './visible-columns.ts';

/** How long the broker holds a fetch that finds nothing. It ends at once when the signal aborts. */
const longPollMs = 5000;
/** A reader that wants to end at the end only waits where compaction took the last records away. */
const shortPollMs = 100;

const defaultMaxBytes = 1024 * 1024;

/**
 * See Broker.read. On a connection of its own, one fetch ahead: the next is asked for before what came is given, so one
 * answer at most waits unread.
 */
export async function* readPartition(
  client: KafkaClient,
  options: ReadOptions,
  closed: AbortSignal,
): AsyncGenerator<FetchedRecords, void> {
  const { topic, partition, signal } = options;
  const reader = new PartitionReader(client, options, closed);
  try {
    yield* reader.run();
  } catch (error) {
    if (closed.aborted) throw closedError(`read partition ${partition} of topic "${topic}"`);
    if (signal?.aborted !== true) throw error;
  } finally {
    reader.end();
  }
}

interface Fetched {
  readonly partition: FetchedPartition;
  readonly throttleMs: number;
  readonly from: number;
  readonly wire: Wire;
}

class PartitionReader {
  readonly #client: KafkaClient;
  readonly #options: ReadOptions;
  readonly #isolation: Isolation;
  readonly #purpose: string;
  readonly #what: string;
  /** Aborts when the loop is left; else the fetch that is ahead would be tried again for ever. */
  readonly #left = new AbortController();
  readonly #signal: AbortSignal;
  #topicId = '';
  /** What the next fetch asks for. */
  #maxBytes: number;

  constructor(client: KafkaClient, options: ReadOptions, closed: AbortSignal) {
    this.#client = client;
    this.#options = options;
    this.#isolation = options.isolation ?? 'read-committed';
    this.#maxBytes = options.maxBytes ?? defaultMaxBytes;
    this.#purpose = client.ownPurpose('fetch');
    this.#what = `read partition ${options.partition} of topic "${options.topic}"`;
    const signals = [closed, this.#left.signal];
    this.#signal = AbortSignal.any(options.signal === undefined ? signals : [...signals, options.signal]);
  }

  async *run(): AsyncGenerator<FetchedRecords, void> {
    const { topic, partition, onStart, until, maxBytes = defaultMaxBytes } = this.#options;
    let position = await this.#start();
    onStart?.(position);
    const end = until === 'end' ? await this.#offset('latest') : Number.POSITIVE_INFINITY;
    let coming = position < end || end === Number.POSITIVE_INFINITY ? this.#fetch(position) : undefined;
    if (position > end) coming = this.#fetch(position); // the broker says what is wrong with it
    let empty = 0;
    while (coming !== undefined) {
      const fetched: Fetched = await coming;
      const { from, throttleMs } = fetched;
      const endOffset = this.#endOf(fetched.partition);
      let next = nextOffsetOf(fetched.partition.records, from);
      this.#maxBytes = nextFetchBytes(fetched.partition.records, this.#maxBytes, maxBytes);
      // Nothing twice, though there should be something: compaction or a cut took the rest of the log.
      empty = next === from && throttleMs === 0 ? empty + 1 : 0;
      if (empty >= 2 && from < endOffset) next = endOffset;
      position = next;
      coming = position < end ? this.#fetch(position) : undefined;
      // Whoever leaves the loop at the yield never looks at it again.
      coming?.catch(() => {});
      if (next === from) continue;
      const damaged: DamagedRange[] | undefined = this.#options.passesDamaged === true ? [] : undefined;
      const { codecs } = this.#client.settings;
      const columns = visibleColumns(fetched.partition, from, this.#isolation, codecs, damaged);
      const free = (): void => fetched.wire.recycle(fetched.partition.records);
      const turn = { topic, partition, columns, nextOffset: next, endOffset, free };
      yield new FetchedColumns({ ...turn, ...namedDamage(damaged) });
    }
  }

  end(): void {
    this.#left.abort();
    this.#client.connections.end(this.#purpose);
  }

  async #start(): Promise<number> {
    const { topic, partition, from } = this.#options;
    this.#topicId = await this.#run(async () => {
      // What is remembered may be of a topic that was deleted since.
      await this.#client.metadata.refreshTopic(topic);
      const { id } = await this.#client.toLeader(topic, partition, this.#purpose);
      return id;
    });
    return typeof from === 'object' && 'offset' in from ? from.offset : this.#offset(from);
  }

  #offset(at: Parameters<typeof findOffset>[3]): Promise<number> {
    const { topic, partition } = this.#options;
    return findOffset(this.#client, topic, partition, at, {
      signal: this.#signal,
      isolation: this.#isolation,
      forMs: Number.POSITIVE_INFINITY,
      onRetry: (reason) => this.#report('fetch', reason),
    });
  }

  #fetch(offset: number): Promise<Fetched> {
    return this.#run(() => this.#tryFetch(offset));
  }

  async #tryFetch(offset: number): Promise<Fetched> {
    const client = this.#client;
    const { topic, partition } = this.#options;
    const maxBytes = this.#maxBytes;
    const { wire, leader } = await client.toLeader(topic, partition, this.#purpose);
    const target: FetchTarget = { topic, topicId: this.#topicId, partition, offset };
    let answer: FetchAnswer;
    try {
      answer = await fetch(client.toolkit, wire, {
        version: client.fetchVersion,
        maxWaitMs: this.#waitMs(),
        maxBytes,
        isolation: this.#isolation,
        partitions: [{ topicId: this.#topicId, partition, leaderEpoch: leader.leaderEpoch, offset, maxBytes }],
      });
    } catch (error) {
      // A broker that is gone may have left the partition to another.
      if (isRetriable(error)) await client.metadata.refreshTopic(topic);
      throw error;
    }
    const fetched = answer.partitions[0] ?? nothingFetched(target, answer.errorCode);
    await checkFetched(client, target, fetched, answer);
    return { partition: fetched, throttleMs: answer.throttleMs, from: offset, wire };
  }

  #waitMs(): number {
    // A request that waits longer than requests may take would end its connection.
    const longMs = Math.min(longPollMs, Math.floor(this.#client.settings.requestTimeoutMs / 2));
    return this.#options.until === 'end' ? Math.min(shortPollMs, longMs) : longMs;
  }

  /** For ever: an unreachable broker is waited for. */
  #run<T>(attempt: () => Promise<T>): Promise<T> {
    const onRetry = (reason: string): void => this.#report('fetch', reason);
    const options = { signal: this.#signal, forMs: Number.POSITIVE_INFINITY, onRetry };
    return this.#client.run(this.#what, options, attempt);
  }

  #report(what: string, reason: string): void {
    const { topic, partition, onRetry } = this.#options;
    onRetry?.({ what, reason, topic, partition });
  }

  #endOf({ lastStableOffset, highWatermark }: FetchedPartition): number {
    return this.#isolation === 'read-committed' && lastStableOffset >= 0 ? lastStableOffset : highWatermark;
  }
}

/** What was passed over, as a member of a turn; none where there is nothing. */
export function namedDamage(damaged: readonly DamagedRange[] = []): Pick<FetchedRecords, 'damaged'> {
  return damaged.length === 0 ? {} : { damaged };
}

/** An answer that is an error as a whole names no partition. */
export function nothingFetched({ topicId, partition }: FetchTarget, errorCode: number): FetchedPartition {
  return {
    topicId,
    partition,
    errorCode: errorCode === 0 ? unknownServerError : errorCode,
    highWatermark: -1,
    lastStableOffset: -1,
    logStartOffset: -1,
    aborted: [],
    records: Buffer.alloc(0),
    leaderId: -1,
    leaderEpoch: -1,
  };
}

const unknownServerError = -1;
