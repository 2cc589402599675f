/**
 * What was stored last, in the buffers in which it went to the disk: a reader that follows closely takes it from here, and the
 * store is not asked. Kept are batches of values alone, of partitions that somebody reads as runs, up to a bound; what comes when it
 * is reached is not kept, as the reader will come to what is before it first, and can have the rest from the disk.
 */
import type { KnownValues } from '../../record/column-reader.ts';

/** Synced, committed, and kept nowhere else in memory: who takes it gives the buffer back. */
export interface TailBatch {
  readonly base: number;
  readonly last: number;
  readonly buffer: ArrayBuffer;
  readonly length: number;
  /** Its records are values alone. */
  readonly values: KnownValues;
}

/** Of buffers, whether they are full or not. */
const maxBytes = 4 * 1024 * 1024;
/** Small batches have small buffers, and objects around them. */
const maxBatches = 2048;

export class LogTail {
  /** By partition, one behind the other, with holes where some were not kept. */
  readonly #kept = new Map<number, TailBatch[]>();
  readonly #onDropped: (buffer: ArrayBuffer) => void;
  #bytes = 0;
  #batches = 0;

  /** `onDropped` gets the buffers of batches that nobody takes. */
  constructor(onDropped: (buffer: ArrayBuffer) => void) {
    this.#onDropped = onDropped;
  }

  /** Somebody reads this partition: what is stored there from now on is worth keeping. */
  follow(no: number): void {
    if (!this.#kept.has(no)) this.#kept.set(no, []);
  }

  get isUsed(): boolean {
    return this.#kept.size > 0;
  }

  /** True where the buffer stays here. */
  keep(no: number, batch: TailBatch): boolean {
    const kept = this.#kept.get(no);
    const bytes = batch.buffer.byteLength;
    if (kept === undefined || this.#bytes + bytes > maxBytes || this.#batches === maxBatches) return false;
    if (kept.length > 0 && kept.at(-1)!.last >= batch.base) return false; // an answer to what was stored before
    kept.push(batch);
    this.#bytes += bytes;
    this.#batches++;
    return true;
  }

  /** Batches from this offset on, below `limit`, one behind the other, about so many bytes; none where the first is not here. */
  take(no: number, offset: number, limit: number, bytes: number): TailBatch[] {
    const kept = this.#kept.get(no) ?? [];
    let passed = 0;
    while (passed < kept.length && kept[passed]!.last < offset) passed++;
    this.#drop(kept.splice(0, passed));
    let count = 0;
    let sum = 0;
    let next = Math.min(kept[0]?.base ?? 0, offset);
    for (const { base, last, length } of kept) {
      if (base !== next || last >= limit || (count > 0 && sum + length > bytes)) break;
      next = last + 1;
      sum += length;
      count++;
    }
    const taken = kept.splice(0, count);
    this.#forget(taken);
    return taken;
  }

  /** What is kept of the partition is not what is stored there any more. */
  clear(no: number): void {
    this.#drop(this.#kept.get(no)?.splice(0) ?? []);
  }

  /** The partition is gone. */
  remove(no: number): void {
    this.clear(no);
    this.#kept.delete(no);
  }

  #drop(batches: readonly TailBatch[]): void {
    this.#forget(batches);
    for (const { buffer } of batches) this.#onDropped(buffer);
  }

  #forget(batches: readonly TailBatch[]): void {
    this.#batches -= batches.length;
    for (const { buffer } of batches) this.#bytes -= buffer.byteLength;
  }
}
