import { RecordQueue } from '../record/record-queue.ts';
import type { SourceRecord } from '../record/source-record.ts';
import type { Drops, QueueDrop } from './drops.ts';

export interface QueueSettings {
  readonly maxRecords: number;
  readonly maxBytes: number;
  /** When it is full: hold the server back, or drop. */
  readonly overflow: 'block' | 'drop-oldest' | 'drop-newest';
}

/** Records until the worker takes them, and what becomes of one for which there is no room. */
export class BoundedQueue {
  readonly #queue: RecordQueue;
  readonly #maxRecords: number;
  readonly #maxBytes: number;
  readonly #overflow: QueueSettings['overflow'];
  readonly #drops: Pick<Drops<QueueDrop>, 'add'>;
  #oldestAtMs = 0;

  constructor(
    { maxRecords, maxBytes, overflow }: QueueSettings,
    drops: Pick<Drops<QueueDrop>, 'add'>,
    bytesOf: (record: SourceRecord) => number,
  ) {
    this.#queue = new RecordQueue(bytesOf);
    this.#maxRecords = maxRecords;
    this.#maxBytes = maxBytes;
    this.#overflow = overflow;
    this.#drops = drops;
  }

  get length(): number {
    return this.#queue.length;
  }

  get bytes(): number {
    return this.#queue.bytes;
  }

  /** False: the record of so many bytes is dropped, and counted. Where the oldest have to give way they do so here. */
  admits(bytes: number): boolean {
    if (this.#overflow === 'block' || !this.#overflows(bytes)) return true;
    if (this.#overflow === 'drop-newest') {
      this.#drops.add('drop_newest');
      return false;
    }
    while (this.#queue.length > 0 && this.#overflows(bytes)) {
      this.#queue.dropOldest();
      this.#drops.add('drop_oldest');
    }
    return true;
  }

  push(record: SourceRecord, bytes: number, nowMs: number): void {
    if (this.#queue.length === 0) this.#oldestAtMs = nowMs;
    this.#queue.push(record, bytes);
  }

  /** All of it, with the time at which the oldest came. */
  takeAll(): { readonly records: readonly SourceRecord[]; readonly receivedAtMs: number } {
    return { records: this.#queue.takeAll(), receivedAtMs: this.#oldestAtMs };
  }

  /** One that is larger than the whole queue may stand in it alone. */
  #overflows(bytes: number): boolean {
    const { length, bytes: used } = this.#queue;
    return length >= this.#maxRecords || (length > 0 && used + bytes > this.#maxBytes);
  }
}
