/** Long because one position in one buffer is shared by all of it: split, each step would hand the position to and fro. */
import { isUtf8 } from 'node:buffer';
import { addToHash, chainOf, type Member, type Target } from './json-targets.ts';

/** What stands at a slot after a scan. */
export const found = {
  nothing: 0,
  /** Of ASCII, without escapes: its bytes are its text. */
  plainText: 1,
  /** Without escapes. */
  text: 2,
  escapedText: 3,
  /** Digits, with a sign or without. */
  integer: 4,
  number: 5,
  true: 6,
  false: 7,
  null: 8,
  /** An array or object. */
  nested: 9,
  /** Several keys that may stand for a column. */
  ambiguous: 10,
} as const;

/** Deeper messages are left to the full parser, which has no stack to run out of. */
const maxDepth = 64;

const quote = 0x22;
const backslash = 0x5c;
const minus = 0x2d;
const point = 0x2e;
const zero = 0x30;

/** What a byte means inside a text: 0 nothing, 1 its end, 2 an escape, 3 it may not stand there, 4 a part of a character. */
const inText = Uint8Array.from({ length: 256 }, (_, byte) => {
  if (byte === quote) return 1;
  if (byte === backslash) return 2;
  if (byte < 0x20) return 3;
  return byte < 0x80 ? 0 : 4;
});

/** Answers of the scanner's methods: where they stopped, or that the message is for the full parser. */
const odd = -1;

/**
 * Finds the wanted values of a JSON message where they lie: no object, no text and no number is made of anything, and keys
 * are compared as bytes. The whole message is checked nevertheless (RFC 8259). What is unusual is not decided here: escaped
 * keys, great depth, and everything that is wrong are `false`, and the full parser says what becomes of it. So this one may
 * be strict and simple, and a message that it takes means the same to both.
 *
 * All of it stands in one class, longer than others, because its methods call one another back and forth for each value and
 * share where they are.
 */
export class JsonScanner {
  readonly kinds: Uint8Array;
  /** Texts without their quotes. */
  readonly starts: Int32Array;
  readonly ends: Int32Array;
  readonly #root: Target;
  #bytes: Uint8Array = new Uint8Array(0);
  #end = 0;
  #at = 0;
  #isAscii = true;
  /** A key that is not ASCII may differ only in case from one that is: there are such letters. */
  #hasWideKey = false;
  /** Whether the key that was looked up last is one of ours as it is written. */
  #isExact = false;
  /** What the key that was looked up last means. */
  #found: Member | undefined;
  #depth = 0;
  /** Reads four bytes at a time. */
  #words: DataView<ArrayBufferLike> = new DataView(new ArrayBuffer(0));
  #offset = 0;
  #memory: ArrayBufferLike | undefined;

  constructor(root: Target, slots: number) {
    this.#root = root;
    this.kinds = new Uint8Array(slots);
    this.starts = new Int32Array(slots);
    this.ends = new Int32Array(slots);
  }

  get hasWideKey(): boolean {
    return this.#hasWideKey;
  }

  /** Goes through a message that is an object, and lies there. False: the full parser has to look at it. */
  scan(bytes: Uint8Array, begin: number, end: number): boolean {
    this.#bytes = bytes;
    this.#end = end;
    this.#isAscii = true;
    this.#hasWideKey = false;
    this.#depth = 0;
    const memory = bytes.buffer;
    if (memory !== this.#memory) {
      this.#memory = memory;
      this.#words = new DataView(memory);
    }
    this.#offset = bytes.byteOffset;
    const { kinds } = this;
    for (let slot = 0; slot < kinds.length; slot++) kinds[slot] = found.nothing;
    const start = this.#skipBlanks(begin);
    if (start >= this.#end || bytes[start] !== 0x7b) return false;
    if (this.#root.slot !== -1) this.#fill(this.#root.slot, found.nested, start);
    this.#at = this.#object(start, this.#root);
    if (this.#at === odd) return false;
    if (this.#root.slot !== -1) this.ends[this.#root.slot] = this.#at;
    return this.#skipBlanks(this.#at) === this.#end && (this.#isAscii || isUtf8(bytes.subarray(begin, end)));
  }

  #fill(slot: number, kind: number, start: number): void {
    this.kinds[slot] = kind;
    this.starts[slot] = start;
  }

  #skipBlanks(from: number): number {
    const bytes = this.#bytes;
    const end = this.#end;
    let at = from;
    while (at < end) {
      const byte = bytes[at]!;
      if (byte > 0x20 || (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09)) break;
      at++;
    }
    return at;
  }

  /** The byte at a place, 0 behind the end: no value begins or goes on with that. */
  #byteAt(at: number): number {
    return at < this.#end ? this.#bytes[at]! : 0;
  }

  #object(from: number, target: Target | undefined): number {
    if (++this.#depth > maxDepth) return odd;
    const bytes = this.#bytes;
    const end = this.#end;
    let at = this.#skipBlanks(from + 1);
    if (this.#byteAt(at) === 0x7d) {
      this.#depth--;
      return at + 1;
    }
    const memory = target?.memory;
    for (let place = 0; ; place++) {
      const known = memory === undefined ? 0 : memory.match(place, bytes, at, end);
      let member: Member | undefined;
      if (known > 0) {
        at += known;
        member = memory!.member(place);
        this.#isExact = memory!.isExact(place);
      } else {
        at = this.#key(at, target, place);
        if (at === odd) return odd;
        member = this.#found;
      }
      // Blanks are rare: a look at the byte is cheaper than the call.
      if (at < end && bytes[at]! <= 0x20) at = this.#skipBlanks(at);
      at = member === undefined ? this.#value(at, undefined, -1) : this.#member(at, member);
      if (at === odd) return odd;
      if (at < end && bytes[at]! <= 0x20) at = this.#skipBlanks(at);
      if (at >= end) return odd;
      const byte = bytes[at]!;
      if (byte === 0x7d) break;
      if (byte !== 0x2c) return odd;
      at++;
      if (at < end && bytes[at]! <= 0x20) at = this.#skipBlanks(at);
    }
    this.#depth--;
    return at + 1;
  }

  /** Passes over a key with its colon, and looks up what it means. */
  #key(from: number, target: Target | undefined, place: number): number {
    const bytes = this.#bytes;
    const end = this.#end;
    let at = from;
    if (at >= end || bytes[at] !== quote) return odd;
    const keyStart = ++at;
    let hash = 0;
    let isWide = false;
    for (; at < end; at++) {
      const byte = bytes[at]!;
      const meaning = inText[byte]!;
      if (meaning !== 0) {
        if (meaning === 1) break;
        if (meaning !== 4) return odd;
        isWide = true;
      }
      hash = addToHash(hash, byte);
    }
    if (isWide) {
      this.#isAscii = false;
      this.#hasWideKey = true;
    }
    const keyEnd = at++;
    if (at < end && bytes[at]! <= 0x20) at = this.#skipBlanks(at);
    if (at >= end || bytes[at] !== 0x3a) return odd;
    at++;
    if (target === undefined) {
      this.#found = undefined;
      return at;
    }
    const member = this.#memberOf(target, hash, keyStart, keyEnd);
    this.#found = member;
    if (!isWide && at === keyEnd + 2) target.memory?.remember(place, bytes, from, at, member, this.#isExact);
    return at;
  }

  /** The member that a key stands for, exactly or but for its case. */
  #memberOf({ heads, members }: Target, hash: number, keyStart: number, keyEnd: number): Member | undefined {
    const bytes = this.#bytes;
    const length = keyEnd - keyStart;
    for (let index = heads[chainOf(hash)]!; index !== -1; ) {
      const member = members[index]!;
      const { key, next } = member;
      index = next;
      if (key.length !== length) continue;
      let isExact = true;
      let i = 0;
      for (; i < length; i++) {
        const byte = bytes[keyStart + i]!;
        if (byte === key[i]) continue;
        if ((byte | 0x20) !== (key[i]! | 0x20) || !isLetter(byte)) break;
        isExact = false;
      }
      if (i < length) continue;
      this.#isExact = isExact;
      return member;
    }
    return undefined;
  }

  #member(at: number, { target, foldedSlot }: Member): number {
    if (this.#isExact) {
      // A key that stands twice: only its last value counts, with all that is inside.
      if (target.hasInner) this.#forget(target);
      return this.#value(at, target, target.slot);
    }
    if (foldedSlot === -1) return this.#value(at, undefined, -1);
    const isFirst = this.kinds[foldedSlot] === found.nothing;
    const behind = this.#value(at, undefined, foldedSlot);
    if (!isFirst) this.kinds[foldedSlot] = found.ambiguous;
    return behind;
  }

  /** Notes the value at `slot`, if it is wanted, and what is wanted inside it. */
  #value(at: number, target: Target | undefined, slot: number): number {
    const byte = this.#byteAt(at);
    if (byte === quote) return this.#text(at + 1, slot);
    if (byte === 0x7b || byte === 0x5b) {
      if (slot !== -1) this.#fill(slot, found.nested, at);
      const behind = byte === 0x7b ? this.#object(at, target) : this.#array(at, target);
      if (slot !== -1) this.ends[slot] = behind;
      return behind;
    }
    if (byte === 0x74) return this.#word(at, 'true', found.true, slot);
    if (byte === 0x66) return this.#word(at, 'false', found.false, slot);
    if (byte === 0x6e) return this.#word(at, 'null', found.null, slot);
    return this.#number(at, slot);
  }

  #forget({ members, elements }: Target): void {
    for (const { target } of members) this.#forgetWhole(target);
    for (const target of elements?.values() ?? []) this.#forgetWhole(target);
  }

  #forgetWhole(target: Target): void {
    if (target.slot !== -1) this.kinds[target.slot] = found.nothing;
    this.#forget(target);
  }

  #text(from: number, slot: number): number {
    const bytes = this.#bytes;
    const end = this.#end;
    let kind: number = found.plainText;
    let at = from;
    for (; ; at++) {
      at = this.#skipPlain(at);
      if (at >= end) return odd;
      const meaning = inText[bytes[at]!]!;
      if (meaning === 1) break;
      if (meaning === 3) return odd;
      if (meaning === 4) {
        this.#isAscii = false;
        if (kind === found.plainText) kind = found.text;
        continue;
      }
      kind = found.escapedText;
      at = this.#escape(at);
      if (at === odd) return odd;
    }
    if (slot !== -1) {
      this.#fill(slot, kind, from);
      this.ends[slot] = at;
    }
    return at + 1;
  }

  /**
   * The next byte that means something inside a text, or the end. Four bytes at a time: where one of them is a quote, a
   * backslash, below a blank or above ASCII, a subtraction of one, or of a blank, sets the highest bit of its place. The
   * lowest bit that is set is that of the first such byte. Byte by byte, a scan takes a quarter longer.
   */
  #skipPlain(from: number): number {
    const bytes = this.#bytes;
    const end = this.#end;
    let at = from;
    const words = this.#words;
    const offset = this.#offset;
    for (; at + 4 <= end; at += 4) {
      const word = words.getInt32(at + offset, true);
      const marks =
        (((word ^ 0x22222222) - 0x01010101) | ((word ^ 0x5c5c5c5c) - 0x01010101) | (word - 0x20202020) | word) &
        0x80808080;
      if (marks !== 0) return at + ((31 - Math.clz32(marks & -marks)) >> 3);
    }
    while (at < end && inText[bytes[at]!] === 0) at++;
    return at;
  }

  /** The last byte of an escape. */
  #escape(at: number): number {
    switch (this.#byteAt(at + 1)) {
      case quote:
      case backslash:
      case 0x2f:
      case 0x62:
      case 0x66:
      case 0x6e:
      case 0x72:
      case 0x74:
        return at + 1;
      case 0x75:
        for (let i = 2; i < 6; i++) {
          const byte = this.#byteAt(at + i);
          const isHex = isDigit(byte) || ((byte | 0x20) >= 0x61 && (byte | 0x20) <= 0x66);
          if (!isHex) return odd;
        }
        return at + 5;
      default:
        return odd;
    }
  }

  #array(from: number, target: Target | undefined): number {
    if (++this.#depth > maxDepth) return odd;
    let at = this.#skipBlanks(from + 1);
    if (this.#byteAt(at) === 0x5d) {
      this.#depth--;
      return at + 1;
    }
    for (let index = 0; ; index++) {
      const element = target?.elements?.get(index);
      at = this.#value(at, element, element === undefined ? -1 : element.slot);
      if (at === odd) return odd;
      at = this.#skipBlanks(at);
      const byte = this.#byteAt(at);
      if (byte === 0x5d) break;
      if (byte !== 0x2c) return odd;
      at = this.#skipBlanks(at + 1);
    }
    this.#depth--;
    return at + 1;
  }

  #word(at: number, word: string, kind: number, slot: number): number {
    for (let i = 1; i < word.length; i++) {
      if (this.#byteAt(at + i) !== word.charCodeAt(i)) return odd;
    }
    if (slot !== -1) this.#fill(slot, kind, at);
    return at + word.length;
  }

  #number(from: number, slot: number): number {
    let at = this.#byteAt(from) === minus ? from + 1 : from;
    const first = at;
    at = this.#digits(at);
    if (at === first || (at > first + 1 && this.#bytes[first] === zero)) return odd;
    const isWhole = this.#byteAt(at) !== point && (this.#byteAt(at) | 0x20) !== 0x65;
    if (!isWhole) at = this.#fraction(at);
    if (slot !== -1 && at !== odd) {
      this.#fill(slot, isWhole ? found.integer : found.number, from);
      this.ends[slot] = at;
    }
    return at;
  }

  /** A point with digits, an exponent, or both. */
  #fraction(from: number): number {
    let at = from;
    if (this.#byteAt(at) === point) {
      const first = at + 1;
      at = this.#digits(first);
      if (at === first) return odd;
    }
    if ((this.#byteAt(at) | 0x20) === 0x65) {
      at++;
      if (this.#byteAt(at) === minus || this.#byteAt(at) === 0x2b) at++;
      const first = at;
      at = this.#digits(first);
      if (at === first) return odd;
    }
    return at;
  }

  #digits(from: number): number {
    const bytes = this.#bytes;
    const end = this.#end;
    let at = from;
    while (at < end && isDigit(bytes[at]!)) at++;
    return at;
  }
}

function isDigit(byte: number): boolean {
  return byte >= zero && byte <= 0x39;
}

function isLetter(byte: number): boolean {
  return (byte | 0x20) >= 0x61 && (byte | 0x20) <= 0x7a;
}
