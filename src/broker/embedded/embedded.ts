/** The broker inside the process: the port over a store on SQLite in a thread of its own. As long as the port has calls. */
import { randomUUID } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { abortable, throwIfAborted } from '../../base/abort.ts';
import { type Clock, systemClock } from '../../base/clock.ts';
import { TributaryError } from '../../base/errors.ts';
import type { Codecs } from '../../record/codecs.ts';
import type { TopicPartition } from '../../record/record.ts';
import type {
  CallOptions,
  CommittedOffset,
  Extent,
  FetchedRecords,
  FetchedRuns,
  GroupMember,
  GroupOptions,
  Isolation,
  LazyOptions,
  LocalBroker,
  NewTopic,
  OffsetSpec,
  Producer,
  ProducerOptions,
  ReadOptions,
  TopicDescription,
} from '../broker.ts';
import type { DamagedBatch } from './batch-decoder.ts';
import { fetchRuns } from './fetch-runs.ts';
import { Groups } from './group.ts';
import { Maintenance } from './maintenance.ts';
import { lockedBy, writeOwner } from './owner.ts';
import { EmbeddedProducer } from './producer.ts';
import type { Failure, GroupOffset, TopicState, WriteResult } from './protocol.ts';
import { offsetAt, type ReaderParts, readPartition } from './reader.ts';
import { closedError, StoreClient } from './store-client.ts';
import { checkTopicConfig, checkTopicName } from './topic-config.ts';
import { TopicTable } from './topic-table.ts';

export interface EmbeddedBrokerOptions {
  /** Made where it is missing. One process at a time can have it open. */
  readonly directory: string;
  readonly codecs: Codecs;
  readonly clock?: Clock;
  /** Kept where a topic says nothing. Default 7 days, and no bound in bytes (-1). */
  readonly defaults?: { readonly retentionMs?: number; readonly retentionBytes?: number };
  /** Bound of the file. When it is reached, sends fail with BROKER_FULL. Default: the disk. */
  readonly maxBytes?: number;
  /** How often retention and compaction look. Default 60 000 ms. */
  readonly maintenanceIntervalMs?: number;
  /** What the broker has to tell: each is worth a line in the log. */
  readonly onEvent?: (event: EmbeddedEvent) => void;
}

export type EmbeddedEvent =
  | {
      readonly kind: 'damaged-batch';
      readonly topic: string;
      readonly partition: number;
      readonly damaged: DamagedBatch;
    }
  /** Entries of the index said a wrong end; that of the batch itself counts. */
  | { readonly kind: 'index-repaired'; readonly topic: string; readonly partition: number; readonly rows: number }
  | { readonly kind: 'transactions-aborted'; readonly count: number }
  /** The write-ahead log was damaged: what its last frames held, acknowledged or not, is lost. */
  | {
      readonly kind: 'log-damaged';
      /** Frames of the log behind a damaged one. */
      readonly lostFrames: number;
      /** Records that had been acknowledged and are gone, as far as that is known. */
      readonly lostRecords: number;
      /** The same of other writes: topics, configuration, partitions, offsets of groups, ends of transactions. */
      readonly lostChanges: number;
    }
  | { readonly kind: 'maintenance-failed'; readonly reason: string }
  | { readonly kind: 'upkeep-failed'; readonly reason: string };

const file = 'tributary.db';

/** BROKER_LOCKED, BROKER_CORRUPT, BROKER_FULL, BROKER_REJECTED (a file of another format), BROKER_UNAVAILABLE. */
export async function openEmbeddedBroker(options: EmbeddedBrokerOptions): Promise<EmbeddedBroker> {
  const { directory, maxBytes, clock = systemClock, onEvent } = options;
  mkdirSync(directory, { recursive: true });
  const onUpkeepFailure = ({ message }: Failure): void => onEvent?.({ kind: 'upkeep-failed', reason: message });
  const path = join(directory, file);
  const opened = await StoreClient.open(
    { path, maxBytes, retentionBytes: options.defaults?.retentionBytes, nowMs: clock.nowMs() },
    onUpkeepFailure,
  ).catch((error: unknown) => {
    throw lockedBy(error, directory);
  });
  writeOwner(directory);
  const { client, state } = opened;
  const { lostLogFrames: lostFrames, lostRecords, lostChanges } = state;
  if (lostFrames > 0 || lostRecords > 0 || lostChanges > 0) {
    onEvent?.({ kind: 'log-damaged', lostFrames, lostRecords, lostChanges });
    client.lossTold();
  }
  if (state.markFailure !== undefined) onUpkeepFailure(state.markFailure);
  if (state.abortedTransactions > 0) onEvent?.({ kind: 'transactions-aborted', count: state.abortedTransactions });
  return new EmbeddedBroker(options, client, new TopicTable(client, state.topics), state.clusterId);
}

export class EmbeddedBroker implements LocalBroker {
  readonly kind = 'embedded';
  readonly address: string;
  readonly #options: EmbeddedBrokerOptions;
  readonly #client: StoreClient;
  readonly #topics: TopicTable;
  readonly #reader: ReaderParts;
  readonly #groups: Groups;
  readonly #maintenance: Maintenance;
  readonly #clusterId: string;
  readonly #clock: Clock;
  readonly #producers = new Set<EmbeddedProducer>();
  /** The newest producer of each transactional id. */
  readonly #transactional = new Map<string, number>();
  readonly #closing = new AbortController();

  constructor(options: EmbeddedBrokerOptions, client: StoreClient, topics: TopicTable, clusterId: string) {
    const { codecs, clock = systemClock, onEvent } = options;
    this.address = `embedded:${options.directory}`;
    this.#options = options;
    this.#client = client;
    this.#topics = topics;
    this.#clusterId = clusterId;
    this.#clock = clock;
    this.#reader = {
      client,
      topics,
      codecs,
      onDamaged: (topic, partition, damaged) => onEvent?.({ kind: 'damaged-batch', topic, partition, damaged }),
      onRepaired: (topic, partition, rows) => onEvent?.({ kind: 'index-repaired', topic, partition, rows }),
    };
    this.#groups = new Groups(client, topics, (read) => this.read(read));
    this.#maintenance = new Maintenance({
      client,
      topics,
      codecs,
      clock,
      defaults: options.defaults ?? {},
      intervalMs: options.maintenanceIntervalMs ?? 60_000,
      onFailure: (reason) => onEvent?.({ kind: 'maintenance-failed', reason }),
    });
    this.#maintenance.start();
  }

  /** Absolute path of the directory, for messages of processes that look for its owner. */
  get directory(): string {
    return resolve(this.#options.directory);
  }

  async clusterId(options?: CallOptions): Promise<string> {
    this.#check(options, 'Asking for the cluster id');
    return this.#clusterId;
  }

  async createTopic(topic: NewTopic, options?: CallOptions): Promise<TopicDescription> {
    this.#check(options, 'Making a topic');
    const { name, partitions = 1, replicationFactor = 1, config = {} } = topic;
    checkTopicName(name);
    checkTopicConfig(config);
    if (!Number.isInteger(partitions) || (partitions < 1 && partitions !== -1) || partitions > 10_000) {
      throw new TributaryError(
        'INVALID_TOPIC',
        `Cannot make topic "${name}" with ${partitions} partitions: must be 1 to 10000`,
      );
    }
    if (replicationFactor !== 1 && replicationFactor !== -1) {
      throw new TributaryError(
        'INVALID_TOPIC',
        `Cannot make topic "${name}" with replication factor ${replicationFactor}: the embedded broker is one node, it must be 1`,
      );
    }
    if (this.#topics.get(name) !== undefined)
      throw new TributaryError('TOPIC_EXISTS', `Topic "${name}" exists already`);
    const count = partitions === -1 ? 1 : partitions;
    const made = this.#client.write({ kind: 'create-topic', name, id: randomUUID(), partitions: count, config });
    return this.#until('Making a topic', options, made, (result) => describe(this.#take(result)));
  }

  async listTopics(options?: CallOptions): Promise<readonly string[]> {
    this.#check(options, 'Listing topics');
    return this.#topics.all().map(({ name }) => name);
  }

  async describeTopic(topic: string, options?: CallOptions): Promise<TopicDescription> {
    this.#check(options, 'Describing a topic');
    return describe(this.#topics.known(topic));
  }

  async alterTopicConfig(
    topic: string,
    config: Readonly<Record<string, string | null>>,
    options?: CallOptions,
  ): Promise<void> {
    this.#check(options, 'Changing a topic');
    checkTopicConfig(config);
    const { no } = this.#topics.known(topic);
    const written = this.#client.write({ kind: 'alter-topic', topic: no, config });
    await this.#until('Changing a topic', options, written, (result) => this.#take(result));
  }

  async addPartitions(topic: string, count: number, options?: CallOptions): Promise<void> {
    this.#check(options, 'Adding partitions');
    const { no, partitions } = this.#topics.known(topic);
    if (!Number.isInteger(count) || count <= partitions.length) {
      throw new TributaryError(
        'INVALID_TOPIC',
        `Cannot give topic "${topic}" ${count} partitions: it has ${partitions.length}, and they can only become more`,
      );
    }
    const written = this.#client.write({ kind: 'add-partitions', topic: no, count });
    await this.#until('Adding partitions', options, written, (result) => this.#take(result));
  }

  async deleteTopic(topic: string, options?: CallOptions): Promise<void> {
    this.#check(options, 'Deleting a topic');
    const known = this.#topics.known(topic);
    const written = this.#client.write({ kind: 'delete-topic', topic: known.no });
    await this.#until('Deleting a topic', options, written, () => {
      this.#topics.remove(known);
      this.#groups.topicsChanged();
    });
  }

  async deleteRecords(topic: string, partition: number, offset: number, options?: LazyOptions): Promise<number> {
    this.#check(options, 'Deleting records');
    const { no, first, stable } = this.#topics.partition(topic, partition);
    const to = offset === -1 ? stable : offset;
    if (to > stable || to < 0) {
      throw new TributaryError(
        'OFFSET_OUT_OF_RANGE',
        `Cannot delete records of ${topic}-${partition} below ${offset}: must be from ${first} to ${stable}`,
      );
    }
    if (to <= first) return first;
    const written = this.#client.write({ kind: 'delete-records', partition: no, offset: to }, options?.withinMs);
    return this.#until('Deleting records', options, written, (result) =>
      result.kind === 'number' ? result.value : to,
    );
  }

  async offset(
    topic: string,
    partition: number,
    at: OffsetSpec,
    options?: CallOptions & { readonly isolation?: Isolation },
  ): Promise<number> {
    this.#check(options, 'Asking for an offset');
    const found = offsetAt(this.#reader, topic, partition, at, options?.isolation ?? 'read-uncommitted');
    return abortable(found, options?.signal, 'Asking for an offset');
  }

  async producer(options: ProducerOptions = {}): Promise<Producer> {
    this.#check(options, 'Making a producer');
    const { transactionalId, fencingId } = options;
    const producerId = await abortable(
      this.#producerId(transactionalId ?? fencingId),
      options.signal,
      'Making a producer',
    );
    const producer: EmbeddedProducer = new EmbeddedProducer(
      {
        producerId,
        client: this.#client,
        topics: this.#topics,
        codecs: this.#options.codecs,
        clock: this.#clock,
        isCurrent: () => transactionalId === undefined || this.#transactional.get(transactionalId) === producerId,
        onClosed: () => this.#producers.delete(producer),
      },
      options,
    );
    this.#producers.add(producer);
    return producer;
  }

  extent(topic: string, partition: number): Extent {
    return this.#topics.partition(topic, partition);
  }

  async fetchRuns(topic: string, partition: number, offset: number, maxBytes: number): Promise<FetchedRuns> {
    this.#check(undefined, 'Reading');
    return fetchRuns(this.#reader, { topic, partition, offset, maxBytes });
  }

  async deleteRange(topic: string, partition: number, from: number, to: number): Promise<void> {
    this.#check(undefined, 'Deleting records');
    const { no, first, stable } = this.#topics.partition(topic, partition);
    if (from < first || to > stable || from > to) {
      throw new TributaryError(
        'OFFSET_OUT_OF_RANGE',
        `Cannot delete records ${from} to ${to} of ${topic}-${partition}: must be from ${first} to ${stable}`,
      );
    }
    const written = this.#client.write({ kind: 'delete-range', partition: no, from, to });
    await this.#until('Deleting records', undefined, written, () => this.#client.tail.clear(no));
  }

  async *read(options: ReadOptions): AsyncGenerator<FetchedRecords, void> {
    this.#check(undefined, 'Reading');
    const signal =
      options.signal === undefined ? this.#closing.signal : AbortSignal.any([options.signal, this.#closing.signal]);
    try {
      yield* readPartition(this.#reader, { ...options, signal });
    } catch (error) {
      if (!signal.aborted) throw error; // whoever stops a reader is told of no failure
    }
    if (this.#closing.signal.aborted && options.signal?.aborted !== true) throw closedError();
  }

  async group(options: GroupOptions): Promise<GroupMember> {
    this.#check(options, 'Joining a group');
    return this.#groups.join(options);
  }

  async committedOffsets(groupId: string, options?: CallOptions): Promise<readonly CommittedOffset[]> {
    const what = 'Asking for committed offsets';
    this.#check(options, what);
    const asked = this.#client.read<readonly GroupOffset[]>({ kind: 'group-offsets', groupId });
    const offsets = await abortable(asked, options?.signal, what);
    return offsets.map(({ topic, partition, offset }) => ({ topic, partition, offset }));
  }

  async setCommittedOffsets(
    groupId: string,
    offsets: readonly (TopicPartition & { readonly offset: number | null })[],
    options?: LazyOptions,
  ): Promise<void> {
    this.#check(options, 'Setting committed offsets');
    this.#mustHaveNoMembers(groupId, 'set offsets of');
    for (const { topic, partition } of offsets) this.#topics.partition(topic, partition);
    const written = this.#client.write({ kind: 'set-offsets', groupId, offsets }, options?.withinMs);
    await abortable(written, options?.signal, 'Setting committed offsets');
  }

  async deleteGroup(groupId: string, options?: CallOptions): Promise<void> {
    this.#check(options, 'Deleting a group');
    this.#mustHaveNoMembers(groupId, 'delete');
    const written = this.#client.write({ kind: 'delete-group', groupId });
    const result = await abortable(written, options?.signal, 'Deleting a group');
    if (result.kind === 'number' && result.value === 0) {
      throw new TributaryError('NOT_FOUND', `Cannot delete group "${groupId}": there is none`);
    }
  }

  close(options?: CallOptions): Promise<void> {
    return abortable(this.#close(), options?.signal, 'Closing the broker');
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    try {
      if (this.#closing.signal.aborted) return;
      await this.#groups.close();
      await Promise.all([...this.#producers].map((producer) => producer.close()));
      await this.#maintenance.close();
    } finally {
      // Also where a transaction could not be ended on a full disk: the next open aborts it.
      this.#closing.abort();
      await this.#client.close();
    }
  }

  /** A new id. Who had the transactional or fencing id before is fenced, and its transaction aborted. */
  async #producerId(transactionalId: string | undefined): Promise<number> {
    const made = await this.#client.write({ kind: 'new-producer' });
    const id = made.kind === 'number' ? made.value : 0;
    if (transactionalId === undefined) return id;
    const before = this.#transactional.get(transactionalId);
    this.#transactional.set(transactionalId, id);
    if (before !== undefined) {
      const nowMs = this.#clock.nowMs();
      const end = {
        kind: 'end-transaction',
        producerId: before,
        commit: false,
        fence: true,
        offsets: [],
        nowMs,
      } as const;
      await this.#client.write(end);
    }
    return id;
  }

  #take(result: WriteResult): TopicState {
    if (result.kind !== 'topic') throw new TributaryError('INTERNAL', `The store answered with "${result.kind}"`);
    this.#topics.set(result.topic);
    this.#groups.topicsChanged();
    return result.topic;
  }

  #check(options: CallOptions | undefined, what: string): void {
    if (this.#closing.signal.aborted) throw closedError();
    throwIfAborted(options?.signal, what);
  }

  /** The write, and what follows from it; whoever stops waiting for it does not undo it. */
  #until<T>(
    what: string,
    options: CallOptions | undefined,
    written: Promise<WriteResult>,
    then: (result: WriteResult) => T,
  ): Promise<T> {
    return abortable(written.then(then), options?.signal, what);
  }

  #mustHaveNoMembers(groupId: string, what: string): void {
    if (this.#groups.hasMembers(groupId)) {
      throw new TributaryError('CONFLICT', `Cannot ${what} group "${groupId}": it has members`);
    }
  }
}

function describe({ name, id, partitions, config }: TopicState): TopicDescription {
  return {
    name,
    id,
    config,
    partitions: partitions.map((_, partition) => ({ partition, leader: 0, replicas: [0] })),
  };
}
