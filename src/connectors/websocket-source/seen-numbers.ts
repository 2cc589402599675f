/** Which of the newest numbers have come, a bit each. A number stands at its remainder, so that nothing is ever moved. */
export class SeenNumbers {
  readonly #size: number;
  readonly #bits: Uint32Array;

  /** `size`: so many numbers in a row are known apart. */
  constructor(size: number) {
    this.#size = size;
    this.#bits = new Uint32Array(Math.ceil(size / 32));
  }

  has(number: number): boolean {
    const at = number % this.#size;
    return (this.#bits[at >>> 5]! & (1 << (at & 31))) !== 0;
  }

  add(number: number): void {
    const at = number % this.#size;
    this.#bits[at >>> 5]! |= 1 << (at & 31);
  }

  /** These have not come; what stood at their places is too old to be asked for. */
  clear(from: number, to: number): void {
    if (to - from + 1 >= this.#size) {
      this.#bits.fill(0);
      return;
    }
    for (let number = from; number <= to; number++) {
      const at = number % this.#size;
      this.#bits[at >>> 5]! &= ~(1 << (at & 31));
    }
  }
}
