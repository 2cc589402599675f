/**
 * Cuts the bytes of a server into WebSocket messages (RFC 6455, section 5; RFC 7692 where compression was agreed).
 * Bytes in, calls out: no timer, promise or socket. Our own reader and not that of `ws`, because it must be able to stop
 * between two messages of one chunk when the queue is full, must inflate without a callback per message, and takes a
 * fifth of the time per message, which the rest of the pipeline needs on the same core.
 */
import { isUtf8 } from 'node:buffer';
import { GrowingBytes } from '../../base/growing-bytes.ts';
import { slackBytes } from './deflate-decoder.ts';
import { FrameFault } from './frame-fault.ts';
import type { Inflater } from './inflater.ts';

export interface FrameHandler {
  /**
   * A whole message; a view into the chunk it came in, or a buffer of its own. Text is valid UTF-8. False: take no more;
   * the reader keeps the rest of the chunk until `resume`.
   */
  message(payload: Uint8Array, binary: boolean): boolean;
  /** Where it is given, whole text messages that come in one chunk go here together. */
  readonly texts?: TextHandler;
  ping(payload: Uint8Array): void;
  pong(): void;
  /** The server's close frame; nothing after it is read. 1005: it had no code. */
  close(code: number, reason: string): void;
}

export interface TextHandler {
  /** Messages that `take` takes now; 0: each comes alone, by `message`. */
  readonly records: number;
  /** Bytes that it takes; the last message may go beyond. */
  readonly bytes: number;
  /** True: take no more, as where `message` gives false. */
  readonly isFull: boolean;
  /**
   * Takes messages that stand in the chunk, `spans` being begin and end of each by turns. False: one of them is not
   * UTF-8, and none was taken.
   */
  take(chunk: Uint8Array, spans: Int32Array, count: number): boolean;
}

export interface FrameReaderOptions {
  /** Longest message, after decompression. */
  readonly maxBytes: number;
  readonly inflater: Inflater | null;
  /** True where the handler keeps no views of messages: memory in which they are put together is used again. */
  readonly copies?: boolean;
}

const continuation = 0x0;
const text = 0x1;
const binary = 0x2;
const closeFrame = 0x8;
const ping = 0x9;
const pong = 0xa;
/** First byte of a whole, uncompressed text message: nearly all of them. */
const wholeText = 0x81;
/** The same, compressed. */
const deflatedText = 0xc1;
/** Memory for frames that come in several chunks is kept up to here, and while it is used. */
const keptFrameBytes = 2 * 1024 * 1024;
const noBytes = new Uint8Array(0);
/** Messages that are given together at most. */
const mostTexts = 1024;

export class FrameReader {
  readonly #handler: FrameHandler;
  readonly #maxBytes: number;
  readonly #inflater: Inflater | null;
  readonly #keptBytes: number;
  /** A chunk that is being read, from #at on. Null: nothing is unread. */
  #chunk: Uint8Array | null = null;
  #at = 0;
  /** Beginning of a frame whose end has not come yet. */
  readonly #frame = new GrowingBytes();
  /** Payloads of a message whose last frame has not come yet; its opcode (0: none) and whether it is compressed. */
  readonly #message = new GrowingBytes();
  #messageOpcode = 0;
  #messageCompressed = false;
  #over = false;
  /** For the handler of texts. */
  #spans: Int32Array | undefined;

  constructor(handler: FrameHandler, { maxBytes, inflater, copies = false }: FrameReaderOptions) {
    this.#handler = handler;
    this.#maxBytes = maxBytes;
    this.#inflater = inflater;
    this.#keptBytes = copies ? keptFrameBytes : 0;
  }

  /** True while a chunk is kept because the handler took no more. */
  get hasUnread(): boolean {
    return this.#chunk !== null;
  }

  /** Memory for frames that come in several chunks, whether there is one at present or not. */
  get heldBytes(): number {
    return this.#frame.bytes.length;
  }

  /** True when the connection would be cut within a message. */
  get isWithinMessage(): boolean {
    return this.#frame.length > 0 || this.#messageOpcode !== 0;
  }

  /** Reads a chunk. FrameFault: the server broke the protocol; nothing after that is read. The last chunk must be through. */
  push(chunk: Uint8Array): void {
    if (this.#over) return;
    if (this.#frame.length === 0) this.#frame.rest();
    this.#chunk = chunk;
    this.#at = 0;
    this.resume();
  }

  /** Goes on with the chunk that was left. */
  resume(): void {
    const chunk = this.#chunk;
    if (chunk === null) return;
    try {
      if (this.#frame.length > 0 && !this.#completeFrame(chunk)) return;
      if (this.#readFrames(chunk)) this.#chunk = null;
    } catch (error) {
      this.#over = true;
      this.#chunk = null;
      throw error;
    }
    if (this.#over) this.#chunk = null;
  }

  /** Messages of data frames that have come whole and were not given out, and those of `behind`, which came after them. */
  unreadMessages(behind: Uint8Array | null): number {
    if (this.#over) return 0;
    const begun = this.#frame.bytes.subarray(0, this.#frame.length);
    const rest = this.#chunk === null ? noBytes : this.#chunk.subarray(this.#at);
    return countMessages(Buffer.concat([begun, rest, behind ?? noBytes]));
  }

  /** Forgets everything: nothing is read any more. */
  end(): void {
    this.#over = true;
    this.#chunk = null;
  }

  /** The loop that every message passes. True: the chunk is through. */
  #readFrames(chunk: Uint8Array): boolean {
    const end = chunk.length;
    const memory = chunk.buffer as ArrayBuffer;
    const base = chunk.byteOffset;
    const maxBytes = this.#maxBytes;
    const handler = this.#handler;
    let at = this.#at;
    while (at < end && !this.#over) {
      const first = chunk[at]!;
      if (this.#messageOpcode === 0 && handler.texts !== undefined && (first === wholeText || first === deflatedText)) {
        const next =
          first === wholeText
            ? this.#readTexts(handler.texts, chunk, at, end)
            : this.#readDeflated(handler.texts, chunk, at, end);
        if (next > at) {
          at = next;
          if (!handler.texts.isFull) continue;
          this.#at = at;
          return at === end;
        }
      }
      const short = chunk[at + 1]!;
      if (first === wholeText && short < 127 && this.#messageOpcode === 0 && end - at >= 4) {
        const from = short < 126 ? at + 2 : at + 4;
        const length = short < 126 ? short : (chunk[at + 2]! << 8) | chunk[at + 3]!;
        if (from + length <= end && length <= maxBytes) {
          const payload = new Uint8Array(memory, base + from, length);
          if (!isUtf8(payload)) throw new FrameFault('utf8');
          at = from + length;
          if (handler.message(payload, false)) continue;
          this.#at = at;
          return at === end;
        }
      }
      const header = headerLength(chunk, at, end);
      if (header === 0) break;
      const length = this.#checkHeader(chunk, at);
      if (at + header + length > end) break;
      const from = at + header;
      at = from + length;
      if (!this.#onFrame(first, new Uint8Array(memory, base + from, length))) {
        this.#at = at;
        return at === end;
      }
    }
    if (at < end && !this.#over) this.#frame.append(chunk, at, end);
    return true;
  }

  /** Gives the whole text messages from here on together, as many as there is room for. Gives the position behind them. */
  #readTexts(texts: TextHandler, chunk: Uint8Array, from: number, end: number): number {
    const most = Math.min(texts.records, mostTexts);
    if (most === 0) return from;
    const maxBytes = this.#maxBytes;
    this.#spans ??= new Int32Array(mostTexts * 2);
    const spans = this.#spans;
    let room = texts.bytes;
    let count = 0;
    let at = from;
    while (count < most && room > 0 && end - at >= 2 && chunk[at] === wholeText) {
      const short = chunk[at + 1]!;
      if (short > 126) break; // longer, or masked
      const begin = short < 126 ? at + 2 : at + 4;
      const length = short < 126 ? short : (chunk[at + 2]! << 8) | chunk[at + 3]!;
      if (begin + length > end || length > maxBytes) break;
      at = begin + length;
      spans[count * 2] = begin;
      spans[count * 2 + 1] = at;
      count++;
      room -= length;
    }
    // Where one of them is not UTF-8, reading them one by one gives those before it, and says so.
    return count > 0 && texts.take(chunk, spans, count) ? at : from;
  }

  /** The same for whole text messages that are compressed each for itself, which is what permessage-deflate gives. */
  #readDeflated(texts: TextHandler, chunk: Uint8Array, from: number, end: number): number {
    const inflater = this.#inflater;
    const most = Math.min(texts.records, mostTexts);
    if (inflater === null || most === 0) return from;
    const memory = inflater.open();
    this.#spans ??= new Int32Array(mostTexts * 2);
    const spans = this.#spans;
    let room = texts.bytes;
    let count = 0;
    let at = from;
    while (count < most && room > 0 && end - at >= 4 && chunk[at] === deflatedText) {
      const short = chunk[at + 1]!;
      if (short > 126) break; // longer, or masked
      const payload = short < 126 ? at + 2 : at + 4;
      const next = payload + (short < 126 ? short : (chunk[at + 2]! << 8) | chunk[at + 3]!);
      const begin = inflater.end;
      // What cannot be inflated here is read alone, and finds out why.
      if (next + slackBytes > end || next - payload > this.#maxBytes) break;
      if (!inflater.append(chunk, payload, next, this.#maxBytes)) break;
      spans[count * 2] = begin;
      spans[count * 2 + 1] = inflater.end;
      count++;
      room -= inflater.end - begin;
      at = next;
    }
    if (count === 0 || texts.take(memory, spans, count)) return at;
    let valid = 0;
    while (isUtf8(memory.subarray(spans[valid * 2], spans[valid * 2 + 1]))) valid++;
    if (valid > 0) texts.take(memory, spans, valid);
    throw new FrameFault('utf8');
  }

  /** Finishes the frame that the chunk before left incomplete. True: it is through, and more may be read. */
  #completeFrame(chunk: Uint8Array): boolean {
    const frame = this.#frame;
    let at = this.#at;
    let header = headerLength(frame.bytes, 0, frame.length);
    while (header === 0) {
      if (at === chunk.length) {
        this.#chunk = null;
        return false;
      }
      frame.append(chunk, at, at + 1);
      at++;
      header = headerLength(frame.bytes, 0, frame.length);
    }
    const total = header + this.#checkHeader(frame.bytes, 0);
    const take = Math.min(total - frame.length, chunk.length - at);
    frame.append(chunk, at, at + take, total);
    this.#at = at + take;
    if (frame.length < total) {
      this.#chunk = null;
      return false;
    }
    const whole = frame.lend(this.#keptBytes);
    const more = this.#onFrame(whole[0]!, whole.subarray(header));
    if (this.#at === chunk.length) this.#chunk = null;
    return more && this.#chunk !== null && !this.#over;
  }

  /** Length of the payload of the frame whose header stands here, once the header has been found to be in order. */
  #checkHeader(bytes: Uint8Array, at: number): number {
    const first = bytes[at]!;
    const opcode = first & 0x0f;
    const fin = (first & 0x80) !== 0;
    const compressed = (first & 0x40) !== 0;
    if ((first & 0x30) !== 0) throw new FrameFault('reserved_bits');
    if (compressed && (this.#inflater === null || (opcode !== text && opcode !== binary)))
      throw new FrameFault('reserved_bits');
    if ((bytes[at + 1]! & 0x80) !== 0) throw new FrameFault('masked');
    const length = payloadLength(bytes, at);
    if (opcode >= closeFrame) {
      if (opcode > pong) throw new FrameFault('opcode');
      if (!fin || length > 125) throw new FrameFault('control_frame');
      return length;
    }
    if (opcode > binary) throw new FrameFault('opcode');
    if ((opcode === continuation) !== (this.#messageOpcode !== 0)) throw new FrameFault('continuation');
    if (length + this.#message.length > this.#maxBytes) throw new FrameFault('oversize');
    return length;
  }

  /** False: the handler takes no more. */
  #onFrame(first: number, payload: Uint8Array): boolean {
    const opcode = first & 0x0f;
    if (opcode >= closeFrame) {
      this.#onControl(opcode, payload);
      return true;
    }
    const fin = (first & 0x80) !== 0;
    if (opcode !== continuation) {
      const compressed = (first & 0x40) !== 0;
      if (fin) return this.#onMessage(opcode, compressed, payload);
      this.#messageOpcode = opcode;
      this.#messageCompressed = compressed;
    }
    this.#message.append(payload, 0, payload.length);
    if (!fin) return true;
    const whole = this.#messageOpcode;
    this.#messageOpcode = 0;
    return this.#onMessage(whole, this.#messageCompressed, this.#message.take());
  }

  #onMessage(opcode: number, compressed: boolean, payload: Uint8Array): boolean {
    const data = compressed ? this.#inflater!.inflate(payload, this.#maxBytes) : payload;
    if (opcode === binary) return this.#handler.message(data, true);
    if (!isUtf8(data)) throw new FrameFault('utf8');
    return this.#handler.message(data, false);
  }

  #onControl(opcode: number, payload: Uint8Array): void {
    if (opcode === ping) this.#handler.ping(payload);
    else if (opcode === pong) this.#handler.pong();
    else this.#onClose(payload);
  }

  #onClose(payload: Uint8Array): void {
    if (payload.length === 1) throw new FrameFault('close_frame');
    let code = 1005;
    let reason = '';
    if (payload.length >= 2) {
      code = (payload[0]! << 8) | payload[1]!;
      if (!isCloseCode(code)) throw new FrameFault('close_frame');
      const rest = payload.subarray(2);
      if (!isUtf8(rest)) throw new FrameFault('utf8');
      reason = Buffer.from(rest).toString('utf8');
    }
    this.end();
    this.#handler.close(code, reason);
  }
}

/** Up to the end, to a close frame, or to what no server may send. */
function countMessages(bytes: Uint8Array): number {
  let count = 0;
  for (let at = 0; at < bytes.length; ) {
    const header = headerLength(bytes, at, bytes.length);
    const opcode = bytes[at]! & 0x0f;
    const isMasked = (bytes[at + 1]! & 0x80) !== 0;
    if (header === 0 || isMasked || opcode === closeFrame) break;
    const isLast = (bytes[at]! & 0x80) !== 0;
    at += header + payloadLength(bytes, at);
    if (at <= bytes.length && opcode < closeFrame && isLast) count++;
  }
  return count;
}

/** Length of the header that begins at `at`, or 0 while it is not all there. Servers do not mask: there is no mask in it. */
function headerLength(bytes: Uint8Array, at: number, end: number): number {
  if (end - at < 2) return 0;
  const short = bytes[at + 1]! & 0x7f;
  const header = short === 126 ? 4 : short === 127 ? 10 : 2;
  return end - at < header ? 0 : header;
}

function payloadLength(bytes: Uint8Array, at: number): number {
  const short = bytes[at + 1]! & 0x7f;
  if (short < 126) return short;
  if (short === 126) return (bytes[at + 2]! << 8) | bytes[at + 3]!;
  let length = 0;
  for (let index = at + 2; index < at + 10; index++) length = length * 256 + bytes[index]!;
  return length;
}

/** Codes that may stand in a close frame (RFC 6455, 7.4, and the IANA registry). */
function isCloseCode(code: number): boolean {
  return (
    (code >= 1000 && code <= 1014 && code !== 1004 && code !== 1005 && code !== 1006) || (code >= 3000 && code < 5000)
  );
}
