import { Buffer } from 'node:buffer';
import type { Row, Value, Values } from '../values/value.ts';
import { form } from './form.ts';
import { endsPiece, maxPieceBytes, type Piece, type Pieces } from './pieces.ts';

/** Writes the state of operators as bytes. Whoever reads asks for the same things in the same order. */
export class StateWriter {
  private bytes = Buffer.allocUnsafe(4096);
  private length = 0;
  private readonly pieces: Pieces | undefined;
  /** How many pieces have been given away. */
  private cuts = 0;
  /** Those of the page that is being written. */
  private inPage: Piece[] | undefined;

  /** With `pieces` what is written goes there, the rest of it by `cut`. */
  constructor(pieces?: Pieces) {
    this.pieces = pieces;
  }

  /** Everything written so far, or since the last piece; a view that the next write may make stale. */
  take(): Uint8Array {
    return this.bytes.subarray(0, this.length);
  }

  /** Ends a piece here. */
  cut(): void {
    const { pieces } = this;
    if (pieces === undefined || this.length === 0) return;
    for (let from = 0; from < this.length; from += maxPieceBytes) {
      const piece = pieces.write(this.bytes.subarray(from, Math.min(from + maxPieceBytes, this.length)));
      this.inPage?.push(piece);
      this.cuts++;
    }
    this.length = 0;
  }

  /**
   * Writes a page in pieces of its own; where it is known to be as it was in the last snapshot, `write` is not asked. What
   * comes back says so next time; it is what was known where nothing is written in pieces.
   */
  page(known: readonly Piece[] | undefined, write: () => void): readonly Piece[] | undefined {
    const { pieces } = this;
    if (pieces === undefined) {
      write();
      return known;
    }
    this.cut();
    if (known !== undefined) {
      for (const piece of known) pieces.again(piece);
      return known;
    }
    const page: Piece[] = [];
    this.inPage = page;
    write();
    this.cut();
    this.inPage = undefined;
    return page;
  }

  /** Says which part follows, so that a reader that is elsewhere finds out. */
  begin(part: string): void {
    this.text(part);
  }

  /** A whole number that is not negative, up to 2^53 − 1. */
  count(value: number): void {
    this.reserve(8);
    let rest = value;
    while (rest >= 0x80) {
      this.bytes[this.length++] = (rest % 0x80) | 0x80;
      rest = Math.floor(rest / 0x80);
    }
    this.bytes[this.length++] = rest;
  }

  /** Any double, in the few bytes of a whole number where it is one. */
  number(value: number): void {
    if (!Number.isSafeInteger(value) || Object.is(value, -0)) {
      this.byte(form.double);
      this.reserve(8);
      this.length = this.bytes.writeDoubleLE(value, this.length);
      return;
    }
    this.byte(value < 0 ? form.negative : form.natural);
    this.count(Math.abs(value));
  }

  boolean(value: boolean): void {
    this.byte(value ? form.true : form.false);
  }

  text(value: string): void {
    const size = Buffer.byteLength(value);
    this.count(size);
    this.reserve(size);
    this.length += this.bytes.write(value, this.length, 'utf8');
  }

  value(value: Value): void {
    switch (typeof value) {
      case 'number':
        this.number(value);
        return;
      case 'boolean':
        this.boolean(value);
        return;
      case 'bigint':
        this.byte(form.bigint);
        this.text(value.toString());
        return;
      case 'string':
        this.anyText(value);
        return;
      default:
        if (value === null) this.byte(form.null);
        else this.composite(value);
    }
  }

  values(values: Values): void {
    this.count(values.length);
    for (const value of values) this.value(value);
  }

  row({ values, timestamp }: Row): void {
    this.number(timestamp);
    this.values(values);
  }

  /** The key of a Map: what `mapKey` gives, or undefined. */
  key(key: unknown): void {
    if (key === undefined) this.byte(form.absent);
    else this.value(key as Value);
  }

  list<T>(
    items: Iterable<T> & ({ readonly length: number } | { readonly size: number }),
    write: (item: T) => void,
  ): void {
    this.count('length' in items ? items.length : items.size);
    if (this.pieces === undefined) {
      for (const item of items) write(item);
      return;
    }
    for (const item of items) {
      const { cuts, length } = this;
      write(item);
      if (this.cuts === cuts && endsPiece(this.length, this.bytes, length, this.length)) this.cut();
    }
  }

  private anyText(value: string): void {
    if (value.isWellFormed()) {
      this.byte(form.text);
      this.text(value);
      return;
    }
    this.byte(form.wideText);
    this.block(Buffer.from(value, 'utf16le'));
  }

  private composite(value: object & Value): void {
    if (value instanceof Uint8Array) {
      this.byte(form.bytes);
      this.block(value);
    } else if (Array.isArray(value)) {
      this.byte(form.array);
      this.values(value);
    } else {
      const members = value as ReadonlyMap<string, Value>;
      this.byte(form.object);
      this.count(members.size);
      for (const [name, member] of members) {
        this.anyText(name);
        this.value(member);
      }
    }
  }

  private block(bytes: Uint8Array): void {
    this.count(bytes.length);
    this.reserve(bytes.length);
    this.bytes.set(bytes, this.length);
    this.length += bytes.length;
  }

  private byte(value: number): void {
    this.reserve(1);
    this.bytes[this.length++] = value;
  }

  private reserve(size: number): void {
    if (this.length + size <= this.bytes.length) return;
    const larger = Buffer.allocUnsafe(Math.max(this.bytes.length * 2, this.length + size));
    larger.set(this.take());
    this.bytes = larger;
  }
}
