/** What a subscription hands to whoever frames it: records in order, and the holes between them. */
import type { GatewayFault } from '../wire/gateway/codes.ts';
import type { Gap } from '../wire/gateway/server-frames.ts';
import type { Chunk } from './hub/chunk.ts';

/** Records `start` up to but not including `end` of a chunk. */
export interface Piece {
  readonly kind: 'records';
  readonly chunk: Chunk;
  readonly start: number;
  readonly end: number;
}

export type Item = Piece | { readonly kind: 'gap'; readonly gap: Gap };

export interface Taken {
  readonly items: readonly Item[];
  readonly records: number;
  readonly bytes: number;
  /** Records that newer ones of the same key have replaced since the last time. */
  readonly conflated: number;
}

export type DeliveryState = 'replaying' | 'live' | 'group';

export interface Delivery {
  readonly state: DeliveryState;
  /** The next records within these bounds (one larger record alone is given); undefined where there is nothing now. */
  take(maxRecords: number, maxBytes: number): Taken | undefined;
  /** Position behind what was taken. */
  position(): string;
  /** Bytes that are kept for a client that is behind. */
  readonly waitingBytes: number;
  /** The connection could not take more: a policy other than `wait` looks after what is behind. `room` in bytes. */
  overflow(room: number): void;
  /** Records up to the frame `seq` were processed; only groups care. */
  acknowledged(seq: number): void;
  close(): Promise<void>;
}

export interface DeliveryEvents {
  /** There may be something to take. */
  onReady(): void;
  /** Partitions by topic, where they have changed. */
  onPartitions(partitions: Readonly<Record<string, number>>): void;
  /** It cannot go on; nothing more comes. */
  onFailed(fault: GatewayFault): void;
}
