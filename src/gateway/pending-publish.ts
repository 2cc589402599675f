/** A publish from when it is handed in until it is answered, which it is once: no promise, and no closure, for a record. */
import type { Header, ProduceRecord } from '../record/record.ts';
import type { PublishRequest } from '../wire/gateway/frames.ts';
import type { Placement } from '../wire/gateway/server-frames.ts';
import { FaultError } from './faults.ts';

/** Told once for each publish. */
export interface PublishAnswer<T> {
  stored(place: Placement, token: T): void;
  failed(error: unknown, token: T): void;
}

export class PendingPublish<T = unknown> {
  readonly request: PublishRequest;
  readonly headers: readonly Header[];
  readonly bytes: number;
  /** Monotonic. What has not been sent by then never is. */
  readonly deadlineMs: number;
  #placed: { readonly partition: number; readonly record: ProduceRecord } | undefined;
  readonly #answer: PublishAnswer<T>;
  readonly #token: T;
  readonly #done: (bytes: number) => void;

  constructor(
    request: PublishRequest,
    headers: readonly Header[],
    deadlineMs: number,
    answer: PublishAnswer<T>,
    token: T,
    done: (bytes: number) => void,
  ) {
    this.request = request;
    this.headers = headers;
    this.bytes = publishBytes(request);
    this.deadlineMs = deadlineMs;
    this.#answer = answer;
    this.#token = token;
    this.#done = done;
  }

  /** Only once it has its partition. */
  get record(): ProduceRecord {
    return this.#placed!.record;
  }

  place(partition: number, timestampMs: number): void {
    const { key, value, headers } = this.request;
    const all = this.headers.length === 0 ? headers : [...headers, ...this.headers];
    this.#placed = { partition, record: { key, value, headers: all, timestampMs } };
  }

  stored(offset: number): void {
    const { partition, record } = this.#placed!;
    this.#done(this.bytes);
    this.#answer.stored({ partition, offset, timestamp: record.timestampMs!, duplicate: false }, this.#token);
  }

  failed(error: unknown): void {
    this.#done(this.bytes);
    this.#answer.failed(error, this.#token);
  }
}

/** What a publish costs while it waits. */
export function publishBytes({ key, value, headers }: PublishRequest): number {
  let bytes = 100 + (key?.length ?? 0) + (value?.length ?? 0);
  for (const header of headers) bytes += header.key.length + (header.value?.length ?? 0);
  return bytes;
}

/** Takes those off the front of a queue whose time is over: they were never sent. Oldest first, so the rest is in time. */
export function failOverdue(queue: PendingPublish[], nowMs: number): void {
  let overdue = 0;
  while (overdue < queue.length && queue[overdue]!.deadlineMs <= nowMs) overdue++;
  for (const pending of queue.splice(0, overdue)) {
    pending.failed(new FaultError({ code: 'unavailable', message: 'the broker cannot be reached' }));
  }
}
