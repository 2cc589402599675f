/** The newest chunks of one partition, oldest first. Who owns the memory of all rings tells when one has to go. */
import type { Chunk } from './chunk.ts';
import type { ChunkHolder, RingMemory } from './ring-memory.ts';

/** Places of dropped chunks are taken out of the list once there are so many, and more than are left. */
const maxSpent = 1024;

export class Ring implements ChunkHolder {
  readonly #memory: RingMemory;
  #chunks: (Chunk | undefined)[] = [];
  /** Where the oldest one stands: with a chunk for each small record there are so many that moving them would be felt. */
  #first = 0;
  #start: number;
  #head: number;
  #bytes = 0;
  #isReleased = false;

  /** `start`: the position before the first record that will be added. */
  constructor(start: number, memory: RingMemory) {
    this.#start = start;
    this.#head = start;
    this.#memory = memory;
  }

  /** First position that is held. */
  get start(): number {
    return this.#start;
  }

  /** Position behind the newest record. */
  get head(): number {
    return this.#head;
  }

  /** With the forms that were made of its chunks. */
  get bytes(): number {
    return this.#bytes;
  }

  get oldest(): Chunk | undefined {
    return this.#chunks[this.#first];
  }

  add(chunk: Chunk): void {
    this.#head = chunk.nextOffset;
    if (chunk.records.length === 0 && !chunk.isDamaged && this.#first === this.#chunks.length) {
      this.#start = chunk.nextOffset;
      return;
    }
    this.#chunks.push(chunk);
    if (this.#isReleased) return;
    this.#bytes += chunk.heldBytes;
    this.#memory.added(this, chunk.heldBytes);
    chunk.onGrown = (bytes) => {
      this.#bytes += bytes;
      this.#memory.grown(bytes);
    };
  }

  dropOldest(): number {
    const chunk = this.#chunks[this.#first];
    if (chunk === undefined) return 0;
    this.#chunks[this.#first++] = undefined;
    if (this.#first >= maxSpent && this.#first >= this.#chunks.length / 2) {
      this.#chunks.splice(0, this.#first);
      this.#first = 0;
    }
    this.#start = chunk.nextOffset;
    chunk.onGrown = undefined;
    this.#bytes -= chunk.heldBytes;
    return chunk.heldBytes;
  }

  /** Nobody reads here any more: what it holds counts no longer. */
  release(): void {
    if (this.#isReleased) return;
    this.#isReleased = true;
    for (const chunk of this.#chunks) if (chunk !== undefined) chunk.onGrown = undefined;
    this.#memory.left(this, this.#bytes);
    this.#bytes = 0;
  }

  /** Chunk that holds a position within start and head; undefined at the head. */
  at(offset: number): Chunk | undefined {
    let low = this.#first;
    let high = this.#chunks.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#chunks[middle]!.nextOffset <= offset) low = middle + 1;
      else high = middle;
    }
    return this.#chunks[low];
  }
}
