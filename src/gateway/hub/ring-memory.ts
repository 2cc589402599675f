/**
 * What all rings hold together. Chunks stand in the order they came in, over all rings, so that the oldest of all is found
 * without a look at each ring: with a thousand partitions that would be a thousand looks for each chunk that comes.
 */
import type { Chunk } from './chunk.ts';

/** Whose chunks are counted here; it drops them in the order they came. */
export interface ChunkHolder {
  readonly oldest: Chunk | undefined;
  /** Gives the size of what it drops; 0 where there is nothing. */
  dropOldest(): number;
}

/** Places that were given up are taken out of the list once there are so many, and more than are left. */
const maxSpent = 1024;

export class RingMemory {
  readonly #maxBytes: number;
  readonly #beside: RingMemory | undefined;
  /** The holder of each chunk, oldest chunk first. */
  #order: ChunkHolder[] = [];
  /** Where the oldest one stands. */
  #first = 0;
  #bytes = 0;

  /** What is held `beside` is within the same bound; of both the oldest goes first. */
  constructor(maxBytes: number, beside?: RingMemory) {
    this.#maxBytes = maxBytes;
    this.#beside = beside;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** The newest chunk of all is this holder's. */
  added(holder: ChunkHolder, bytes: number): void {
    this.#order.push(holder);
    this.#bytes += bytes;
  }

  /** A chunk that is held has become larger, or smaller. */
  grown(bytes: number): void {
    this.#bytes += bytes;
  }

  /** Nothing of this holder is held any more. */
  left(holder: ChunkHolder, bytes: number): void {
    this.#order = this.#order.slice(this.#first).filter((other) => other !== holder);
    this.#first = 0;
    this.#bytes -= bytes;
  }

  /** The oldest chunk of all goes first, so that a busy partition does not push a quiet one out by being busy. */
  trim(): void {
    while (this.#bytes + (this.#beside?.bytes ?? 0) > this.#maxBytes) {
      const own = this.#oldestMs;
      const other = this.#beside === undefined ? Number.POSITIVE_INFINITY : this.#beside.#oldestMs;
      if (Math.min(own, other) === Number.POSITIVE_INFINITY) return;
      if (other < own) this.#beside!.#dropOldest();
      else this.#dropOldest();
    }
  }

  get #oldestMs(): number {
    return this.#order[this.#first]?.oldest?.fetchedAtMs ?? Number.POSITIVE_INFINITY;
  }

  #dropOldest(): void {
    this.#bytes -= this.#order[this.#first++]!.dropOldest();
    if (this.#first < maxSpent || this.#first < this.#order.length / 2) return;
    this.#order.splice(0, this.#first);
    this.#first = 0;
  }
}
