/** Frames of the native protocol (PROTOCOL.md, section 3) as the rest of the gateway sees them. */
import type { Header } from '../../record/record.ts';
import type { GatewayFault } from './codes.ts';
import type { Filter } from './filter.ts';

export type ClientFrame =
  | { readonly type: 'auth'; readonly token: string }
  | { readonly type: 'sub'; readonly id: number; readonly request: SubscribeRequest }
  | { readonly type: 'pub'; readonly id: number; readonly publish: PublishRequest }
  | { readonly type: 'ack'; readonly id: number; readonly seq: number; readonly window: number | null }
  | { readonly type: 'end'; readonly id: number }
  | { readonly type: 'ping' }
  /** Well formed, but a member is wrong: answered with an error, the connection goes on. */
  | { readonly type: 'refused'; readonly id: number | null; readonly fault: GatewayFault }
  /** Nothing after it can be trusted: the connection ends. */
  | { readonly type: 'fatal'; readonly fault: GatewayFault };

export type ValueFormat = 'text' | 'json' | 'base64';
export type SlowPolicy = 'wait' | 'disconnect' | 'drop' | 'conflate';
export type IfLost = 'earliest' | 'latest' | 'fail';

/** Where a subscription starts. */
export type StartAt =
  | { readonly kind: 'latest' }
  | { readonly kind: 'earliest' }
  | { readonly kind: 'timestamp'; readonly timestampMs: number }
  /** Next offset to read, by topic and partition; the others start at latest. */
  | { readonly kind: 'offsets'; readonly offsets: ReadonlyMap<string, ReadonlyMap<number, number>> }
  /** Of an id in the form of EventStreams: an entry a partition, or one for all of a topic's. */
  | { readonly kind: 'stream'; readonly topics: ReadonlyMap<string, StreamStart> }
  /** Not decoded yet: a position that cannot be read is another error than a wrong member. */
  | { readonly kind: 'position'; readonly text: string };

export type StreamPlace = { readonly offset: number } | { readonly timestampMs: number } | 'latest';

export interface StreamStart {
  readonly partitions: ReadonlyMap<number, StreamPlace>;
  /** For partitions without an entry of their own. */
  readonly others: StreamPlace | null;
}

export interface SubscribeRequest {
  /** Either names or one pattern. */
  readonly topics: readonly string[] | null;
  readonly pattern: string | null;
  readonly from: StartAt;
  readonly ifLost: IfLost;
  readonly filter: Filter | null;
  readonly format: ValueFormat;
  /** Most records that are delivered and not acknowledged; null: no credit is kept. */
  readonly window: number | null;
  readonly slow: SlowPolicy;
  readonly group: string | null;
}

export interface PublishRequest {
  readonly topic: string;
  /** null: by the key, or whichever the producer likes. */
  readonly partition: number | null;
  /** null: the time of writing. */
  readonly timestampMs: number | null;
  /** Makes the publish idempotent. */
  readonly mid: string | null;
  readonly key: Uint8Array | null;
  /** null is a tombstone. */
  readonly value: Uint8Array | null;
  readonly headers: readonly Header[];
}

export interface FrameLimits {
  /** Topics of one subscription. */
  readonly topics: number;
  readonly window: number;
}

export const maxId = 0xffff_ffff;

export function isId(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= maxId;
}
