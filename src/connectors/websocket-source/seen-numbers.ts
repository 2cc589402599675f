/**
 * Which of the newest numbers have come, a bit each, and what each server sent under them, a check sum each. A number stands
 * at its remainder, so that nothing is ever moved.
 */
export class SeenNumbers {
  readonly #size: number;
  readonly #bits: Uint32Array;
  /** By server; 0: it has not sent this one. */
  readonly #sums: Uint32Array[] = [];

  /** `size`: so many numbers in a row are known apart. */
  constructor(size: number) {
    this.#size = size;
    this.#bits = new Uint32Array(Math.ceil(size / 32));
  }

  has(number: number): boolean {
    const at = number % this.#size;
    return (this.#bits[at >>> 5]! & (1 << (at & 31))) !== 0;
  }

  /** Whether this server has sent something else under the number, which has come. `sum` 0: nobody knows. */
  differs(number: number, server: number, sum: number): boolean {
    if (sum === 0) return false;
    const before = this.#sums[server]?.[number % this.#size] ?? 0;
    return before !== 0 && before !== sum;
  }

  /** `sum` 0: it has come by another way, whose bytes are nobody's measure. */
  add(number: number, server: number, sum: number): void {
    const at = number % this.#size;
    this.#bits[at >>> 5]! |= 1 << (at & 31);
    if (sum === 0) return;
    while (this.#sums.length <= server) this.#sums.push(new Uint32Array(this.#size));
    this.#sums[server]![at] = sum;
  }

  /** What the first server sent; 1: it has come another way; 0: it has not come. */
  sumOf(number: number): number {
    if (!this.has(number)) return 0;
    return this.#sums[0]?.[number % this.#size] || 1;
  }

  /** These have not come; what stood at their places is too old to be asked for. */
  clear(from: number, to: number): void {
    if (to - from + 1 >= this.#size) {
      this.#bits.fill(0);
      for (const sums of this.#sums) sums.fill(0);
      return;
    }
    for (let number = from; number <= to; number++) {
      const at = number % this.#size;
      this.#bits[at >>> 5]! &= ~(1 << (at & 31));
      for (let server = 0; server < this.#sums.length; server++) this.#sums[server]![at] = 0;
    }
  }
}
