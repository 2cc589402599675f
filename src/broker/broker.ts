/**
 * The broker port: what the rest of the program may ask of a log of records. Two implementations stand behind it,
 * broker/embedded and broker/kafka, and one suite, test/contract/broker.ts, says what both must do.
 *
 * Errors are TributaryErrors. The codes each call can give stand beside it; besides those, every call can give
 * BROKER_CLOSED (close() was called), ABORTED (its signal), BROKER_UNAVAILABLE (retriable), AUTHENTICATION_FAILED and
 * AUTHORIZATION_FAILED. Every call that can wait takes a signal.
 *
 * A signal ends the waiting, not what was asked for. Aborted before, the call does nothing; aborted meanwhile, its promise
 * is rejected with ABORTED at once, and what is on its way to the broker goes on: it may be done or not. Closing is never
 * left out: `close` with an aborted signal closes as well, only nobody waits for it.
 */
import type { ErrorCode } from '../base/errors.ts';
import type { ConsumedRecord, TopicPartition } from '../record/record.ts';
import type { RecordColumn } from '../record/record-column.ts';
import type { Records } from '../record/value-column.ts';

export interface CallOptions {
  readonly signal?: AbortSignal;
}

export interface Broker extends AsyncDisposable {
  readonly kind: 'embedded' | 'kafka';
  /** Where it is, for messages: `embedded:./data`, `kafka://host:9092`. Never holds a secret. */
  readonly address: string;

  clusterId(options?: CallOptions): Promise<string>;

  /** TOPIC_EXISTS, INVALID_TOPIC (name, partition count or replication), INVALID_CONFIG. */
  createTopic(topic: NewTopic, options?: CallOptions): Promise<TopicDescription>;
  /** Names in order, internal ones (`__…`) included. */
  listTopics(options?: CallOptions): Promise<readonly string[]>;
  /** UNKNOWN_TOPIC. The answer is never older than the call. */
  describeTopic(topic: string, options?: CallOptions): Promise<TopicDescription>;
  /** Sets these entries, keeps the others; null takes an entry back to its default. UNKNOWN_TOPIC, INVALID_CONFIG. */
  alterTopicConfig(
    topic: string,
    config: Readonly<Record<string, string | null>>,
    options?: CallOptions,
  ): Promise<void>;
  /** `count` is the new total. UNKNOWN_TOPIC, INVALID_TOPIC where it is not more than before. */
  addPartitions(topic: string, count: number, options?: CallOptions): Promise<void>;
  /** UNKNOWN_TOPIC. A topic of the same name made later has another id. */
  deleteTopic(topic: string, options?: CallOptions): Promise<void>;
  /**
   * Records below `offset` are gone afterwards; -1 means all there are. Gives the new first offset. UNKNOWN_TOPIC,
   * UNKNOWN_PARTITION, OFFSET_OUT_OF_RANGE (above the end).
   */
  deleteRecords(topic: string, partition: number, offset: number, options?: CallOptions): Promise<number>;
  /**
   * One offset of a partition. `earliest`: the first that is kept. `latest`: the one the next record will get (with
   * `committed`: the first that a read-committed reader cannot have yet). A time: the first record whose timestamp is at
   * or after it, or `latest` if there is none. UNKNOWN_TOPIC, UNKNOWN_PARTITION.
   */
  offset(
    topic: string,
    partition: number,
    at: OffsetSpec,
    options?: CallOptions & { readonly isolation?: Isolation },
  ): Promise<number>;

  /** PRODUCER_FENCED never: a new producer with a known transactional id fences the older one. */
  producer(options?: ProducerOptions): Promise<Producer>;

  /**
   * Reads one partition without a group, in order, until the signal aborts (then it ends without an error) or the caller
   * leaves the loop. Waits at the end of the partition for more, unless `until` is 'end': then it ends once everything
   * that was there when it started has been given. Unreachable brokers and moved leaders are retried within and reported
   * to `onRetry`. Throws UNKNOWN_TOPIC, UNKNOWN_PARTITION, OFFSET_OUT_OF_RANGE (retention passed the position, or an
   * offset beyond the end: the caller decides where to go on), TOPIC_RECREATED (the topic was made again meanwhile),
   * BATCH_CORRUPT (see `passesDamaged`).
   */
  read(options: ReadOptions): AsyncIterable<FetchedRecords>;

  /** Joins a consumer group. INVALID_CONFIG. */
  group(options: GroupOptions): Promise<GroupMember>;
  /** Committed offsets of a group, by partition; partitions without one are absent. */
  committedOffsets(groupId: string, options?: CallOptions): Promise<readonly CommittedOffset[]>;
  /** Sets offsets of a group that has no members; null deletes one. CONFLICT where it has members. */
  setCommittedOffsets(
    groupId: string,
    offsets: readonly (TopicPartition & { readonly offset: number | null })[],
    options?: CallOptions,
  ): Promise<void>;
  /** CONFLICT where it has members, NOT_FOUND where there is none. */
  deleteGroup(groupId: string, options?: CallOptions): Promise<void>;

  /** Ends every reader, member and producer of this broker, waiting for sends in flight. Safe to call twice. */
  close(options?: CallOptions): Promise<void>;
}

/**
 * A broker inside the process, whose logs can be read as they lie: in columns, without an object for each record, and asked
 * for their size without waiting.
 */
export interface LocalBroker extends Broker {
  readonly kind: 'embedded';
  /** As of the last write that was answered. UNKNOWN_TOPIC, UNKNOWN_PARTITION. */
  extent(topic: string, partition: number): Extent;
  /**
   * Committed records from `offset` on, about `maxBytes` of them, as they are stored; none at the end. Damaged batches are
   * passed over and named. UNKNOWN_TOPIC, UNKNOWN_PARTITION, OFFSET_OUT_OF_RANGE.
   */
  fetchRuns(topic: string, partition: number, offset: number, maxBytes: number): Promise<FetchedRuns>;
  /**
   * Takes committed batches away from between: those that lie whole from `from` up to `to`. What is before them stays, and
   * readers pass over the hole. UNKNOWN_TOPIC, UNKNOWN_PARTITION, OFFSET_OUT_OF_RANGE.
   */
  deleteRange(topic: string, partition: number, from: number, to: number): Promise<void>;
  deleteRecords(topic: string, partition: number, offset: number, options?: LazyOptions): Promise<number>;
  setCommittedOffsets(
    groupId: string,
    offsets: readonly (TopicPartition & { readonly offset: number | null })[],
    options?: LazyOptions,
  ): Promise<void>;
}

/** Of a call that nobody waits for at once. */
export interface LazyOptions extends CallOptions {
  /** It may wait so long for another write, to need no sync of its own. */
  readonly withinMs?: number;
}

export interface Extent {
  readonly first: number;
  /** Of the next record. */
  readonly next: number;
  /** Where readers of what is committed stop. */
  readonly stable: number;
  readonly bytes: number;
}

export interface FetchedRuns {
  /** In order: columns of values alone, and lists where there is more to a record. */
  readonly runs: readonly Records[];
  readonly nextOffset: number;
  readonly damaged: readonly DamagedRange[];
  /** To be called once nobody looks at the runs any more. Called again it does nothing. */
  readonly release: () => void;
}

export interface NewTopic {
  readonly name: string;
  /** Default 1. */
  readonly partitions?: number;
  /** Default: the broker's. The embedded broker accepts 1 and -1. */
  readonly replicationFactor?: number;
  /** Kafka's topic configuration: `cleanup.policy`, `retention.ms`, `retention.bytes`, `max.message.bytes`, … */
  readonly config?: Readonly<Record<string, string>>;
}

export interface TopicDescription {
  readonly name: string;
  /** Kafka's topic id, a UUID in its 36-character form. */
  readonly id: string;
  readonly partitions: readonly PartitionDescription[];
  /** Entries that differ from the broker's defaults. */
  readonly config: Readonly<Record<string, string>>;
}

export interface PartitionDescription {
  readonly partition: number;
  /** Node that leads it; -1 while there is none. */
  readonly leader: number;
  readonly replicas: readonly number[];
}

export type OffsetSpec = 'earliest' | 'latest' | { readonly timestampMs: number };
export type Isolation = 'read-uncommitted' | 'read-committed';
export type CompressionName = 'none' | 'gzip' | 'snappy' | 'lz4' | 'zstd';

/**
 * 1 MiB, as of Java's producers (`max.request.size`) and a little below what topics take by default (`max.message.bytes`): what
 * any other client may write there, ours may, too.
 */
export const defaultMaxBatchBytes = 1_048_576;

export interface ProducerOptions extends CallOptions {
  /** Default: acks=all with idempotence; that is the only mode that keeps order and doubles nothing. */
  readonly transactionalId?: string;
  /**
   * Without transactions: a producer opened later with the same id fences this one, in each partition from its own first
   * send there on. Needs the rights of a transactional id.
   */
  readonly fencingId?: string;
  /** Default 60 000. */
  readonly transactionTimeoutMs?: number;
  readonly compression?: CompressionName;
  /** Bound of one encoded batch, default `defaultMaxBatchBytes`. Larger sends are cut into several batches. */
  readonly maxBatchBytes?: number;
  /**
   * How long one send is tried before it fails with TIMEOUT, default 30 000 ms; Infinity: for ever. Its outcome is then
   * unknown: the record may or may not be stored.
   */
  readonly deliveryTimeoutMs?: number;
  readonly onRetry?: (event: RetryEvent) => void;
}

/** Something was tried again; nothing is lost by it, but it must be visible. */
export interface RetryEvent {
  /** What was tried: `produce`, `fetch`, `connect`, `coordinator`, … */
  readonly what: string;
  /** The reason, without secrets. */
  readonly reason: string;
  /** Of that reason, where it matters to somebody. */
  readonly code?: ErrorCode;
  readonly topic?: string;
  readonly partition?: number;
}

/** One send goes to one partition, in order. */
export interface Producer extends AsyncDisposable {
  /**
   * Sends records to one partition and resolves when they are stored as safely as the broker can (acks=all; embedded:
   * synced to disk). The records of one call, and calls for the same partition in the order they were made, keep their
   * order, retries included; up to five encoded batches a partition travel at once, further ones wait inside. The caller
   * bounds how much it has outstanding. What the records stand in must not change until then.
   *
   * UNKNOWN_TOPIC, UNKNOWN_PARTITION, RECORD_TOO_LARGE (nothing of this call's batch was stored; its message names the
   * size and the bound), TIMEOUT, BROKER_FULL (retriable, after deliveryTimeoutMs), BROKER_REJECTED, PRODUCER_FENCED.
   * After a TIMEOUT or another failure whose outcome is unknown, later sends go on under a new producer epoch.
   *
   * A send that is aborted while it waits stays where it is: its records keep their place in the partition's order, are
   * tried as long as without the signal, and are stored once or not at all. In a transaction it counts like every other
   * send. What the records stand in may be used again after `flush`.
   */
  send(topic: string, partition: number, records: Records, options?: CallOptions): Promise<SendResult>;

  /** Number of partitions, cached; asks the broker where the topic is not known yet. UNKNOWN_TOPIC. */
  partitionCount(topic: string, options?: CallOptions): Promise<number>;

  /**
   * Only with a transactional id; else TRANSACTION_INVALID_STATE. The calls of transactions run one after the other: this
   * one also waits for the end of the last transaction where nobody waited for it, and is refused while that is open.
   */
  begin(options?: CallOptions): Promise<void>;
  /** Adds offsets of a consumer group to the transaction. PRODUCER_FENCED. */
  sendOffsets(
    groupId: string,
    offsets: readonly (TopicPartition & { readonly offset: number })[],
    member?: GroupMember,
    options?: CallOptions,
  ): Promise<void>;
  /**
   * Waits for the transaction's sends, and takes no new ones. TRANSACTION_ABORTED if one of them failed (call abort),
   * PRODUCER_FENCED. Aborted while it waits the transaction may be committed or not; it is over when `begin` resolves.
   */
  commit(options?: CallOptions): Promise<void>;
  abort(options?: CallOptions): Promise<void>;

  /** Gives up what is not stored yet: it fails with ABORTED. What is on its way may be stored all the same. */
  abandon(): void;

  /** Waits for what is in flight. */
  flush(options?: CallOptions): Promise<void>;
  /** flush, then no more sends; an open transaction is aborted. */
  close(options?: CallOptions): Promise<void>;
}

export interface SendResult {
  /** Offset of the first record of the call; the following ones need not be adjacent when others produce too. */
  readonly baseOffset: number;
  /** Offset of the last record of the call. */
  readonly lastOffset: number;
}

export interface ReadOptions {
  readonly topic: string;
  readonly partition: number;
  readonly from: OffsetSpec | { readonly offset: number };
  readonly until?: 'end';
  /** Default read-committed. */
  readonly isolation?: Isolation;
  /** Bound of one answer in bytes as stored, default 1 MiB; a larger single batch is still given whole. */
  readonly maxBytes?: number;
  readonly signal?: AbortSignal;
  readonly onRetry?: (event: RetryEvent) => void;
  /**
   * Batches that cannot be decoded are passed over and named in `damaged` of their turn. Default on Kafka: BATCH_CORRUPT,
   * which is also given where nobody can say where the batch ends. The embedded broker always passes over them.
   */
  readonly passesDamaged?: boolean;
  /** Called once, when the position that `from` stands for is known. */
  readonly onStart?: (offset: number) => void;
}

/** What one turn of a reader brings: records of one partition in offset order, possibly none (aborted or compacted away). */
export interface FetchedRecords {
  readonly topic: string;
  readonly partition: number;
  /**
   * The records batch by batch, as they lie there: nothing is made of a record but what is asked for. None is empty. A column
   * can be sent (Producer.send) as it is; it keeps the memory of its answer, which is not used again before `release`.
   */
  readonly columns: readonly RecordColumn[];
  /** The same as objects, which are made when somebody looks here for the first time. */
  readonly records: readonly ConsumedRecord[];
  /** Where the next turn starts. Compaction and control batches leave holes, so it may be more than the last record's + 1. */
  readonly nextOffset: number;
  /** End of the partition as far as this reader may see it: lag is `endOffset - nextOffset`. */
  readonly endOffset: number;
  /** What was passed over because it is damaged, in order; left out where there is nothing. */
  readonly damaged?: readonly DamagedRange[];
  /**
   * May be called once nobody looks at columns or records of this turn any more: their memory is used again then. Called again
   * it does nothing; `records` throws from then on.
   */
  readonly release: () => void;
}

/** Offsets `from` up to but not including `to`, whose batch is damaged or in an unknown form. */
export interface DamagedRange {
  readonly from: number;
  readonly to: number;
  readonly reason: string;
}

export interface GroupOptions extends CallOptions {
  readonly groupId: string;
  readonly topics: readonly string[];
  /** Also topics whose whole name matches, those made later included (found within 30 s on Kafka). */
  readonly topicPattern?: RegExp;
  /** Where a partition without a commit starts. Default 'latest'. */
  readonly startAt?: 'earliest' | 'latest';
  readonly isolation?: Isolation;
  /** A member that is silent for that long is replaced. Default 10 000. */
  readonly sessionTimeoutMs?: number;
  /** Identity that survives a restart (group.instance.id). */
  readonly instanceId?: string;
  /** With an instance id: whether `close` leaves at once all the same, as members without one do. Default false. */
  readonly leavesOnClose?: boolean;
  /**
   * A silence of the group, however long, takes nothing away: whoever asks looks at `ownsUntilMs`. When the group answers
   * again the member goes on as the same one, unless it was replaced. Default false: after the session it is all `lost`.
   */
  readonly outlastsSilence?: boolean;
  /** How often the group hears of this member, default a tenth of the session timeout, 3 s at most. */
  readonly heartbeatMs?: number;
  /** How much work a partition stands for, for whoever shares them out; default: each the same. Asked at each sharing. */
  readonly weightOf?: (partition: TopicPartition) => number;
  /** Default: true. False only shares the partitions out: `records` then ends at once and nothing is fetched. */
  readonly fetch?: boolean;
  /** As in ReadOptions. */
  readonly passesDamaged?: boolean;
  /** Bound of what was fetched and not yet taken from `records`, default 8 MiB a member. */
  readonly maxBufferedBytes?: number;
  /**
   * Told before the group takes partitions away (commit now: the promise is waited for, bounded by the session timeout)
   * and after it gave some. `lost` partitions are already someone else's: no commit is possible.
   */
  readonly onRevoked?: (partitions: readonly TopicPartition[], how: 'revoked' | 'lost') => Promise<void> | void;
  readonly onAssigned?: (partitions: readonly TopicPartition[]) => void;
  /** Told after `onRevoked` and `onAssigned` of each sharing out that this member took part in, also where nothing moved. */
  readonly onShared?: (share: GroupShare) => void;
  readonly onRetry?: (event: RetryEvent) => void;
}

/** How the group was shared out. */
export interface GroupShare {
  /** Grows with each one. */
  readonly generation: number;
  /** Members there are, where this one knows it: whoever leads the group is told. */
  readonly members: number | undefined;
}

export interface GroupMember extends AsyncDisposable {
  readonly groupId: string;
  /**
   * Monotonic time until which nobody else can have been given what this member owns: its session's end, counted from
   * the sending of what the group last answered. Infinity where that cannot happen behind its back.
   */
  readonly ownsUntilMs: number;
  /** Partitions this member owns at the moment. */
  readonly assignment: readonly TopicPartition[];
  /**
   * Records of the owned partitions. Partitions take turns; within one the order is kept. Nothing of a partition is given
   * after `onRevoked` returned for it. Out of range positions restart at `startAt` and are reported to `onRetry`.
   */
  readonly records: AsyncIterable<FetchedRecords>;
  /** Fetching of these partitions stops, and goes on with `resume`. */
  pause(partitions: readonly TopicPartition[]): void;
  resume(partitions: readonly TopicPartition[]): void;
  /** Asks for the partitions to be shared out anew (weights have changed). It comes soon; nothing waits for it. */
  shareAnew(): void;
  /** A member is about to leave, says somebody: for two seconds the group is asked more often whether it shares out anew. */
  expectSharing(): void;
  /**
   * Commits the position of partitions (the offset of the next record to read). GROUP_REBALANCING (retriable: commit in
   * `onRevoked`), GROUP_MEMBER_UNKNOWN (the group has moved on without this member; it rejoins by itself).
   */
  commit(offsets: readonly (TopicPartition & { readonly offset: number })[], options?: CallOptions): Promise<void>;
  /** Committed offset of an owned partition, or undefined. */
  committed(partition: TopicPartition, options?: CallOptions): Promise<number | undefined>;
  /** Leaves the group: what it owned moves at once. A member with an instance id is waited for, for its session timeout. */
  close(options?: CallOptions): Promise<void>;
}

export interface CommittedOffset extends TopicPartition {
  readonly offset: number;
}
