/**
 * Memory of large answers that nobody looks at any more: new memory outside the heap is what makes V8 collect garbage. All
 * connections of a client share it, so that what is kept does not grow with the partitions that are read.
 */

/** Answers of that length are received in memory of their own length at once; longer ones in what grows with what has come. */
const own = { min: 128 * 1024, max: 2 * 1024 * 1024, step: 256 * 1024 } as const;
/** Of what lies here unused. What was given back last stays: an answer is most like those that came last. */
const maxBytes = 8 * 1024 * 1024;

export class SpareMemory {
  readonly #spare: Uint8Array<ArrayBuffer>[] = [];
  readonly #lent = new WeakSet<ArrayBuffer>();
  #bytes = 0;

  /** What lies here unused. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Memory for an answer; undefined where that is too short or too long for memory of its own. */
  take(size: number): Uint8Array<ArrayBuffer> | undefined {
    if (size < own.min || size > own.max) return undefined;
    const index = this.#spare.findLastIndex(({ length }) => length >= size);
    const found = index === -1 ? undefined : this.#spare.splice(index, 1)[0]!;
    if (found !== undefined) this.#bytes -= found.length;
    const memory = found ?? Buffer.allocUnsafeSlow(Math.ceil(size / own.step) * own.step);
    this.#lent.add(memory.buffer);
    return memory;
  }

  /** Nobody looks at that memory any more. What is not from here, or is back already, is left alone. */
  giveBack(buffer: ArrayBufferLike): void {
    if (!(buffer instanceof ArrayBuffer) || !this.#lent.delete(buffer)) return;
    this.#spare.push(new Uint8Array(buffer));
    this.#bytes += buffer.byteLength;
    while (this.#bytes > maxBytes) this.#bytes -= this.#spare.shift()!.length;
  }
}
