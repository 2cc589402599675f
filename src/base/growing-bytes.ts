const firstCapacity = 512;
/** Always worth keeping between two values; what is larger only where it is used. */
const smallBytes = 64 * 1024;
/** Memory that is kept must be filled to that share now and then, or one long value would hold it for ever. */
const minUsedShare = 1 / 8;
const mostIdleRounds = 64;

/** Bytes that come piece by piece. Room grows with what has come, not with what a header promises. */
export class GrowingBytes {
  #bytes = new Uint8Array(0);
  #length = 0;
  /** Rounds in a row, lendings and calls of `rest`, in which little of the memory was used. */
  #idleRounds = 0;

  get length(): number {
    return this.#length;
  }

  /** The memory; only the first `length` bytes of it count. */
  get bytes(): Uint8Array {
    return this.#bytes;
  }

  /** Goes on in that memory, whatever stands there. Only while there is nothing. */
  startIn(memory: Uint8Array<ArrayBuffer>): void {
    this.#bytes = memory;
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
    const isUsed = this.#length >= this.#bytes.length * minUsedShare;
    this.#idleRounds = isUsed ? 0 : this.#idleRounds + 1;
    if (this.#bytes.length > maxKeptBytes || this.#isIdle) return this.take();
    const all = new Uint8Array(this.#bytes.buffer, this.#bytes.byteOffset, this.#length);
    this.#length = 0;
    return all;
  }

  /** A round in which nothing had to be put together: memory that was lent before, and is not needed again, is given up. */
  rest(): void {
    this.#idleRounds++;
    if (this.#length === 0 && this.#isIdle) this.take();
  }

  /** All of it. The next bytes go to new memory. */
  take(): Uint8Array {
    const all = new Uint8Array(this.#bytes.buffer, this.#bytes.byteOffset, this.#length);
    this.#bytes = new Uint8Array(0);
    this.#length = 0;
    this.#idleRounds = 0;
    return all;
  }

  get #isIdle(): boolean {
    return this.#idleRounds >= mostIdleRounds && this.#bytes.length > smallBytes;
  }
}
