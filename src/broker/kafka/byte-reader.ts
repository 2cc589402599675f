import { TributaryError } from '../../base/errors.ts';
import { readInt64 } from '../../record/layout.ts';

/**
 * Reads the flexible form of Kafka's protocol (KIP-482) out of an answer that is there as a whole. Every length is checked
 * before it is used: an answer that ends early or lies about a length is a PROTOCOL_ERROR, never a hang or a huge array.
 */
export class ByteReader {
  readonly bytes: Buffer;
  readonly #what: string;
  #at = 0;

  constructor(bytes: Buffer, what: string) {
    this.bytes = bytes;
    this.#what = what;
  }

  get remaining(): number {
    return this.bytes.length - this.#at;
  }

  int8(): number {
    return this.bytes.readInt8(this.#take(1));
  }

  int16(): number {
    return this.bytes.readInt16BE(this.#take(2));
  }

  int32(): number {
    return this.bytes.readInt32BE(this.#take(4));
  }

  /** Exact up to 2^53. */
  int64(): number {
    return readInt64(this.bytes, this.#take(8));
  }

  unsignedVarint(): number {
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.bytes[this.#take(1)]!;
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
    throw this.#error('a length has more than five bytes');
  }

  /** 36 characters. */
  uuid(): string {
    const at = this.#take(16);
    const hex = this.bytes.toString('hex', at, at + 16);
    return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
  }

  compactString(): string {
    return this.compactNullableString() ?? '';
  }

  compactNullableString(): string | null {
    return this.compactBytes()?.toString() ?? null;
  }

  /** A view. */
  compactBytes(): Buffer | null {
    const length = this.unsignedVarint() - 1;
    if (length < 0) return null;
    const at = this.#take(length);
    return this.bytes.subarray(at, at + length);
  }

  /** `minBytes`: the least that one entry takes, so that a false count is found before anything is made of it. */
  compactArray<Entry>(minBytes: number, entry: (reader: ByteReader) => Entry): Entry[] {
    const count = this.unsignedVarint() - 1;
    if (count * minBytes > this.remaining) throw this.#error(`an array of ${count} entries passes its end`);
    const entries: Entry[] = [];
    for (let index = 0; index < count; index++) entries.push(entry(this));
    return entries;
  }

  /** Calls `known` for each tag; what it does not read is passed over. */
  taggedFields(known?: (tag: number, reader: ByteReader) => void): void {
    const count = this.unsignedVarint();
    for (let index = 0; index < count; index++) {
      const tag = this.unsignedVarint();
      const size = this.unsignedVarint();
      const at = this.#take(size);
      known?.(tag, new ByteReader(this.bytes.subarray(at, at + size), this.#what));
    }
  }

  #take(count: number): number {
    const at = this.#at;
    if (count < 0 || at + count > this.bytes.length)
      throw this.#error(`it ends at byte ${this.bytes.length}, must have ${at + count}`);
    this.#at = at + count;
    return at;
  }

  #error(problem: string): TributaryError {
    return new TributaryError('PROTOCOL_ERROR', `Cannot read the answer to ${this.#what}: ${problem}`);
  }
}
