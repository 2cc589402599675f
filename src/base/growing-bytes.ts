const firstCapacity = 512;

/** Bytes that come piece by piece. Room grows with what has come, not with what a header promises. */
export class GrowingBytes {
  #bytes = new Uint8Array(0);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  /** The memory; only the first `length` bytes of it count. */
  get bytes(): Uint8Array {
    return this.#bytes;
  }

  /** `expected`: how long it will be in the end, if that is known; saves room where it is near. */
  append(source: Uint8Array, from: number, to: number, expected = Infinity): void {
    const length = this.#length + to - from;
    if (length > this.#bytes.length) {
      const capacity = Math.max(length, Math.min(expected, Math.max(length * 2, firstCapacity)));
      const grown = Buffer.allocUnsafeSlow(capacity);
      grown.set(this.#bytes.subarray(0, this.#length));
      this.#bytes = grown;
    }
    this.#bytes.set(source.subarray(from, to), this.#length);
    this.#length = length;
  }

  /** All of it, for as long as nothing else is appended: the next bytes go to the same memory, unless that has grown too large. */
  lend(maxKeptBytes: number): Uint8Array {
    if (this.#bytes.length > maxKeptBytes) return this.take();
    const all = new Uint8Array(this.#bytes.buffer, this.#bytes.byteOffset, this.#length);
    this.#length = 0;
    return all;
  }

  /** All of it. The next bytes go to new memory. */
  take(): Uint8Array {
    const all = new Uint8Array(this.#bytes.buffer, this.#bytes.byteOffset, this.#length);
    this.#bytes = new Uint8Array(0);
    this.#length = 0;
    return all;
  }
}
