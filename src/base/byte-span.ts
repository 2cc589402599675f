/**
 * Bytes that stand somewhere in memory, told by their place: for what is looked at once and copied, where a view for each would cost
 * as much as the copying, and leave garbage. One object is used for many places.
 */
export class ByteSpan {
  /** What `from` and `end` count in, and the same memory for looks at several bytes at once. */
  bytes: Buffer = Buffer.alloc(0);
  words: DataView = new DataView(new ArrayBuffer(0));
  from = 0;
  end = 0;

  get length(): number {
    return this.end - this.from;
  }

  set(bytes: Buffer, words: DataView, from: number, end: number): void {
    this.bytes = bytes;
    this.words = words;
    this.from = from;
    this.end = end;
  }

  /** All of these bytes. */
  setTo(given: Uint8Array): void {
    const bytes = asBuffer(given);
    this.set(bytes, wordsOf(bytes), 0, bytes.length);
  }

  /** A view of them. */
  view(): Uint8Array {
    return new Uint8Array(this.bytes.buffer, this.bytes.byteOffset + this.from, this.end - this.from);
  }

  static of(bytes: Uint8Array): ByteSpan {
    const span = new ByteSpan();
    span.setTo(bytes);
    return span;
  }
}

export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
}

export function wordsOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}
