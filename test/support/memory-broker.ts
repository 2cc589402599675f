/**
 * A broker in memory, for unit tests of what stands on the port: topics, producers, readers that follow, groups of one
 * member. Transactions keep their records back until they are committed; no retention, no compaction; what the port says of
 * errors and order holds.
 */
import { abortable, abortError, throwIfAborted } from '../../src/base/abort.ts';
import { TributaryError } from '../../src/base/errors.ts';
import type {
  Broker,
  CommittedOffset,
  FetchedRecords,
  GroupMember,
  GroupOptions,
  NewTopic,
  OffsetSpec,
  Producer,
  ProducerOptions,
  ReadOptions,
  TopicDescription,
} from '../../src/broker/broker.ts';
import { FetchedColumns } from '../../src/broker/fetched-columns.ts';
import { BatchBuffer } from '../../src/record/batch-buffer.ts';
import { readBatchHeader } from '../../src/record/batch-header.ts';
import type { Codecs } from '../../src/record/codecs.ts';
import { decodeColumn } from '../../src/record/decode.ts';
import { encodeBatch } from '../../src/record/encode.ts';
import type { ConsumedRecord, ProduceRecord, TopicPartition } from '../../src/record/record.ts';
import type { RecordColumn } from '../../src/record/record-column.ts';
import { asList } from '../../src/record/value-column.ts';

export interface MemoryBroker extends Broker {
  /** Runs before a send is stored: to delay it, to fail it, or to look at it. */
  beforeSend: (topic: string, partition: number, records: readonly ProduceRecord[]) => Promise<void> | void;
  /** Runs before a transaction is committed: to delay it, or to fail it. */
  beforeCommit: () => Promise<void> | void;
  /** Runs behind a commit that took place: an error makes its outcome unknown. */
  afterCommit: () => Promise<void> | void;
  /** Everything a partition holds. */
  records(topic: string, partition?: number): readonly ConsumedRecord[];
  /** Values of a topic's partition as text. */
  values(topic: string, partition?: number): readonly (string | null)[];
  /** Resolves when the partition holds so many records. */
  holds(topic: string, count: number, partition?: number): Promise<void>;
}

interface StoredTopic {
  readonly description: TopicDescription;
  readonly partitions: ConsumedRecord[][];
}

export function memoryBroker(): MemoryBroker {
  const topics = new Map<string, StoredTopic>();
  const committed = new Map<string, Map<string, CommittedOffset>>();
  const waiters = new Set<() => void>();
  let nextId = 1;
  let closed = false;

  const wakeAll = (): void => {
    const woken = [...waiters];
    waiters.clear();
    for (const wake of woken) wake();
  };
  /** Resolves at the next change, or when the signal aborts. */
  const changed = (signal?: AbortSignal): Promise<void> =>
    new Promise((resolve) => {
      const done = (): void => {
        waiters.delete(done);
        signal?.removeEventListener('abort', done);
        resolve();
      };
      waiters.add(done);
      signal?.addEventListener('abort', done, { once: true });
      if (signal?.aborted) done();
    });
  const open = (): void => {
    if (closed) throw new TributaryError('BROKER_CLOSED', 'The broker in memory is closed');
  };
  const topicOf = (name: string): StoredTopic => {
    open();
    const topic = topics.get(name);
    if (topic === undefined) throw new TributaryError('UNKNOWN_TOPIC', `Topic "${name}" does not exist`);
    return topic;
  };
  const partitionOf = (name: string, partition: number): ConsumedRecord[] => {
    const records = topicOf(name).partitions[partition];
    if (records === undefined) throw new TributaryError('UNKNOWN_PARTITION', `Topic "${name}" has no ${partition}`);
    return records;
  };
  const position = (records: readonly ConsumedRecord[], at: OffsetSpec | { readonly offset: number }): number => {
    if (at === 'earliest') return 0;
    if (at === 'latest') return records.length;
    if ('offset' in at) return at.offset;
    const found = records.findIndex(({ timestampMs }) => timestampMs >= at.timestampMs);
    return found === -1 ? records.length : found;
  };

  /** The newest producer of each transactional id. */
  const epochs = new Map<string, number>();
  /** The highest epoch that was written to a partition, by the id that fences. */
  const writtenEpochs = new Map<string, number>();

  const producer = (options: ProducerOptions): Producer => {
    const { transactionalId, fencingId } = options;
    const id = transactionalId ?? fencingId;
    const epoch = id === undefined ? 0 : (epochs.get(id) ?? 0) + 1;
    if (id !== undefined) epochs.set(id, epoch);
    /** What the open transaction has sent; undefined where none is open. */
    let pending: (() => void)[] | undefined;
    let broken: unknown;
    const transactional = (): void => {
      open();
      if (transactionalId === undefined) throw new TributaryError('TRANSACTION_INVALID_STATE', 'no transactional id');
      if (epochs.get(transactionalId) !== epoch)
        throw new TributaryError('PRODUCER_FENCED', `A newer producer has "${transactionalId}"`);
    };
    const inTransaction = (): (() => void)[] => {
      transactional();
      if (pending === undefined) throw new TributaryError('TRANSACTION_INVALID_STATE', 'no transaction is open');
      if (broken !== undefined)
        throw new TributaryError('TRANSACTION_ABORTED', 'a send has failed', { retriable: true, cause: broken });
      return pending;
    };
    const inFlight = new Set<Promise<unknown>>();
    /** The send of each partition that is under way last: order holds whatever beforeSend does. */
    const last = new Map<string, Promise<unknown>>();
    const store = async (topic: string, partition: number, records: readonly ProduceRecord[]) => {
      const pendingBefore = transactionalId === undefined ? undefined : inTransaction();
      try {
        await broker.beforeSend(topic, partition, records);
        partitionOf(topic, partition);
        if (fencingId !== undefined) fence(`${fencingId} ${topic} ${partition}`);
      } catch (error) {
        broken = error;
        throw error;
      }
      if (pendingBefore !== undefined) {
        inTransaction().push(() => append(topic, partition, records));
        return { baseOffset: 0, lastOffset: 0 }; // nobody knows before the commit
      }
      return append(topic, partition, records);
    };
    /** As Kafka does it: a lower epoch is refused where a higher one was written, and nowhere else. */
    const fence = (place: string): void => {
      if ((writtenEpochs.get(place) ?? 0) > epoch)
        throw new TributaryError('PRODUCER_FENCED', `A newer producer has "${fencingId}"`);
      writtenEpochs.set(place, epoch);
    };
    const append = (topic: string, partition: number, records: readonly ProduceRecord[]) => {
      const stored = partitionOf(topic, partition);
      const baseOffset = stored.length;
      for (const { key, value, headers, timestampMs } of records) {
        // Copied, as any broker does: once a send is acknowledged its memory may be used again.
        const copies = { key: key && Buffer.from(key), value: value && Buffer.from(value) };
        stored.push({ offset: stored.length, ...copies, headers, timestampMs: timestampMs ?? Date.now() });
      }
      wakeAll();
      return { baseOffset, lastOffset: stored.length - 1 };
    };
    return {
      async send(topic, partition, records, { signal } = {}) {
        throwIfAborted(signal, 'A send');
        const key = `${topic}/${partition}`;
        const list = asList(records);
        const before = last.get(key) ?? Promise.resolve();
        const sent = before.then(
          () => store(topic, partition, list),
          () => store(topic, partition, list),
        );
        last.set(key, sent);
        inFlight.add(sent);
        const settled = (): unknown => inFlight.delete(sent);
        sent.then(settled, settled);
        return abortable(sent, signal, 'A send');
      },
      partitionCount: async (topic) => topicOf(topic).partitions.length,
      async begin() {
        transactional();
        if (pending !== undefined) throw new TributaryError('TRANSACTION_INVALID_STATE', 'a transaction is open');
        pending = [];
        broken = undefined;
      },
      sendOffsets: async () => Promise.reject(unsupported('offsets in transactions')),
      async commit() {
        await Promise.allSettled(inFlight);
        inTransaction();
        await broker.beforeCommit();
        for (const store of inTransaction()) store();
        pending = undefined;
        await broker.afterCommit();
      },
      async abort() {
        transactional();
        await Promise.allSettled(inFlight);
        pending = undefined;
      },
      abandon() {},
      flush: async () => void (await Promise.allSettled(inFlight)),
      close: async () => void (await Promise.allSettled(inFlight)),
      [Symbol.asyncDispose]: async () => void (await Promise.allSettled(inFlight)),
    };
  };

  async function* read({
    topic,
    partition,
    from,
    until,
    signal,
    onStart,
  }: ReadOptions): AsyncGenerator<FetchedRecords> {
    const stored = partitionOf(topic, partition);
    let at = position(stored, from);
    if (at > stored.length) throw new TributaryError('OFFSET_OUT_OF_RANGE', `Offset ${at} is beyond the end`);
    const end = stored.length;
    onStart?.(at);
    while (!signal?.aborted && !closed && (until !== 'end' || at < end)) {
      if (at === stored.length) {
        await changed(signal);
        continue;
      }
      const columns = [columnOf(stored.slice(at))];
      at = stored.length;
      yield new FetchedColumns({ topic, partition, columns, nextOffset: at, endOffset: at });
    }
    if (closed && !signal?.aborted) open();
  }

  const group = async (options: GroupOptions): Promise<GroupMember> => {
    const leaving = new AbortController();
    const offsets = committed.get(options.groupId) ?? new Map<string, CommittedOffset>();
    committed.set(options.groupId, offsets);
    const wanted = (name: string): boolean =>
      options.topics.includes(name) || (options.topicPattern?.test(name) ?? false);
    const assignment = (): TopicPartition[] =>
      [...topics]
        .filter(([name]) => wanted(name))
        .flatMap(([topic, { partitions }]) => partitions.map((_, partition) => ({ topic, partition })));
    const positions = new Map<string, number>();
    const paused = new Set<string>();
    const keyOf = ({ topic, partition }: TopicPartition): string => `${topic}/${partition}`;
    options.onAssigned?.(assignment());
    options.onShared?.({ generation: 1, members: 1 });

    async function* records(): AsyncGenerator<FetchedRecords> {
      while (!leaving.signal.aborted && options.fetch !== false) {
        let found = false;
        for (const owned of assignment()) {
          const { topic, partition } = owned;
          const stored = partitionOf(topic, partition);
          const start = (): number =>
            offsets.get(keyOf(owned))?.offset ?? position(stored, options.startAt ?? 'latest');
          const at = positions.get(keyOf(owned)) ?? start();
          positions.set(keyOf(owned), at);
          if (paused.has(keyOf(owned)) || at >= stored.length) continue;
          found = true;
          positions.set(keyOf(owned), stored.length);
          const columns = [columnOf(stored.slice(at))];
          const { length } = stored;
          yield new FetchedColumns({ topic, partition, columns, nextOffset: length, endOffset: length });
        }
        if (!found) await changed(leaving.signal);
      }
    }
    const close = async (): Promise<void> => {
      if (leaving.signal.aborted) return;
      await options.onRevoked?.(assignment(), 'revoked');
      leaving.abort();
    };
    return {
      groupId: options.groupId,
      ownsUntilMs: Number.POSITIVE_INFINITY,
      shareAnew() {},
      expectSharing() {},
      get assignment() {
        return assignment();
      },
      records: { [Symbol.asyncIterator]: records },
      pause(partitions) {
        for (const each of partitions) paused.add(keyOf(each));
      },
      resume(partitions) {
        for (const each of partitions) paused.delete(keyOf(each));
        wakeAll();
      },
      async commit(commits) {
        for (const commit of commits) offsets.set(keyOf(commit), { ...commit });
        wakeAll();
      },
      committed: async (owned) => offsets.get(keyOf(owned))?.offset,
      close,
      [Symbol.asyncDispose]: close,
    };
  };

  const broker: MemoryBroker = {
    kind: 'embedded',
    address: 'memory:',
    beforeSend() {},
    beforeCommit() {},
    afterCommit() {},
    records: (topic, partition = 0) => partitionOf(topic, partition),
    values: (topic, partition = 0) =>
      partitionOf(topic, partition).map(({ value }) => (value === null ? null : Buffer.from(value).toString())),
    async holds(topic, count, partition = 0) {
      while ((topics.get(topic)?.partitions[partition]?.length ?? 0) < count) await changed();
    },
    clusterId: async () => 'memory',
    async createTopic({ name, partitions = 1, config = {} }: NewTopic) {
      open();
      if (topics.has(name)) throw new TributaryError('TOPIC_EXISTS', `Topic "${name}" exists already`);
      const id = `00000000-0000-4000-8000-${String(nextId++).padStart(12, '0')}`;
      const described = Array.from({ length: partitions }, (_, partition) => ({ partition, leader: 0, replicas: [0] }));
      const description = { name, id, partitions: described, config };
      topics.set(name, { description, partitions: described.map(() => []) });
      wakeAll();
      return description;
    },
    async listTopics() {
      open();
      return [...topics.keys()].sort();
    },
    describeTopic: async (topic) => topicOf(topic).description,
    alterTopicConfig: async () => Promise.reject(unsupported('changed configurations')),
    addPartitions: async () => Promise.reject(unsupported('more partitions')),
    async deleteTopic(topic) {
      topicOf(topic);
      topics.delete(topic);
    },
    deleteRecords: async () => Promise.reject(unsupported('deleted records')),
    offset: async (topic, partition, at) => position(partitionOf(topic, partition), at),
    async producer(options = {}) {
      open();
      if (options.signal?.aborted) throw abortError(options.signal, 'A producer');
      return producer(options);
    },
    read,
    group,
    committedOffsets: async (groupId) => [...(committed.get(groupId)?.values() ?? [])],
    async setCommittedOffsets(groupId, offsets) {
      const group = committed.get(groupId) ?? new Map<string, CommittedOffset>();
      committed.set(groupId, group);
      for (const { topic, partition, offset } of offsets) {
        if (offset === null) group.delete(`${topic}/${partition}`);
        else group.set(`${topic}/${partition}`, { topic, partition, offset });
      }
    },
    async deleteGroup(groupId) {
      if (!committed.delete(groupId)) throw new TributaryError('NOT_FOUND', `There is no group "${groupId}"`);
    },
    async close() {
      closed = true;
      wakeAll();
    },
    async [Symbol.asyncDispose]() {
      await broker.close();
    },
  };
  return broker;
}

function unsupported(what: string): TributaryError {
  return new TributaryError('INTERNAL', `The broker in memory has no ${what}`);
}

/** Records whose offsets follow one another, as a batch holds them. */
function columnOf(records: readonly ConsumedRecord[]): RecordColumn {
  const into = new BatchBuffer();
  const options = { codecs: noCodecs, maxBytes: Number.POSITIVE_INFINITY, nowMs: 0, baseOffset: records[0]!.offset };
  encodeBatch(records, 0, into, options);
  return decodeColumn(into.bytes, readBatchHeader(into.bytes), { codecs: noCodecs });
}

const noCodecs: Codecs = { crc32c: () => 0, compress: (_, bytes) => bytes, decompress: (_, bytes) => bytes };
