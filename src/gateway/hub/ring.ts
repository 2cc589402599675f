/** The newest chunks of one partition, oldest first. Whoever owns the memory budget tells when one has to go. */
import type { Chunk } from './chunk.ts';

export class Ring {
  readonly #chunks: Chunk[] = [];
  #start: number;
  #head: number;
  #bytes = 0;

  /** `start`: the position before the first record that will be added. */
  constructor(start: number) {
    this.#start = start;
    this.#head = start;
  }

  /** First position that is held. */
  get start(): number {
    return this.#start;
  }

  /** Position behind the newest record. */
  get head(): number {
    return this.#head;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get oldest(): Chunk | undefined {
    return this.#chunks[0];
  }

  add(chunk: Chunk): void {
    this.#head = chunk.nextOffset;
    if (chunk.records.length === 0 && !chunk.isDamaged && this.#chunks.length === 0) {
      this.#start = chunk.nextOffset;
      return;
    }
    this.#chunks.push(chunk);
    this.#bytes += chunk.heldBytes;
    chunk.onGrown = (bytes) => {
      this.#bytes += bytes;
    };
  }

  /** Drops the oldest chunk and gives its size. */
  dropOldest(): number {
    const chunk = this.#chunks.shift();
    if (chunk === undefined) return 0;
    this.#start = chunk.nextOffset;
    chunk.onGrown = undefined;
    this.#bytes -= chunk.heldBytes;
    return chunk.heldBytes;
  }

  /** Chunk that holds a position within start and head; undefined at the head. */
  at(offset: number): Chunk | undefined {
    let low = 0;
    let high = this.#chunks.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#chunks[middle]!.nextOffset <= offset) low = middle + 1;
      else high = middle;
    }
    return this.#chunks[low];
  }
}
