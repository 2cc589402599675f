/**
 * What replays of one partition have read lately, for all that are about as far behind: ten thousand clients that come back
 * at once, behind what was written meanwhile, read it from the broker once. Chunks may overlap, and there may be holes
 * between them: each replay begins where its client stands. They live as long as somebody reads the partition: who comes later
 * asks the log, whose retention may have taken records away.
 */
import type { Chunk } from './chunk.ts';
import type { ChunkHolder, RingMemory } from './ring-memory.ts';

/** Of chunks without bytes, which the bound of memory does not see. */
const maxChunks = 4096;

export class ReplayedChunks implements ChunkHolder {
  readonly #memory: RingMemory;
  /** In the order they came. */
  #arrived: Chunk[] = [];
  /** In the order of their positions. */
  #placed: Chunk[] = [];
  #bytes = 0;
  #isReleased = false;
  /** Positions that somebody is reading at. */
  readonly #reading = new Map<number, PromiseWithResolvers<void>>();

  constructor(memory: RingMemory) {
    this.#memory = memory;
  }

  /** A chunk that holds a position. Where several overlap it may miss the one: it is read again then. */
  at(offset: number): Chunk | undefined {
    const chunk = this.#placed[this.#placeBehind(offset) - 1];
    return chunk !== undefined && offset < chunk.nextOffset ? chunk : undefined;
  }

  add(chunk: Chunk): void {
    if (this.#isReleased || chunk.nextOffset <= chunk.from || this.at(chunk.from) !== undefined) return;
    if (this.#arrived.length >= maxChunks) this.forget();
    this.#arrived.push(chunk);
    this.#placed.splice(this.#placeBehind(chunk.from), 0, chunk);
    this.#bytes += chunk.heldBytes;
    this.#memory.added(this, chunk.heldBytes);
    chunk.onGrown = (bytes) => {
      this.#bytes += bytes;
      this.#memory.grown(bytes);
    };
    this.#memory.trim();
  }

  /** Settles when whoever reads at this position has got what is there, or has given up; undefined where nobody does. */
  read(offset: number): Promise<void> | undefined {
    return this.#reading.get(offset)?.promise;
  }

  /** Somebody reads at this position, where nobody else does; the function is to be called when that is over, once or more. */
  reading(offset: number): () => void {
    const over = Promise.withResolvers<void>();
    this.#reading.set(offset, over);
    return () => {
      if (this.#reading.get(offset) === over) this.#reading.delete(offset); // else it is another's by now
      over.resolve();
    };
  }

  get oldest(): Chunk | undefined {
    return this.#arrived[0];
  }

  dropOldest(): number {
    const chunk = this.#arrived.shift();
    if (chunk === undefined) return 0;
    this.#placed.splice(this.#placed.indexOf(chunk), 1);
    chunk.onGrown = undefined;
    this.#bytes -= chunk.heldBytes;
    return chunk.heldBytes;
  }

  /** It is another log from now on, or nobody reads it: nothing is kept any more. */
  release(): void {
    this.#isReleased = true;
    this.forget();
  }

  /** Nothing of what was read until now is kept: the log may have lost it meanwhile. */
  forget(): void {
    if (this.#arrived.length === 0) return;
    for (const chunk of this.#arrived) chunk.onGrown = undefined;
    this.#memory.left(this, this.#bytes);
    this.#arrived = [];
    this.#placed = [];
    this.#bytes = 0;
  }

  /** Index of the first chunk that begins behind a position. */
  #placeBehind(offset: number): number {
    let low = 0;
    let high = this.#placed.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#placed[middle]!.from <= offset) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
