/**
 * A Huffman code of deflate (RFC 1951, 3.2.2) as a table: the next bits of the input are an index, and the entry there is the whole
 * answer in one number: bits 0-3 the length of the code, then what the symbol says.
 */

/** Of a table's place that no code has. */
export const isInvalid = 1 << 25;

/** A code: from the next bits to the symbol. */
export class HuffmanTable {
  readonly #symbols: Int32Array;
  readonly #maySingle: boolean;
  /** How many codes there are of each length. */
  readonly counts = new Int32Array(16);
  /** Where the symbols of a length begin, in order of their codes; what was sorted so. */
  readonly #begins = new Int32Array(16);
  readonly #sorted = new Int32Array(288);
  entries = new Int32Array(128);
  /** Length of the longest code. */
  bits = 0;

  /** `maySingle`: one code of one bit, or none at all, will do, although it says nothing of the other bit. */
  constructor(symbols: Int32Array, maySingle: boolean) {
    this.#symbols = symbols;
    this.#maySingle = maySingle;
  }

  /**
   * Of the symbols `used` (from, to), rising, with the lengths of their codes; `counts` says how many there are of each.
   * `base` is the number of the first symbol. False: no such code can be.
   */
  build(used: Uint16Array, lengths: Uint8Array, from: number, to: number, base: number): boolean {
    const { counts } = this;
    const begins = this.#begins;
    let left = 1;
    let begin = 0;
    let bits = 0;
    for (let length = 1; length <= 15; length++) {
      const count = counts[length]!;
      left = left * 2 - count;
      if (left < 0) return false;
      begins[length] = begin;
      begin += count;
      if (count > 0) bits = length;
    }
    if (left > 0 && !(this.#maySingle && bits <= 1)) return false;
    if (this.entries.length < 1 << bits) this.entries = new Int32Array(1 << bits);
    this.bits = bits;
    if (left > 0) this.entries.fill(isInvalid, 0, 1 << bits);
    const symbols = this.#symbols;
    const sorted = this.#sorted;
    for (let at = from; at < to; at++) {
      const length = lengths[at]!;
      const place = begins[length]!;
      begins[length] = place + 1;
      sorted[place] = symbols[used[at]! - base]! | length;
    }
    this.#fill();
    return true;
  }

  /**
   * A table for codes of a length is that for shorter ones twice, and each code of this length has one place in it. Codes
   * come with their first bit first, numbers with their last: they are counted up from the left.
   */
  #fill(): void {
    const { entries, counts, bits } = this;
    const sorted = this.#sorted;
    let at = 0;
    let code = 0;
    let size = 1;
    for (let length = 1; length <= bits; length++) {
      for (let index = 0; index < size; index++) entries[size + index] = entries[index]!;
      size *= 2;
      for (let count = counts[length]!; count > 0; count--) {
        entries[code] = sorted[at++]!;
        // The leftmost zero becomes one, the ones before it zero. Behind the last code there is none.
        const highest = 1 << (31 - Math.clz32(code ^ (size - 1)));
        code = (code & (highest - 1)) | highest;
      }
    }
  }

  static of(symbols: Int32Array, lengths: readonly number[]): HuffmanTable {
    const table = new HuffmanTable(symbols, false);
    for (const length of lengths) table.counts[length]!++;
    table.build(Uint16Array.from(lengths.keys()), Uint8Array.from(lengths), 0, lengths.length, 0);
    return table;
  }
}
