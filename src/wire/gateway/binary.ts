/** Primitives of the binary form (PROTOCOL.md, section 4). Reading is strict: shortest forms only, nothing beyond the end. */
import { isUtf8 } from 'node:buffer';

/** What a binary message cannot be read for. */
export class BinaryFault extends Error {
  override readonly name = 'BinaryFault';
}

/** A text that is likely to come again, and its bytes. */
export interface TextMemory {
  bytes: Uint8Array;
  text: string;
}

/** No longer text is remembered: names of topics are not. */
const maxRemembered = 249;

export class BinaryReader {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get atEnd(): boolean {
    return this.#at === this.#bytes.length;
  }

  u8(): number {
    const byte = this.#bytes[this.#at];
    if (byte === undefined) throw new BinaryFault('the message ends too early');
    this.#at++;
    return byte;
  }

  /** Unsigned LEB128 up to 2^53 - 1, in its shortest form. */
  var(): number {
    let value = 0;
    let scale = 1;
    for (let length = 1; ; length++) {
      const byte = this.u8();
      value += (byte & 0x7f) * scale;
      if (length > 8 || value > Number.MAX_SAFE_INTEGER) throw new BinaryFault('a number is too large');
      if (byte < 0x80) {
        if (byte === 0 && length > 1) throw new BinaryFault('a number is not in its shortest form');
        return value;
      }
      scale *= 0x80;
    }
  }

  zigzag(): number {
    const value = this.var();
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
  }

  raw(length: number): Uint8Array {
    if (length > this.#bytes.length - this.#at) throw new BinaryFault('the message ends too early');
    this.#at += length;
    return this.#bytes.subarray(this.#at - length, this.#at);
  }

  bytes(): Uint8Array {
    return this.raw(this.var());
  }

  /** Null, or bytes. */
  nullableBytes(): Uint8Array | null {
    const length = this.var();
    return length === 0 ? null : this.raw(length - 1);
  }

  text(): string {
    return utf8(this.bytes());
  }

  /** Text that is decoded only where it is another one than last time. */
  rememberedText(memory: TextMemory): string {
    const length = this.var();
    if (length === memory.bytes.length && this.#isNext(memory.bytes)) {
      this.#at += length;
      return memory.text;
    }
    const bytes = this.raw(length);
    const text = utf8(bytes);
    if (length <= maxRemembered) {
      memory.bytes = Uint8Array.from(bytes);
      memory.text = text;
    }
    return text;
  }

  nullableText(): string | null {
    const bytes = this.nullableBytes();
    return bytes === null ? null : utf8(bytes);
  }

  #isNext(wanted: Uint8Array): boolean {
    for (let at = 0; at < wanted.length; at++) if (this.#bytes[this.#at + at] !== wanted[at]) return false;
    return true;
  }
}

/** Unsigned LEB128 in its shortest form; gives where it ends. */
export function writeVar(bytes: Uint8Array, at: number, value: number): number {
  while (value >= 0x80) {
    bytes[at++] = (value % 0x80) | 0x80;
    value = Math.floor(value / 0x80);
  }
  bytes[at++] = value;
  return at;
}

export function varLength(value: number): number {
  let length = 1;
  for (; value >= 0x80; value = Math.floor(value / 0x80)) length++;
  return length;
}

export class BinaryWriter {
  #bytes: Buffer;
  #at = 0;

  constructor(capacity = 256) {
    this.#bytes = Buffer.allocUnsafe(capacity);
  }

  get length(): number {
    return this.#at;
  }

  u8(value: number): void {
    this.#room(1);
    this.#bytes[this.#at++] = value;
  }

  var(value: number): void {
    this.#room(8);
    this.#at = writeVar(this.#bytes, this.#at, value);
  }

  zigzag(value: number): void {
    this.var(value >= 0 ? value * 2 : -value * 2 - 1);
  }

  raw(bytes: Uint8Array): void {
    this.#room(bytes.length);
    this.#bytes.set(bytes, this.#at);
    this.#at += bytes.length;
  }

  bytes(bytes: Uint8Array): void {
    this.var(bytes.length);
    this.raw(bytes);
  }

  /** Text of single bytes alone: names of topics, positions. */
  ascii(text: string): void {
    this.#room(text.length);
    this.#at += this.#bytes.write(text, this.#at, 'latin1');
  }

  nullableBytes(bytes: Uint8Array | null): void {
    this.var(bytes === null ? 0 : bytes.length + 1);
    if (bytes !== null) this.raw(bytes);
  }

  /** What was written; the writer is not to be used any more. */
  result(): Buffer {
    return this.#bytes.subarray(0, this.#at);
  }

  #room(length: number): void {
    if (this.#at + length <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafe(Math.max(this.#bytes.length * 2, this.#at + length));
    larger.set(this.#bytes.subarray(0, this.#at));
    this.#bytes = larger;
  }
}

function utf8(bytes: Uint8Array): string {
  if (!isUtf8(bytes)) throw new BinaryFault('a name is not UTF-8');
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString();
}
