/** Writes the flexible form of Kafka's protocol (KIP-482); the other side is src/broker/kafka/byte-reader.ts. */
export class ByteWriter {
  #bytes = Buffer.allocUnsafe(512);
  #length = 0;

  get bytes(): Buffer {
    return this.#bytes.subarray(0, this.#length);
  }

  int8(value: number): this {
    const at = this.#take(1);
    this.#bytes.writeInt8(value, at);
    return this;
  }

  int16(value: number): this {
    const at = this.#take(2);
    this.#bytes.writeInt16BE(value, at);
    return this;
  }

  int32(value: number): this {
    const at = this.#take(4);
    this.#bytes.writeInt32BE(value, at);
    return this;
  }

  int64(value: number): this {
    const at = this.#take(8);
    this.#bytes.writeBigInt64BE(BigInt(value), at);
    return this;
  }

  unsignedVarint(value: number): this {
    while (value > 0x7f) {
      this.int8(((value & 0x7f) | 0x80) - 256);
      value >>>= 7;
    }
    return this.int8(value);
  }

  uuid(text: string): this {
    const at = this.#take(16);
    this.#bytes.write(text.replaceAll('-', ''), at, 'hex');
    return this;
  }

  string(text: string | null): this {
    return this.bytesOf(text === null ? null : [Buffer.from(text)]);
  }

  /** Compact bytes out of several parts. */
  bytesOf(parts: readonly Uint8Array[] | null): this {
    if (parts === null) return this.unsignedVarint(0);
    this.unsignedVarint(parts.reduce((sum, { length }) => sum + length, 0) + 1);
    for (const part of parts) {
      const at = this.#take(part.length);
      this.#bytes.set(part, at);
    }
    return this;
  }

  array<T>(entries: readonly T[], write: (entry: T) => void): this {
    this.unsignedVarint(entries.length + 1);
    for (const entry of entries) write(entry);
    return this;
  }

  /** No tagged fields. */
  end(): this {
    return this.unsignedVarint(0);
  }

  #take(count: number): number {
    const at = this.#length;
    this.#length += count;
    if (this.#length > this.#bytes.length) {
      const grown = Buffer.allocUnsafe(Math.max(this.#length, this.#bytes.length * 2));
      this.#bytes.copy(grown, 0, 0, at);
      this.#bytes = grown;
    }
    return at;
  }
}
