/** What travels between the broker and its store thread. */
import type { Failure, PartitionState, StoreRead, StoreState, StoreWrite, WriteResult } from './protocol.ts';
import type { StoreOptions } from './store.ts';

export type StoreThreadData = StoreOptions;

export type StoreRequest =
  | { readonly kind: 'write'; readonly id: number; readonly writes: readonly StoreWrite[] }
  | { readonly kind: 'read'; readonly id: number; readonly read: StoreRead }
  /** What the store has lost need not be told by the next open. */
  | { readonly kind: 'loss-told' }
  | { readonly kind: 'close' };

export type StoreAnswer =
  | { readonly kind: 'opened'; readonly state: StoreState }
  | { readonly kind: 'failed-to-open'; readonly failure: Failure }
  | {
      readonly kind: 'committed';
      /** Requests that were written together, in the order of their results. */
      readonly ids: readonly number[];
      readonly results: readonly WriteResult[];
      readonly partitions: readonly PartitionState[];
      /** The buffers of the appends, in order, given back. */
      readonly buffers: readonly ArrayBuffer[];
    }
  | { readonly kind: 'upkeep-failed'; readonly failure: Failure }
  | { readonly kind: 'read'; readonly id: number; readonly result: unknown }
  | { readonly kind: 'read-failed'; readonly id: number; readonly failure: Failure };
