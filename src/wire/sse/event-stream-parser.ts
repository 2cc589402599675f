/**
 * Reads event streams as the WHATWG's HTML standard says (9.2.6): bytes in, events out, whatever the chunks are cut at. Bytes
 * stay bytes: a line is looked at where it lies, and copied only when it is cut by the end of a chunk. Everything that is
 * kept has the bound `maxEventBytes`.
 */
import { isAscii, isUtf8 } from 'node:buffer';
import { GrowingBytes } from '../../base/growing-bytes.ts';

export interface EventStreamSink {
  /**
   * An event that has data. `name` is null where the block has no event field, or an empty one; `id` where it has no id
   * field. All are UTF-8, and views that stay valid. False: full, give no more until `resume`.
   */
  event(name: Uint8Array | null, id: Uint8Array | null, data: Uint8Array): boolean;
  /** The server asks to wait so long before it is connected to again. */
  retry(ms: number): void;
  /** A block without data: no event by the standard. */
  empty(): void;
  /** An event was longer than `maxEventBytes`. It is passed over; its id counts all the same. False: as for events. */
  oversize(): boolean;
}

const lf = 10;
const cr = 13;
const colon = 58;
const space = 32;
const newline = Uint8Array.of(lf);
const nothing = new Uint8Array(0);
/** Lines shorter than this are cheaper to walk through than to search by a call into native code. */
const shortLine = 40;

export class EventStreamParser {
  readonly #sink: EventStreamSink;
  readonly #maxEventBytes: number;
  #chunk: Uint8Array | null = null;
  #at = 0;
  /** Where the next CR of the chunk is, if it is known. */
  #crAt = -1;
  /** The last line ended with a CR at the end of its chunk: an LF that comes next belongs to it. */
  #skipLf = false;
  #atStart = true;
  /** A line whose end has not come. */
  readonly #line = new GrowingBytes();
  #lineTooLong = false;
  /** Of the block that is being read. */
  #name: Uint8Array = nothing;
  #id: Uint8Array | null = null;
  #data: Uint8Array | null = null;
  readonly #more: Uint8Array[] = [];
  #bytes = 0;
  #tooLong = false;
  #started = false;
  /** Nothing since the block began was anything but ASCII. */
  #ascii = true;
  #lastName: Uint8Array = nothing;
  #lastEventId: Uint8Array | null;

  /** `lastEventId`: of the stream that this one goes on with. */
  constructor(sink: EventStreamSink, maxEventBytes: number, lastEventId: Uint8Array | null = null) {
    this.#sink = sink;
    this.#maxEventBytes = maxEventBytes;
    this.#lastEventId = lastEventId;
  }

  /** Of the last block that ended, with data or without; null where the stream has not named one. */
  get lastEventId(): Uint8Array | null {
    return this.#lastEventId;
  }

  /** True after an event that the sink answered with "full". */
  get hasUnread(): boolean {
    return this.#chunk !== null;
  }

  /** True where the stream would end within a block; what is there of it is not an event. */
  get isWithinEvent(): boolean {
    return this.#started || this.#line.length > 0 || this.#lineTooLong;
  }

  /** The next bytes. Only when nothing is unread. */
  push(chunk: Uint8Array): void {
    if (this.#chunk !== null) throw new TypeError('push while bytes of the chunk before are unread');
    this.#chunk = chunk;
    this.#at = 0;
    this.#crAt = -1;
    const ascii = isAscii(chunk);
    this.#ascii = this.isWithinEvent ? this.#ascii && ascii : ascii;
    this.#read();
  }

  /** Goes on where the sink was full. */
  resume(): void {
    if (this.#chunk !== null) this.#read();
  }

  /** What is unread will not be read. */
  drop(): void {
    this.#chunk = null;
  }

  #read(): void {
    const chunk = this.#chunk!;
    const length = chunk.length;
    let at = this.#at;
    if (this.#skipLf && at < length) {
      this.#skipLf = false;
      if (chunk[at] === lf) at++;
    }
    while (at < length) {
      const end = this.#lineEnd(chunk, at);
      if (end === -1) {
        this.#keep(chunk, at);
        break;
      }
      let next = end + 1;
      if (chunk[end] === cr) {
        if (next < length) next += chunk[next] === lf ? 1 : 0;
        else this.#skipLf = true;
      }
      const goesOn =
        this.#line.length > 0 || this.#lineTooLong ? this.#endOfKept(chunk, at, end) : this.#onLine(chunk, at, end);
      at = next;
      if (!goesOn) {
        this.#at = at;
        if (at >= length) break;
        return;
      }
    }
    this.#chunk = null;
  }

  /** Position of the CR or LF that ends the line, or -1. */
  #lineEnd(chunk: Uint8Array, from: number): number {
    const near = Math.min(from + shortLine, chunk.length);
    for (let at = from; at < near; at++) {
      const byte = chunk[at]!;
      if (byte === lf || byte === cr) return at;
    }
    if (near === chunk.length) return -1;
    const lfAt = chunk.indexOf(lf, near);
    if (this.#crAt < near) {
      const found = chunk.indexOf(cr, near);
      this.#crAt = found === -1 ? Number.POSITIVE_INFINITY : found;
    }
    if (lfAt === -1) return this.#crAt === Number.POSITIVE_INFINITY ? -1 : this.#crAt;
    return Math.min(lfAt, this.#crAt);
  }

  /** The beginning of a line whose end is in a later chunk. Comments are not kept, nor what is too long. */
  #keep(chunk: Uint8Array, from: number): void {
    if (this.#lineTooLong) return;
    const length = this.#line.length + chunk.length - from;
    const first = this.#line.length > 0 ? this.#line.bytes[0] : chunk[from];
    if (first === colon || length > this.#maxEventBytes + 8) {
      this.#lineTooLong = true;
      if (first !== colon) this.#tooLong = this.#started = true;
      this.#line.take();
      return;
    }
    this.#line.append(chunk, from, chunk.length);
  }

  #endOfKept(chunk: Uint8Array, from: number, end: number): boolean {
    if (this.#lineTooLong) {
      this.#lineTooLong = false;
      this.#atStart = false;
      return true;
    }
    if (end > from) this.#line.append(chunk, from, end);
    const line = this.#line.take();
    return this.#onLine(line, 0, line.length);
  }

  /** One line, without its end. False: the sink is full. */
  #onLine(bytes: Uint8Array, given: number, end: number): boolean {
    let start = given;
    if (this.#atStart) {
      this.#atStart = false;
      if (end - start >= 3 && bytes[start] === 0xef && bytes[start + 1] === 0xbb && bytes[start + 2] === 0xbf)
        start += 3;
    }
    if (start === end) return this.#dispatch();
    switch (bytes[start]) {
      case colon:
        return true;
      case 100: // data
        if (!isField(bytes, start, end, 4) || bytes[start + 1] !== 97 || bytes[start + 2] !== 116) break;
        if (bytes[start + 3] === 97) this.#addData(bytes, valueStart(bytes, start + 4, end), end);
        return true;
      case 101: // event
        if (!isField(bytes, start, end, 5) || bytes[start + 1] !== 118 || bytes[start + 2] !== 101) break;
        if (bytes[start + 3] === 110 && bytes[start + 4] === 116)
          this.#setName(bytes, valueStart(bytes, start + 5, end), end);
        return true;
      case 105: // id
        if (!isField(bytes, start, end, 2) || bytes[start + 1] !== 100) break;
        this.#setId(bytes, valueStart(bytes, start + 2, end), end);
        return true;
      case 114: // retry
        if (!isField(bytes, start, end, 5) || bytes[start + 1] !== 101 || bytes[start + 2] !== 116) break;
        if (bytes[start + 3] === 114 && bytes[start + 4] === 121)
          this.#setRetry(bytes, valueStart(bytes, start + 5, end), end);
        return true;
    }
    return true; // a field that the standard does not know
  }

  #addData(bytes: Uint8Array, from: number, end: number): void {
    this.#started = true;
    if (!this.#fits(end - from + 1)) return;
    const part = view(bytes, from, end);
    if (this.#data === null) this.#data = part;
    else this.#more.push(part);
  }

  #setName(bytes: Uint8Array, from: number, end: number): void {
    this.#started = true;
    const last = this.#lastName;
    const length = end - from;
    if (length === last.length) {
      let same = 0;
      while (same < length && bytes[from + same] === last[same]) same++;
      if (same === length) {
        this.#name = last;
        return;
      }
    }
    // Copied: a name is kept for the events after this one, and a view would keep its whole chunk.
    this.#name = this.#lastName = Uint8Array.prototype.slice.call(bytes, from, end);
  }

  #setId(bytes: Uint8Array, from: number, end: number): void {
    this.#started = true;
    for (let at = from; at < end; at++) if (bytes[at] === 0) return;
    this.#id = view(bytes, from, end);
  }

  #setRetry(bytes: Uint8Array, from: number, end: number): void {
    if (from === end) return;
    let ms = 0;
    for (let at = from; at < end; at++) {
      const digit = bytes[at]! - 48;
      if (digit < 0 || digit > 9) return;
      ms = ms * 10 + digit;
    }
    this.#sink.retry(Math.min(ms, Number.MAX_SAFE_INTEGER));
  }

  #fits(bytes: number): boolean {
    this.#bytes += bytes;
    if (this.#bytes <= this.#maxEventBytes) return true;
    this.#tooLong = true;
    this.#data = null;
    this.#more.length = 0;
    return false;
  }

  #dispatch(): boolean {
    const name = this.#name;
    const id = this.#id;
    const data = this.#data;
    const ascii = this.#ascii;
    if (id !== null) this.#lastEventId = ascii ? id : wellFormed(id);
    let goesOn = true;
    if (this.#tooLong) goesOn = this.#sink.oversize();
    else if (data === null) {
      if (this.#started) this.#sink.empty();
    } else {
      const whole = this.#more.length === 0 ? data : this.#joined(data);
      goesOn = ascii
        ? this.#sink.event(name.length === 0 ? null : name, id, whole)
        : this.#sink.event(
            name.length === 0 ? null : wellFormed(name),
            id === null ? null : wellFormed(id),
            wellFormed(whole),
          );
    }
    this.#name = nothing;
    this.#id = null;
    this.#data = null;
    this.#bytes = 0;
    this.#tooLong = false;
    this.#started = false;
    return goesOn;
  }

  #joined(first: Uint8Array): Uint8Array {
    const parts = [first];
    for (const part of this.#more) parts.push(newline, part);
    this.#more.length = 0;
    return Buffer.concat(parts);
  }
}

/** True where the line is a field whose name has this length. */
function isField(bytes: Uint8Array, start: number, end: number, nameLength: number): boolean {
  const after = start + nameLength;
  return after === end || (after < end && bytes[after] === colon);
}

/** Behind the colon and one space; the end where there is no colon. */
function valueStart(bytes: Uint8Array, nameEnd: number, end: number): number {
  if (nameEnd === end) return end;
  return nameEnd + 1 < end && bytes[nameEnd + 1] === space ? nameEnd + 2 : nameEnd + 1;
}

function view(bytes: Uint8Array, from: number, end: number): Uint8Array {
  return new Uint8Array(bytes.buffer, bytes.byteOffset + from, end - from);
}

/** As a decoder of UTF-8 reads it: what is not UTF-8 becomes U+FFFD. */
function wellFormed(bytes: Uint8Array): Uint8Array {
  if (isUtf8(bytes)) return bytes;
  return Buffer.from(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('utf8'));
}
