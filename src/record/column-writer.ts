import { isUtf8 } from 'node:buffer';
import { ValueColumn } from './value-column.ts';

/** Memory of columns that is no longer needed is kept up to here. */
const keptBytes = 8 * 1024 * 1024;
/** Always worth keeping; what is larger only where it was used. */
const smallBytes = 64 * 1024;
/** A kept piece of memory must have been filled to that share, or a burst would hold it for ever. */
const minUsedShare = 1 / 8;

interface Memory {
  readonly bytes: Buffer;
  readonly spans: Int32Array;
}

/** Fills columns one after the other. The memory of those that are given back is used again. */
export class ColumnWriter {
  #bytes: Buffer = Buffer.alloc(0);
  #spans: Int32Array = new Int32Array(0);
  /** Bytes in use, those between the values included. */
  #used = 0;
  #length = 0;
  #valueBytes = 0;
  #longest = 0;
  readonly #spare: Memory[] = [];

  /** Number of values. */
  get length(): number {
    return this.#length;
  }

  /** Sum of their lengths. */
  get valueBytes(): number {
    return this.#valueBytes;
  }

  append(value: Uint8Array): void {
    this.#reserve(value.length, 1);
    this.#bytes.set(value, this.#used);
    this.#add(this.#used, this.#used + value.length);
    this.#used += value.length;
  }

  /** Memory in which a value of at most so many bytes may be written from `end` on; `added` makes it one. */
  room(bytes: number): Buffer {
    this.#reserve(bytes, 1);
    return this.#bytes;
  }

  get end(): number {
    return this.#used;
  }

  /** What was written into the room up to here is a value. */
  added(end: number): void {
    this.#add(this.#used, end);
    this.#used = end;
  }

  /**
   * Appends values that stand in `chunk`, in order, with nothing but a few bytes between them. False, and nothing is
   * appended, where one of them is not UTF-8.
   *
   * They are copied in one piece and checked in one piece: a call for each would take longer than the copying. What
   * stands between them is made zero, and where nothing does a value must begin with the begin of a character: so none can
   * reach from one value into the next.
   */
  appendTexts(chunk: Uint8Array, spans: Int32Array, count: number): boolean {
    const first = spans[0]!;
    const last = spans[count * 2 - 1]!;
    this.#reserve(last - first, count);
    const bytes = this.#bytes;
    const shift = this.#used - first;
    bytes.set(chunk.subarray(first, last), this.#used);
    for (let at = 2; at < count * 2; at += 2) {
      const begin = spans[at]! + shift;
      const before = spans[at - 1]! + shift;
      if (before === begin && begin < last + shift && (bytes[begin]! & 0xc0) === 0x80) return false;
      for (let gap = before; gap < begin; gap++) bytes[gap] = 0;
    }
    if (!isUtf8(bytes.subarray(this.#used, last + shift))) return false;
    for (let at = 0; at < count * 2; at += 2) this.#add(spans[at]! + shift, spans[at + 1]! + shift);
    this.#used = last + shift;
    return true;
  }

  /** All that was appended since the last call. */
  take(): ValueColumn {
    const column = new ValueColumn(this.#bytes, this.#spans, this.#length, this.#longest);
    const next = this.#spare.pop();
    this.#bytes = next?.bytes ?? Buffer.alloc(0);
    this.#spans = next?.spans ?? new Int32Array(0);
    this.#used = this.#length = this.#valueBytes = this.#longest = 0;
    return column;
  }

  /** Nobody looks at a column of ours any more. */
  giveBack({ bytes, spans, length }: ValueColumn): void {
    const used = length === 0 ? 0 : spans[length * 2 - 1]!;
    const isWorthIt = bytes.length <= smallBytes || used >= bytes.length * minUsedShare;
    const kept = this.#spare.reduce((sum, spare) => sum + spare.bytes.length, 0);
    if (isWorthIt && kept + bytes.length <= keptBytes) this.#spare.push({ bytes, spans });
  }

  #add(begin: number, end: number): void {
    this.#spans[this.#length * 2] = begin;
    this.#spans[this.#length * 2 + 1] = end;
    this.#length++;
    const bytes = end - begin;
    this.#valueBytes += bytes;
    if (bytes > this.#longest) this.#longest = bytes;
  }

  #reserve(bytes: number, count: number): void {
    const wanted = this.#used + bytes;
    if (wanted > this.#bytes.length) {
      const grown = Buffer.allocUnsafeSlow(Math.max(wanted, this.#bytes.length * 2, 4096));
      this.#bytes.copy(grown, 0, 0, this.#used);
      this.#bytes = grown;
    }
    const spans = (this.#length + count) * 2;
    if (spans > this.#spans.length) {
      const grown = new Int32Array(Math.max(spans, this.#spans.length * 2, 64));
      grown.set(this.#spans.subarray(0, this.#length * 2));
      this.#spans = grown;
    }
  }
}
