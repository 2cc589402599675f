/** What travels between the broker and its store thread. */
import type { Failure, PartitionState, StoreRead, StoreState, StoreWrite, WriteResult } from './protocol.ts';

export interface StoreThreadData {
  readonly path: string;
  readonly maxBytes: number | undefined;
  readonly nowMs: number;
}

export type StoreRequest =
  | { readonly kind: 'write'; readonly id: number; readonly writes: readonly StoreWrite[] }
  | { readonly kind: 'read'; readonly id: number; readonly read: StoreRead }
  | { readonly kind: 'close' };

export type StoreAnswer =
  | { readonly kind: 'opened'; readonly state: StoreState }
  | { readonly kind: 'failed-to-open'; readonly failure: Failure }
  | {
      readonly kind: 'committed';
      /** Requests that were written together, in the order of their results. */
      readonly ids: readonly { readonly id: number; readonly count: number }[];
      readonly results: readonly WriteResult[];
      readonly partitions: readonly PartitionState[];
      /** The buffers of the appends, given back. */
      readonly buffers: readonly ArrayBuffer[];
    }
  | { readonly kind: 'checkpoint-failed'; readonly failure: Failure }
  | { readonly kind: 'read'; readonly id: number; readonly result: unknown }
  | { readonly kind: 'read-failed'; readonly id: number; readonly failure: Failure }
  | { readonly kind: 'closed' };
