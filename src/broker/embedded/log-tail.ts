/**
 * What was stored last, in the buffers in which it went to the disk: a reader that follows closely takes it from here, and the
 * store is not asked. Kept are batches of values alone, of partitions that somebody reads as runs, up to a bound of all together.
 * When it is reached, the partition whose reader stands still for longest gives room to the others, its newest batch first: the
 * reader comes to that last. Where that is the partition itself, what comes is not kept. All of it is on the disk as well.
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
  /** The partition of each, those that came first in front. */
  readonly #partitionOf = new Map<TailBatch, number>();
  readonly #onDropped: (buffer: ArrayBuffer) => void;
  #bytes = 0;

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
    if (kept === undefined) return false;
    if (kept.length > 0 && kept.at(-1)!.last >= batch.base) return false; // an answer to what was stored before
    const bytes = batch.buffer.byteLength;
    if (!this.#makeRoom(no, bytes)) return false;
    kept.push(batch);
    this.#bytes += bytes;
    this.#partitionOf.set(batch, no);
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

  /** False where what is there for longest is of the partition itself, or the batch is too large. */
  #makeRoom(no: number, bytes: number): boolean {
    if (bytes > maxBytes) return false;
    while (this.#bytes + bytes > maxBytes || this.#partitionOf.size === maxBatches) {
      const [slowest] = this.#partitionOf.values();
      if (slowest === undefined || slowest === no) return false;
      this.#drop(this.#kept.get(slowest)!.splice(-1));
    }
    return true;
  }

  #drop(batches: readonly TailBatch[]): void {
    this.#forget(batches);
    for (const { buffer } of batches) this.#onDropped(buffer);
  }

  #forget(batches: readonly TailBatch[]): void {
    for (const batch of batches) {
      this.#partitionOf.delete(batch);
      this.#bytes -= batch.buffer.byteLength;
    }
  }
}
