/**
 * A publish from when it is handed in until it is answered, which it is once. It is the record that is sent, too, and carries what
 * its owner wants to know at the answer: no promise, no closure and no other object waits with it.
 */
import type { Header, ProduceRecord } from '../record/record.ts';
import type { PublishRequest } from '../wire/gateway/frames.ts';
import type { Placement } from '../wire/gateway/server-frames.ts';

/** Told once for each publish. `nowMs` is monotonic. */
export interface PublishAnswer<T> {
  stored(place: Placement, publish: PendingPublish<T>, nowMs: number): void;
  failed(error: unknown, publish: PendingPublish<T>): void;
}

export class PendingPublish<T = unknown> implements ProduceRecord {
  readonly topic: string;
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
  readonly headers: readonly Header[];
  readonly bytes: number;
  /** Monotonic. */
  readonly startedMs: number;
  /** Of its owner. */
  readonly token: T;
  readonly answer: PublishAnswer<T>;
  /** null: not chosen yet. */
  partition: number | null;
  /** null: not given, and not placed yet. */
  timestampMs: number | null;

  constructor(
    { topic, partition, timestampMs, key, value, headers }: PublishRequest,
    more: readonly Header[],
    startedMs: number,
    answer: PublishAnswer<T>,
    token: T,
  ) {
    this.topic = topic;
    this.key = key;
    this.value = value;
    this.headers = more.length === 0 ? headers : [...headers, ...more];
    this.bytes = publishBytes(key, value, this.headers);
    this.startedMs = startedMs;
    this.token = token;
    this.answer = answer;
    this.partition = partition;
    this.timestampMs = timestampMs;
  }
}

/** What a publish costs while it waits. */
function publishBytes(key: Uint8Array | null, value: Uint8Array | null, headers: readonly Header[]): number {
  let bytes = 100 + (key?.length ?? 0) + (value?.length ?? 0);
  for (const header of headers) bytes += header.key.length + (header.value?.length ?? 0);
  return bytes;
}
