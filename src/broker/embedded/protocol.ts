/** What the broker and its store thread say to each other. Types only: the store itself knows no threads. */
import type { ErrorCode } from '../../base/errors.ts';
import type { CommittedOffset } from '../broker.ts';

export interface PartitionState {
  /** Number of the partition in the store, never used twice. */
  readonly no: number;
  readonly first: number;
  /** Offset that the next record gets. */
  readonly next: number;
  /** Last stable offset: read-committed readers stop here. */
  readonly stable: number;
  /** Of the batches that hold a record at or above `first`. */
  readonly bytes: number;
}

export interface TopicState {
  readonly no: number;
  readonly id: string;
  readonly name: string;
  readonly config: Readonly<Record<string, string>>;
  readonly partitions: readonly PartitionState[];
}

export interface StoreState {
  readonly clusterId: string;
  readonly topics: readonly TopicState[];
  /** Transactions that a crash left open and that are aborted now. */
  readonly abortedTransactions: number;
  /** Frames of the write-ahead log behind a damaged one: what they held is lost. */
  readonly lostLogFrames: number;
  /** Records that were acknowledged and are not there, as far as that is known. */
  readonly lostRecords: number;
  /** Writes but appends that were acknowledged and are not there, as far as that is known. */
  readonly lostChanges: number;
  /** Why it is not known. */
  readonly markFailure: Failure | undefined;
}

export interface GroupOffset extends CommittedOffset {
  readonly groupId: string;
}

export interface StoredBatch {
  readonly base: number;
  readonly last: number;
  readonly time: number;
  readonly isControl: boolean;
  readonly isAborted: boolean;
  /** Time until which tombstones in it must stay, once compaction has seen it. */
  readonly horizon: number | null;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** A batch in a buffer that travels to the store and comes back with the answer. */
export interface AppendWrite {
  readonly kind: 'append';
  readonly partition: number;
  readonly buffer: ArrayBuffer;
  readonly length: number;
}

export type StoreWrite =
  | AppendWrite
  | {
      readonly kind: 'create-topic';
      readonly name: string;
      readonly id: string;
      readonly partitions: number;
      readonly config: Readonly<Record<string, string>>;
    }
  | { readonly kind: 'alter-topic'; readonly topic: number; readonly config: Readonly<Record<string, string | null>> }
  | { readonly kind: 'add-partitions'; readonly topic: number; readonly count: number }
  | { readonly kind: 'delete-topic'; readonly topic: number }
  | { readonly kind: 'delete-records'; readonly partition: number; readonly offset: number }
  | { readonly kind: 'delete-range'; readonly partition: number; readonly from: number; readonly to: number }
  | {
      readonly kind: 'expire';
      readonly partition: number;
      readonly beforeMs: number;
    }
  | {
      readonly kind: 'compact';
      readonly partition: number;
      readonly changes: readonly CompactedBatch[];
      readonly compactedTo: number;
    }
  | { readonly kind: 'tidy-transactions' }
  | { readonly kind: 'new-producer' }
  | { readonly kind: 'end-producer'; readonly producerId: number }
  | {
      readonly kind: 'end-transaction';
      readonly producerId: number;
      readonly commit: boolean;
      /** True: nothing more is taken from this producer. */
      readonly fence?: boolean;
      readonly offsets: readonly GroupOffset[];
      readonly nowMs: number;
    }
  | {
      readonly kind: 'set-offsets';
      readonly groupId: string;
      readonly offsets: readonly {
        readonly topic: string;
        readonly partition: number;
        readonly offset: number | null;
      }[];
    }
  | { readonly kind: 'delete-group'; readonly groupId: string };

/** `bytes` null: nothing of the batch is left; 'unchanged': only the horizon changes. */
export interface CompactedBatch {
  readonly base: number;
  readonly horizon: number | null;
  readonly bytes: Uint8Array | null | 'unchanged';
}

export type StoreRead =
  | {
      readonly kind: 'fetch';
      readonly partition: number;
      readonly offset: number;
      /** Only batches below this offset are given. */
      readonly limit: number;
      readonly maxBytes: number;
    }
  | { readonly kind: 'find-time'; readonly partition: number; readonly timestampMs: number; readonly from: number }
  | { readonly kind: 'group-offsets'; readonly groupId: string }
  | { readonly kind: 'partition-size'; readonly partition: number };

export interface Fetched {
  readonly batches: readonly StoredBatch[];
  /** Where the next fetch starts: behind the last batch, or `limit` where nothing is left below it. */
  readonly nextOffset: number;
  /** Rows of the index whose batch cannot be used, with the reason. */
  readonly damaged: readonly { readonly base: number; readonly last: number; readonly reason: string }[];
  /** Rows of the index with a wrong end, which the batch itself has put right. */
  readonly repaired: number;
}

export interface PartitionSize {
  readonly bytes: number;
  readonly batches: number;
  readonly compactedTo: number;
  /** Bytes of batches from `compactedTo` on, and the time of the oldest of them (Infinity where there is none). */
  readonly dirtyBytes: number;
  readonly oldestDirtyMs: number;
  /** When the first tombstones may go, null where compaction has met none. */
  readonly firstHorizonMs: number | null;
}

export interface Failure {
  readonly code: ErrorCode;
  readonly message: string;
  readonly retriable: boolean;
}

/** Answer to one append: where it went, or why not. `out-of-order` is the echo of an earlier batch that failed. */
export type Appended =
  | { readonly kind: 'stored'; readonly base: number; readonly last: number }
  | { readonly kind: 'out-of-order' }
  | { readonly kind: 'failed'; readonly failure: Failure };

export type WriteResult =
  | { readonly kind: 'append'; readonly result: Appended }
  | { readonly kind: 'topic'; readonly topic: TopicState }
  | { readonly kind: 'number'; readonly value: number }
  | { readonly kind: 'failed'; readonly failure: Failure };

/** What a group commit did: an answer for each write, and the partitions that are not as before. */
export interface Committed {
  readonly results: readonly WriteResult[];
  readonly partitions: readonly PartitionState[];
}
