import { Buffer } from 'node:buffer';
import { TributaryError } from '../../base/errors.ts';
import type { Json, Row, Value } from '../values/value.ts';
import { form } from './form.ts';
import type { Piece } from './pieces.ts';

/**
 * Reads what a StateWriter wrote. BATCH_CORRUPT where something else is wanted than stands there. That no bit has changed is
 * for a checksum of whoever keeps the bytes.
 */
export class StateReader {
  private readonly bytes: Buffer;
  private readonly pieces: ReadonlyMap<number, Piece> | undefined;
  private at = 0;

  /** `pieces`: those that the bytes were put together from, by where each begins. */
  constructor(bytes: Uint8Array, pieces?: ReadonlyMap<number, Piece>) {
    this.bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    this.pieces = pieces;
  }

  /** How many bytes have been read. */
  get place(): number {
    return this.at;
  }

  /** The pieces of what was read since `start`; undefined where it was not written in pieces of its own. */
  piecesFrom(start: number): readonly Piece[] | undefined {
    const found: Piece[] = [];
    let at = start;
    while (at < this.at) {
      const piece = this.pieces?.get(at);
      if (piece === undefined) return undefined;
      found.push(piece);
      at += piece.size;
    }
    return at === this.at ? found : undefined;
  }

  end(): void {
    if (this.at !== this.bytes.length) throw this.damaged('more follows than is wanted');
  }

  begin(part: string): void {
    const found = this.text();
    if (found !== part) throw this.damaged(`"${part}" is wanted, "${found.slice(0, 40)}" stands there`);
  }

  count(): number {
    let value = 0;
    for (let scale = 1; ; scale *= 0x80) {
      const byte = this.byte();
      value += (byte & 0x7f) * scale;
      if (!Number.isSafeInteger(value)) throw this.damaged('a number is too large');
      if (byte < 0x80) return value;
    }
  }

  number(): number {
    const value = this.value();
    if (typeof value !== 'number') throw this.damaged('a number is wanted');
    return value;
  }

  boolean(): boolean {
    const value = this.value();
    if (typeof value !== 'boolean') throw this.damaged('true or false is wanted');
    return value;
  }

  text(): string {
    const size = this.count();
    const from = this.at;
    this.skip(size);
    return this.bytes.toString('utf8', from, this.at);
  }

  value(): Value {
    const value = this.key();
    if (value === undefined) throw this.damaged('a value is wanted');
    return value as Value;
  }

  values(): Value[] {
    return this.list(() => this.value());
  }

  row(): Row {
    const timestamp = this.number();
    return { values: this.values(), timestamp };
  }

  key(): unknown {
    const kind = this.byte();
    switch (kind) {
      case form.natural:
        return this.count();
      case form.negative:
        return -this.count();
      case form.double:
        this.skip(8);
        return this.bytes.readDoubleLE(this.at - 8);
      case form.null:
        return null;
      case form.true:
        return true;
      case form.false:
        return false;
      case form.bigint:
        return this.bigint();
      case form.text:
        return this.text();
      case form.wideText:
        return this.block().toString('utf16le');
      case form.bytes:
        return Buffer.from(this.block()); // the snapshot's own memory must not live as long as one value of it
      case form.array:
        return this.values();
      case form.object:
        return new Map(this.list((): [string, Json] => [this.value() as string, this.value() as Json]));
      case form.absent:
        return undefined;
      default:
        throw this.damaged(`no value begins with ${kind}`);
    }
  }

  list<T>(read: () => T): T[] {
    const length = this.count();
    const items: T[] = [];
    for (let i = 0; i < length; i++) items.push(read());
    return items;
  }

  private bigint(): bigint {
    const digits = this.text();
    if (!/^-?\d+$/.test(digits)) throw this.damaged('a whole number is wanted');
    return BigInt(digits);
  }

  private block(): Buffer {
    return this.part(this.count());
  }

  private part(size: number): Buffer {
    const from = this.at;
    this.skip(size);
    return this.bytes.subarray(from, this.at);
  }

  private skip(size: number): void {
    const end = this.at + size;
    if (end > this.bytes.length) throw this.damaged('it ends too early');
    this.at = end;
  }

  private byte(): number {
    const byte = this.bytes[this.at++];
    if (byte === undefined) throw this.damaged('it ends too early');
    return byte;
  }

  private damaged(what: string): TributaryError {
    return new TributaryError('BATCH_CORRUPT', `Cannot read a checkpoint at byte ${this.at}: ${what}`);
  }
}
