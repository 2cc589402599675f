import { Buffer } from 'node:buffer';

const firstCapacity = 4096;
/** Longer texts are written by the platform, whose call costs as much as so many characters. */
const shortText = 48;
const decimals = 8;
const scale = 10 ** decimals;
/** With eight decimals 15 digits, which every double tells apart. */
const maxScaled = 1e7;

/**
 * JSON written as bytes, in one piece of memory that grows. Short plain texts, whole numbers and numbers of few decimals are
 * put down byte by byte; everything else is made a text first, as `writeJson` makes it. Both give the same bytes.
 */
export class JsonBytes {
  #bytes: Buffer;
  #length = 0;

  /** Begins with room for so many bytes: a buffer that grows is copied, and a burden for the garbage collector. */
  constructor(capacity: number = firstCapacity) {
    this.#bytes = Buffer.allocUnsafeSlow(capacity);
  }

  get length(): number {
    return this.#length;
  }

  /** Everything that was written. */
  view(): Buffer {
    return this.#bytes.subarray(0, this.#length);
  }

  /** Room for so many bytes more. */
  reserve(size: number): void {
    const wanted = this.#length + size;
    if (wanted <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(wanted, this.#bytes.length * 2));
    larger.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = larger;
  }

  raw(bytes: Uint8Array): void {
    this.reserve(bytes.length);
    const target = this.#bytes;
    let at = this.#length;
    for (let i = 0; i < bytes.length; i++) target[at++] = bytes[i]!;
    this.#length = at;
  }

  byte(byte: number): void {
    this.reserve(1);
    this.#bytes[this.#length++] = byte;
  }

  /** JSON of any kind. */
  json(text: string): void {
    this.reserve(text.length * 3);
    this.#length += this.#bytes.write(text, this.#length, 'utf8');
  }

  /** Text of ASCII as it is. */
  plain(text: string): void {
    const { length } = text;
    this.reserve(length);
    const target = this.#bytes;
    let at = this.#length;
    for (let i = 0; i < length; i++) target[at++] = text.charCodeAt(i);
    this.#length = at;
  }

  text(text: string): void {
    const { length } = text;
    if (length > shortText) {
      this.#anyText(text);
      return;
    }
    this.reserve(length + 2);
    const target = this.#bytes;
    let at = this.#length;
    target[at++] = 0x22;
    for (let i = 0; i < length; i++) {
      const unit = text.charCodeAt(i);
      if (unit < 0x20 || unit > 0x7f || unit === 0x22 || unit === 0x5c) {
        this.#anyText(text);
        return;
      }
      target[at++] = unit;
    }
    target[at++] = 0x22;
    this.#length = at;
  }

  #anyText(text: string): void {
    this.json(JSON.stringify(text));
  }

  number(value: number): void {
    if (Number.isSafeInteger(value)) {
      this.#integer(value);
      return;
    }
    const size = Math.abs(value);
    // What reads back to the same double, with 15 digits at most, has the least digits once its last zeros are gone.
    const scaled = Math.round(size * scale);
    if (size < maxScaled && size >= 1e-6 && scaled / scale === size) {
      this.reserve(24);
      if (value < 0) this.#bytes[this.#length++] = 0x2d;
      const whole = Math.floor(scaled / scale);
      this.#digits(whole, 1);
      this.#decimals(scaled - whole * scale);
    } else this.plain(Number.isFinite(value) ? String(value) : 'null');
  }

  #integer(value: number): void {
    this.reserve(24);
    if (value < 0) this.#bytes[this.#length++] = 0x2d;
    const size = Math.abs(value);
    const high = Math.floor(size / scale);
    if (high > 0) {
      this.#digits(high, 1);
      this.#digits(size - high * scale, decimals);
    } else this.#digits(size, 1);
  }

  #decimals(fraction: number): void {
    let digits = decimals;
    let rest = fraction | 0;
    while (rest % 10 === 0) {
      rest = (rest / 10) | 0;
      digits--;
    }
    this.#bytes[this.#length++] = 0x2e;
    this.#digits(rest, digits);
  }

  /** A number below 2^31, with zeros in front up to so many digits. */
  #digits(value: number, atLeast: number): void {
    let count = atLeast;
    for (let limit = 10 ** atLeast; count < 10 && value >= limit; limit *= 10) count++;
    const target = this.#bytes;
    let rest = value | 0;
    for (let at = this.#length + count - 1; at >= this.#length; at--) {
      const next = (rest / 10) | 0;
      target[at] = 0x30 + rest - next * 10;
      rest = next;
    }
    this.#length += count;
  }
}
