import { backoffMs } from '../../base/backoff.ts';
import { describeError, isError, isRetriable, TributaryError } from '../../base/errors.ts';
import { partitionKey, type TopicPartition } from '../../record/record.ts';
import type { DamagedRange, FetchedRecords, Isolation, RetryEvent } from '../broker.ts';
import { FetchedColumns } from '../fetched-columns.ts';
import { type FetchAnswer, type FetchedPartition, fetch } from './api/fetch.ts';
import type { KafkaClient } from './client.ts';
import type { Address } from './connections.ts';
import { checkFetched, type FetchTarget } from './fetch-errors.ts';
import { findOffset } from './offsets.ts';
import { ownRecords } from './own-records.ts';
import { namedDamage, nothingFetched } from './reader.ts';
import { retryPolicy } from './retry.ts';
import { nextOffsetOf, visibleColumns } from './visible-columns.ts';

export interface GroupFetcherSettings {
  readonly client: KafkaClient;
  readonly isolation: Isolation;
  readonly startAt: 'earliest' | 'latest';
  readonly maxBufferedBytes: number;
  readonly passesDamaged: boolean;
  readonly onRetry: (event: RetryEvent) => void;
}

/** Short, so that a partition that was just given, or has room again, does not wait long behind idle ones. */
const longPollMs = 500;
/** Of one partition within an answer. */
const partitionBytes = 1024 * 1024;
/** Fetches in flight to one node: further ones take the partitions that became free meanwhile. */
const fetchNumbers = [0, 1, 2];
/** Answers of one partition that may wait to be taken. */
const maxWaiting = 2;

interface Assigned extends TopicPartition {
  readonly key: string;
  /** Undefined where it has to be found out: the topic was made again. */
  topicId: string | undefined;
  /** Undefined until it is known where to start. */
  position: number | undefined;
  readonly waiting: Waiting[];
  isPaused: boolean;
  /** A fetch, or the search for its position, is under way. */
  isBusy: boolean;
  failures: number;
  timer: NodeJS.Timeout | undefined;
}

interface Waiting {
  readonly fetched: FetchedPartition;
  /** Gives the memory of the answer back, where nothing else of it is looked at. */
  readonly free: (() => void) | undefined;
  readonly from: number;
  readonly next: number;
}

/**
 * Fetches the partitions of one member: those of one leader together, and no more than the buffer may hold. What was
 * fetched stays as bytes until it is taken; partitions take turns.
 */
export class GroupFetcher {
  readonly #settings: GroupFetcherSettings;
  readonly #client: KafkaClient;
  readonly #purpose: string;
  readonly #ended = new AbortController();
  /** In the order of their turns. */
  readonly #assigned = new Map<string, Assigned>();
  readonly #fetches = new Map<number, Set<number>>();
  #bufferedBytes = 0;
  #reservedBytes = 0;
  #wakeReader: (() => void) | undefined;
  #failure: TributaryError | undefined;

  constructor(settings: GroupFetcherSettings) {
    this.#settings = settings;
    this.#client = settings.client;
    this.#purpose = settings.client.ownPurpose('group-fetch');
  }

  /** Starts at the position; where there is none, at `startAt`. */
  add(partition: TopicPartition, topicId: string, position: number | undefined): void {
    const key = partitionKey(partition.topic, partition.partition);
    const { topic, partition: number } = partition;
    this.#assigned.set(key, {
      topic,
      partition: number,
      key,
      topicId,
      position,
      waiting: [],
      isPaused: false,
      isBusy: false,
      failures: 0,
      timer: undefined,
    });
    this.#fill();
  }

  /** Nothing of them is given any more. */
  remove(partitions: readonly TopicPartition[]): void {
    for (const { topic, partition } of partitions) {
      const assigned = this.#assigned.get(partitionKey(topic, partition));
      if (assigned === undefined) continue;
      clearTimeout(assigned.timer);
      for (const { fetched } of assigned.waiting) this.#bufferedBytes -= fetched.records.length;
      this.#assigned.delete(assigned.key);
    }
    this.#fill();
  }

  setPaused(partitions: readonly TopicPartition[], isPaused: boolean): void {
    for (const { topic, partition } of partitions) {
      const assigned = this.#assigned.get(partitionKey(topic, partition));
      if (assigned !== undefined) assigned.isPaused = isPaused;
    }
    this.#wakeReader?.();
    this.#fill();
  }

  /** Ends `records`: with the error, if there is one. */
  end(error?: TributaryError): void {
    if (this.#ended.signal.aborted) return;
    this.#failure = error;
    this.#ended.abort();
    for (const assigned of this.#assigned.values()) clearTimeout(assigned.timer);
    this.#assigned.clear();
    for (const nodeId of this.#fetches.keys())
      for (const number of fetchNumbers) this.#client.connections.end(this.#purposeOf(nodeId, number));
    this.#wakeReader?.();
  }

  async *records(): AsyncGenerator<FetchedRecords, void> {
    for (;;) {
      const taken = this.#take();
      if (taken !== undefined) {
        yield taken;
        continue;
      }
      if (this.#failure !== undefined) throw this.#failure;
      if (this.#ended.signal.aborted) return;
      await new Promise<void>((resolve) => {
        this.#wakeReader = resolve;
      });
    }
  }

  /** What waits of the partition whose turn it is; decoded only now. */
  #take(): FetchedRecords | undefined {
    for (const assigned of this.#assigned.values()) {
      if (assigned.isPaused) continue;
      const waiting = assigned.waiting.shift();
      if (waiting === undefined) continue;
      const { fetched, from, next, free } = waiting;
      this.#bufferedBytes -= fetched.records.length;
      // To the end of the turns.
      this.#assigned.delete(assigned.key);
      this.#assigned.set(assigned.key, assigned);
      const { isolation, client, passesDamaged } = this.#settings;
      const damaged: DamagedRange[] | undefined = passesDamaged ? [] : undefined;
      const columns = visibleColumns(fetched, from, isolation, client.settings.codecs, damaged);
      const { topic, partition } = assigned;
      this.#fill();
      const endOffset = endOf(fetched, isolation);
      const turn = { topic, partition, columns, nextOffset: next, endOffset, ...namedDamage(damaged) };
      return new FetchedColumns(free === undefined ? turn : { ...turn, free });
    }
    return undefined;
  }

  /** Starts what fetches there is need and room for. */
  #fill(): void {
    if (this.#ended.signal.aborted) return;
    const byLeader = new Map<number, Assigned[]>();
    for (const assigned of this.#assigned.values()) {
      if (assigned.isBusy || assigned.isPaused || assigned.timer !== undefined) continue;
      if (assigned.waiting.length >= maxWaiting) continue;
      const leader = this.#client.metadata.leader(assigned.topic, assigned.partition);
      const isKnown = assigned.position !== undefined && assigned.topicId !== undefined;
      if (!isKnown || leader === undefined) this.#prepare(assigned);
      else byLeader.set(leader.nodeId, [...(byLeader.get(leader.nodeId) ?? []), assigned]);
    }
    for (const [nodeId, partitions] of byLeader) this.#startFetch(nodeId, partitions);
  }

  #startFetch(nodeId: number, partitions: readonly Assigned[]): void {
    const numbers = this.#fetches.get(nodeId) ?? new Set();
    this.#fetches.set(nodeId, numbers);
    const address = this.#client.metadata.node(nodeId);
    const number = fetchNumbers.find((candidate) => !numbers.has(candidate));
    if (number === undefined || address === undefined) return;
    const used = this.#bufferedBytes + this.#reservedBytes;
    const room = this.#settings.maxBufferedBytes - used;
    const maxBytes = Math.min(room, partitionBytes * partitions.length);
    // Less than that is no fetch, but the first always goes: a batch larger than the whole buffer comes through alone.
    if (maxBytes < Math.min(partitionBytes, this.#settings.maxBufferedBytes) && used > 0) return;
    numbers.add(number);
    for (const assigned of partitions) assigned.isBusy = true;
    this.#reservedBytes += maxBytes;
    this.#fetch(address, this.#purposeOf(nodeId, number), partitions, maxBytes)
      .catch((error: unknown) => this.#fail(error, partitions))
      .finally(() => {
        this.#reservedBytes -= maxBytes;
        numbers.delete(number);
        for (const assigned of partitions) assigned.isBusy = false;
        this.#fill();
      });
  }

  async #fetch(address: Address, purpose: string, partitions: readonly Assigned[], maxBytes: number): Promise<void> {
    const { client, isolation } = this.#settings;
    const wire = await client.connections.to(address, purpose);
    const targets = partitions.map((assigned) => ({ assigned, offset: assigned.position! }));
    const answer = await fetch(client.toolkit, wire, {
      version: client.fetchVersion,
      maxWaitMs: longPollMs,
      maxBytes,
      isolation,
      partitions: targets.map(({ assigned, offset }) => ({
        topicId: assigned.topicId!,
        partition: assigned.partition,
        leaderEpoch: client.metadata.leader(assigned.topic, assigned.partition)?.leaderEpoch ?? -1,
        offset,
        maxBytes: Math.min(partitionBytes, maxBytes),
      })),
    });
    const { partitions: owned, isCopied } = ownRecords(answer.partitions);
    if (isCopied) wire.recycle(answer.partitions[0]!.records);
    for (const { assigned, offset } of targets) {
      // Taken away, or started anew, while the fetch was under way.
      if (this.#assigned.get(assigned.key) !== assigned) continue;
      const { topicId, partition } = assigned;
      const isIt = (candidate: FetchedPartition): boolean =>
        candidate.topicId === topicId && candidate.partition === partition;
      const target: FetchTarget = { topic: assigned.topic, topicId: topicId!, partition, offset };
      const fetched = owned.find(isIt) ?? nothingFetched(target, answer.errorCode);
      const free = isCopied ? undefined : (): void => wire.recycle(fetched.records);
      try {
        await this.#fetched(assigned, target, { fetched, free }, answer);
      } catch (error) {
        this.#fail(error, [assigned]);
      }
    }
  }

  async #fetched(
    assigned: Assigned,
    target: FetchTarget,
    { fetched, free }: Pick<Waiting, 'fetched' | 'free'>,
    answer: FetchAnswer,
  ): Promise<void> {
    await checkFetched(this.#client, target, fetched, answer);
    if (this.#assigned.get(assigned.key) !== assigned) return;
    assigned.failures = 0;
    const from = target.offset;
    const next = nextOffsetOf(fetched.records, from);
    if (next === from) return;
    assigned.position = next;
    assigned.waiting.push({ fetched, from, next, free });
    this.#bufferedBytes += fetched.records.length;
    this.#wakeReader?.();
  }

  /** Finds the leader, and where they are not known the topic's id and the position. */
  #prepare(assigned: Assigned): void {
    assigned.isBusy = true;
    const { client, startAt, isolation } = this.#settings;
    const { topic, partition } = assigned;
    const find = async (): Promise<void> => {
      if (client.metadata.leader(topic, partition) === undefined) await client.metadata.refreshTopic(topic);
      if (client.metadata.leader(topic, partition) === undefined) throw noLeader(assigned);
      assigned.topicId ??= (await client.metadata.topic(topic)).id;
      const { signal } = this.#ended;
      assigned.position ??= await findOffset(client, topic, partition, startAt, { isolation, signal });
    };
    find()
      .catch((error: unknown) => this.#fail(error, [assigned]))
      .finally(() => {
        assigned.isBusy = false;
        this.#fill();
      });
  }

  #fail(error: unknown, partitions: readonly Assigned[]): void {
    if (this.#ended.signal.aborted) return;
    for (const assigned of partitions) {
      const { topic, partition } = assigned;
      if (this.#assigned.get(assigned.key) !== assigned) continue;
      this.#settings.onRetry({ what: 'fetch', reason: describeError(error), topic, partition });
      const isRecreated = isError(error, 'TOPIC_RECREATED');
      if (isRecreated || isError(error, 'OFFSET_OUT_OF_RANGE')) {
        // What the group hears of a topic made again is a partition of the same name, which its owner keeps.
        if (isRecreated) assigned.topicId = undefined;
        assigned.position = undefined;
        continue;
      }
      if (!isRetriable(error) && !isWaitedFor(error)) {
        this.end(error instanceof TributaryError ? error : new TributaryError('INTERNAL', describeError(error)));
        return;
      }
      this.#pause(assigned);
    }
  }

  /** Looks for the leader again after a while. */
  #pause(assigned: Assigned): void {
    assigned.failures++;
    const { metadata, settings } = this.#client;
    const refresh = (): void => {
      metadata
        .refreshTopic(assigned.topic)
        .catch(() => {}) // the fetch that follows says what is wrong
        .finally(() => {
          assigned.timer = undefined;
          this.#fill();
        });
    };
    assigned.timer = setTimeout(refresh, backoffMs(assigned.failures, retryPolicy, settings.random));
  }

  #purposeOf(nodeId: number, number: number): string {
    return `${this.#purpose}-${nodeId}-${number}`;
  }
}

/** A topic that is gone: the group shares its partitions out anew, soon. */
function isWaitedFor(error: unknown): boolean {
  return isError(error, 'UNKNOWN_TOPIC') || isError(error, 'UNKNOWN_PARTITION');
}

function endOf({ lastStableOffset, highWatermark }: FetchedPartition, isolation: Isolation): number {
  return isolation === 'read-committed' && lastStableOffset >= 0 ? lastStableOffset : highWatermark;
}

function noLeader({ topic, partition }: TopicPartition): TributaryError {
  return new TributaryError(
    'BROKER_UNAVAILABLE',
    `Cannot read partition ${partition} of topic "${topic}": it has no leader`,
    {
      retriable: true,
    },
  );
}
