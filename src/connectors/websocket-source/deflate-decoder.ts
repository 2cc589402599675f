/**
 * Inflating in plain JavaScript (RFC 1951) what a message of some hundred bytes is: zlib takes a fraction of the time for the bytes
 * themselves, but a call of it costs more than such a message, and messages can only be inflated one by one, because where
 * one ends is not known before.
 *
 * What makes it fast: the messages of a connection are written one behind the other into one piece of memory, so that the
 * window is what lies before and a reference into it is a copy within that memory; tables hold for each possible next bits
 * the whole answer (value, extra bits, length of the code) in one number; tables are as large as the longest code of a block
 * needs, which is 32 to 256 entries for a short message; bits are looked at where they lie, four bytes at once, without a
 * buffer that would have to be filled. (Some lines above 300: the loops write out what a function would say, as they must be fast.)
 */
import {
  distanceSymbols,
  firstNoLiteral,
  fixedDistances,
  fixedValues,
  isEnd,
  lengthSymbols,
  valueSymbols,
} from './deflate-codes.ts';
import { HuffmanTable, isInvalid } from './huffman-table.ts';

/** Instead of an end: the bytes are not what a sender may send. */
export const corrupt = -1;
/** Instead of an end: the output does not hold the message. Nothing before `at` has changed. */
export const noRoom = -2;

/** Bytes that must stand behind what is decoded, whatever they are. */
export const slackBytes = 8;

const lengthOrder = Uint8Array.of(16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15);

export class DeflateDecoder {
  /** True once a message has ended its stream (RFC 7692, 7.2.3.4): the next one begins with an empty window. */
  ended = false;
  #input: Uint8Array = new Uint8Array(0);
  #view: DataView = new DataView(new ArrayBuffer(0));
  #output: Uint8Array = new Uint8Array(0);
  #memory: DataView = new DataView(new ArrayBuffer(0));
  /** Next bit of the input, counted from its begin, and where the message ends. */
  #bit = 0;
  #lastBit = 0;
  /** End of what was written, and begin of the window. */
  #at = 0;
  #history = 0;
  readonly #lengths = new HuffmanTable(lengthSymbols, false);
  readonly #values = new HuffmanTable(valueSymbols, true);
  readonly #distances = new HuffmanTable(distanceSymbols, true);
  /** Symbols of a block that have a code, and its length. */
  readonly #used = new Uint16Array(320);
  readonly #usedLengths = new Uint8Array(320);
  readonly #codeLengths = new Uint8Array(19);

  /**
   * Inflates a message that stands in `input` (from, to), with `slackBytes` behind it, into `output` from `at` on, to its end
   * at most. The window stands in `output` from `history` to `at`. Gives the end of the message, `corrupt` or
   * `noRoom`. A message must be whole: it ends with the block whose second half the sender leaves out (RFC 7692, 7.2.1), or
   * with a final block.
   */
  decode(input: Uint8Array, from: number, to: number, output: Uint8Array, history: number, at: number): number {
    this.ended = false;
    if (from === to) return at;
    if (input !== this.#input) {
      this.#input = input;
      this.#view = new DataView(input.buffer, input.byteOffset, input.length);
    }
    if (output !== this.#output) {
      this.#output = output;
      this.#memory = new DataView(output.buffer, output.byteOffset, output.length);
    }
    this.#bit = from * 8;
    this.#lastBit = to * 8;
    this.#at = at;
    this.#history = history;
    for (;;) {
      if (this.#lastBit - this.#bit < 3) return corrupt;
      const isFinal = this.#take(1) === 1;
      const kind = this.#take(2);
      let problem = 0;
      if (kind === 0) {
        this.#bit = (this.#bit + 7) & ~7;
        if (this.#bit === this.#lastBit) {
          this.ended = isFinal;
          return this.#at;
        }
        problem = this.#stored();
      } else if (kind === 1) problem = this.#coded(fixedValues, fixedDistances);
      else if (kind === 2) problem = this.#readTables() ? this.#coded(this.#values, this.#distances) : corrupt;
      else return corrupt;
      if (problem !== 0) return problem;
      const unread = this.#lastBit - this.#bit;
      if (unread < 0) return corrupt;
      if (isFinal) {
        this.ended = true;
        return unread < 16 ? this.#at : corrupt;
      }
    }
  }

  /** Bits beyond the end of the message are whatever they are: who takes them has looked, or looks later. */
  #take(count: number): number {
    const bit = this.#bit;
    this.#bit = bit + count;
    return (this.#view.getUint32(bit >> 3, true) >>> (bit & 7)) & ((1 << count) - 1);
  }

  #stored(): number {
    const input = this.#input;
    const begin = (this.#bit >> 3) + 4;
    const to = this.#lastBit >> 3;
    if (begin > to) return corrupt;
    const length = input[begin - 4]! | (input[begin - 3]! << 8);
    const check = input[begin - 2]! | (input[begin - 1]! << 8);
    if ((length ^ check) !== 0xffff || begin + length > to) return corrupt;
    if (this.#at + length > this.#output.length) return noRoom;
    this.#output.set(input.subarray(begin, begin + length), this.#at);
    this.#at += length;
    this.#bit = (begin + length) * 8;
    return 0;
  }

  /** The codes of a block (RFC 1951, 3.2.7). False: there can be no such codes. */
  #readTables(): boolean {
    // 14 bits and 19 times 3 at most.
    if (this.#lastBit - this.#bit < 14 + 4 * 3) return false;
    const valueCount = this.#take(5) + 257;
    const distanceCount = this.#take(5) + 1;
    const lengthCount = this.#take(4) + 4;
    if (valueCount > 286 || distanceCount > 30 || this.#lastBit - this.#bit < lengthCount * 3) return false;
    if (!this.#readLengthTable(lengthCount)) return false;
    const used = this.#used;
    const usedLengths = this.#usedLengths;
    const { entries, bits: longest } = this.#lengths;
    const mask = (1 << longest) - 1;
    const { counts } = this.#values;
    for (let length = 0; length < 16; length++) counts[length] = 0;
    const all = valueCount + distanceCount;
    let count = 0;
    let length = 0;
    const view = this.#view;
    const lastBit = this.#lastBit;
    let bit = this.#bit;
    for (let index = 0; index < all; ) {
      if (bit >= lastBit) return false;
      const word = view.getUint32(bit >> 3, true) >>> (bit & 7);
      const entry = entries[word & mask]!;
      const codeBits = entry & 15;
      const symbol = entry >> 8;
      bit += codeBits;
      if (symbol < 16) {
        // Written in any case, and written over where there is no code: a branch here would be foretold wrongly too often.
        length = symbol;
        used[count] = index++;
        usedLengths[count] = length;
        counts[length]!++;
        count += length === 0 ? 0 : 1;
        continue;
      }
      let repeat = 0;
      if (symbol === 16) {
        if (index === 0) return false;
        repeat = 3 + ((word >>> codeBits) & 3);
        bit += 2;
      } else if (symbol === 17) {
        repeat = 3 + ((word >>> codeBits) & 7);
        bit += 3;
        length = 0;
      } else {
        repeat = 11 + ((word >>> codeBits) & 127);
        bit += 7;
        length = 0;
      }
      const behind = index + repeat;
      if (behind > all) return false;
      if (length > 0) {
        counts[length]! += repeat;
        for (let each = index; each < behind; each++) {
          used[count] = each;
          usedLengths[count] = length;
          count++;
        }
      }
      index = behind;
    }
    this.#bit = bit;
    const values = this.#splitDistances(count, valueCount);
    return (
      values >= 0 &&
      this.#values.build(used, usedLengths, 0, values, 0) &&
      this.#distances.build(used, usedLengths, values, count, valueCount)
    );
  }

  /** How many of the symbols that have a code are no distances, whose lengths are counted by themselves; -1: no end of a block. */
  #splitDistances(count: number, valueCount: number): number {
    const used = this.#used;
    const usedLengths = this.#usedLengths;
    const { counts: valueCounts } = this.#values;
    const { counts } = this.#distances;
    for (let length = 0; length < 16; length++) counts[length] = 0;
    let values = count;
    for (; values > 0 && used[values - 1]! >= valueCount; values--) {
      const length = usedLengths[values - 1]!;
      valueCounts[length]!--;
      counts[length]!++;
    }
    let end = values - 1;
    while (end >= 0 && used[end]! > 256) end--;
    return end >= 0 && used[end] === 256 ? values : -1;
  }

  /** The code in which the lengths of the other two stand. */
  #readLengthTable(lengthCount: number): boolean {
    const codeLengths = this.#codeLengths;
    const used = this.#used;
    const usedLengths = this.#usedLengths;
    const { counts } = this.#lengths;
    const view = this.#view;
    let bit = this.#bit;
    for (let length = 0; length < 16; length++) counts[length] = 0;
    for (let index = 0; index < lengthCount; index++, bit += 3)
      codeLengths[lengthOrder[index]!] = (view.getUint16(bit >> 3, true) >> (bit & 7)) & 7;
    for (let index = lengthCount; index < 19; index++) codeLengths[lengthOrder[index]!] = 0;
    let count = 0;
    for (let symbol = 0; symbol < 19; symbol++) {
      const length = codeLengths[symbol]!;
      if (length === 0) continue;
      used[count] = symbol;
      usedLengths[count] = length;
      counts[length]!++;
      count++;
    }
    this.#bit = bit;
    return this.#lengths.build(used, usedLengths, 0, count, 0);
  }

  /** A block of literals and references, up to its end: 0, `corrupt` or `noRoom`. */
  #coded(valueTable: HuffmanTable, distanceTable: HuffmanTable): number {
    const values = valueTable.entries;
    const valueBits = valueTable.bits;
    const valueMask = (1 << valueBits) - 1;
    const distances = distanceTable.entries;
    const distanceMask = (1 << distanceTable.bits) - 1;
    const view = this.#view;
    const output = this.#output;
    const memory = this.#memory;
    const room = output.length;
    const history = this.#history;
    const lastBit = this.#lastBit;
    let bit = this.#bit;
    let at = this.#at;
    for (;;) {
      if (bit >= lastBit) return corrupt;
      // Four bytes from the one in which the next bit stands: 25 bits at least, a value's code with its extra bits.
      let word = view.getUint32(bit >> 3, true) >>> (bit & 7);
      let entry = values[word & valueMask]!;
      if (entry < firstNoLiteral) {
        if (at >= room) return noRoom;
        output[at++] = entry >> 8;
        bit += entry & 15;
        if (valueBits > 10) continue;
        // The word has the next one, too.
        word >>>= entry & 15;
        entry = values[word & valueMask]!;
        if (entry < firstNoLiteral) {
          if (at >= room) return noRoom;
          output[at++] = entry >> 8;
          bit += entry & 15;
          continue;
        }
      }
      if (entry >= isEnd) {
        if (entry >= isInvalid) return corrupt;
        bit += entry & 15;
        break;
      }
      word >>>= entry & 15;
      const lengthExtra = (entry >> 4) & 15;
      const length = ((entry >> 8) & 0x7fff) + (word & ((1 << lengthExtra) - 1));
      bit += (entry & 15) + lengthExtra;
      if (bit >= lastBit) return corrupt;
      word = view.getUint32(bit >> 3, true) >>> (bit & 7);
      entry = distances[word & distanceMask]!;
      if (entry >= isInvalid) return corrupt;
      bit += entry & 15;
      const distanceExtra = (entry >> 4) & 15;
      // 15 and 13 bits: together they may be more than the word has.
      const distance = (entry >> 8) + ((view.getUint32(bit >> 3, true) >>> (bit & 7)) & ((1 << distanceExtra) - 1));
      bit += distanceExtra;
      if (distance > at - history) return corrupt;
      const end = at + length;
      if (end > room) return noRoom;
      let source = at - distance;
      if (distance >= 4 && end + 4 <= room) {
        // Four at once, and up to three too many: they will be written over.
        for (; at < end; source += 4, at += 4) memory.setUint32(at, memory.getUint32(source));
        at = end;
      } else for (; at < end; source++, at++) output[at] = output[source]!;
    }
    this.#bit = bit;
    this.#at = at;
    return 0;
  }
}
