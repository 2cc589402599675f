import type { SourceRecord } from './source-record.ts';

/** Records in order of arrival. Taking gives all of them at once; bounds are the caller's. */
export class RecordQueue {
  #records: SourceRecord[] = [];
  /** Records before this position were dropped. */
  #head = 0;
  #bytes = 0;
  readonly #bytesOf: (record: SourceRecord) => number;

  /** `bytesOf`: what was given to `push` for the record. */
  constructor(bytesOf: (record: SourceRecord) => number) {
    this.#bytesOf = bytesOf;
  }

  get length(): number {
    return this.#records.length - this.#head;
  }

  get bytes(): number {
    return this.#bytes;
  }

  push(record: SourceRecord, bytes: number): void {
    this.#records.push(record);
    this.#bytes += bytes;
  }

  dropOldest(): void {
    if (this.length === 0) return;
    this.#bytes -= this.#bytesOf(this.#records[this.#head]!);
    this.#head++;
    // The dropped part must not grow for ever while nobody takes.
    if (this.#head >= 1024 && this.#head * 2 >= this.#records.length) this.#compact();
  }

  takeAll(): SourceRecord[] {
    if (this.#head > 0) this.#compact();
    const records = this.#records;
    this.#records = [];
    this.#bytes = 0;
    return records;
  }

  #compact(): void {
    this.#records = this.#records.slice(this.#head);
    this.#head = 0;
  }
}
