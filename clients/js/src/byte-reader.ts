/** Primitives of the binary form (PROTOCOL.md, section 4). A message that ends too early throws. */
export class ByteReader {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get atEnd(): boolean {
    return this.#at >= this.#bytes.length;
  }

  u8(): number {
    if (this.atEnd) throw new RangeError('The message ends too early');
    return this.#bytes[this.#at++]!;
  }

  /** Up to 2^53 - 1: beyond what shifts can do. */
  var(): number {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = this.u8();
      value += (byte & 127) * scale;
      if (byte < 128) return value;
    }
  }

  zigzag(): number {
    const value = this.var();
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
  }

  bytes(length = this.var()): Uint8Array {
    if (length > this.#bytes.length - this.#at) throw new RangeError('The message ends too early');
    this.#at += length;
    return this.#bytes.subarray(this.#at - length, this.#at);
  }

  nullable(): Uint8Array | null {
    const length = this.var();
    return length === 0 ? null : this.bytes(length - 1);
  }
}
