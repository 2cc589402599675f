/**
 * Decompression of permessage-deflate messages (RFC 7692), synchronous: going through the thread pool for each message, as
 * node:zlib's streams do, is 30 to 140 times slower than the inflating itself. Short messages are inflated by ourselves
 * (deflate-decoder.ts), long ones by zlib (long-inflate.ts), which is handed the window as a dictionary.
 */
import { corrupt, DeflateDecoder, noRoom, slackBytes } from './deflate-decoder.ts';
import { FrameFault } from './frame-fault.ts';
import { inflateLong } from './long-inflate.ts';

export interface InflaterOptions {
  /** Each message is compressed by itself. */
  readonly noContextTakeover: boolean;
  readonly windowBits: number;
  /** Compressed bytes of the longest message that is not left to zlib. */
  readonly mostOwnBytes?: number;
}

/** Beyond it zlib is faster, with what it costs to begin. */
const mostOwn = 8 * 1024;
/** Memory in which messages are inflated: at first, and where the window needs more. */
const leastBytes = 16 * 1024;
const mostBytes = 128 * 1024;

export class Inflater {
  readonly #mostOwnBytes: number;
  readonly #windowBytes: number;
  readonly #windowBits: number;
  readonly #noContextTakeover: boolean;
  readonly #decoder = new DeflateDecoder();
  /** Messages one behind the other. The window is what lies between `#history` and `#end`, or the last of it. */
  #memory: Uint8Array = Buffer.allocUnsafeSlow(leastBytes);
  #history = 0;
  #end = 0;
  /** How large it is, or is to be when it begins anew. */
  #bytes = leastBytes;
  /** Views of the memory were given away for good. */
  #isLent = false;
  /** A payload with the bytes that must stand behind it. */
  readonly #input: Uint8Array;

  constructor({ noContextTakeover, windowBits, mostOwnBytes = mostOwn }: InflaterOptions) {
    this.#mostOwnBytes = mostOwnBytes;
    this.#input = Buffer.allocUnsafeSlow(mostOwnBytes + slackBytes);
    this.#windowBits = windowBits;
    this.#windowBytes = 2 ** windowBits;
    this.#noContextTakeover = noContextTakeover;
  }

  /** The message; valid for good. FrameFault: it cannot be inflated, or grows beyond `maxBytes`. */
  inflate(payload: Uint8Array, maxBytes: number): Uint8Array {
    if (payload.length > this.#mostOwnBytes) return this.#inflateLong(payload, maxBytes);
    this.#input.set(payload);
    let end = this.#decode(this.#input, 0, payload.length);
    if (end === noRoom) {
      this.#slide(0);
      end = this.#decode(this.#input, 0, payload.length);
      if (end === noRoom) {
        this.#bytes = Math.min(this.#bytes * 2, mostBytes);
        return this.#inflateLong(payload, maxBytes);
      }
    }
    if (end === corrupt) throw new FrameFault('inflate');
    const begin = this.#end;
    if (end - begin > maxBytes) throw new FrameFault('oversize');
    this.#accept(end);
    this.#isLent = true;
    return this.#memory.subarray(begin, end);
  }

  /** Memory for messages that are inflated together, by `append`; it is used again with the next call of this. */
  open(): Uint8Array {
    if (this.#memory.length - this.#end < this.#memory.length / 4) this.#slide(0);
    return this.#memory;
  }

  /** End of what was inflated last, in the memory. */
  get end(): number {
    return this.#end;
  }

  /**
   * Inflates a message that stands in `chunk`, with `slackBytes` behind it, into the memory, from `end` on. False: not done, and
   * nothing has changed; `inflate` takes it, or says what is wrong with it.
   */
  append(chunk: Uint8Array, from: number, to: number, maxBytes: number): boolean {
    if (to - from > this.#mostOwnBytes) return false;
    const end = this.#decode(chunk, from, to);
    if (end < 0 || end - this.#end > maxBytes) return false;
    this.#accept(end);
    return true;
  }

  #decode(input: Uint8Array, from: number, to: number): number {
    return this.#decoder.decode(input, from, to, this.#memory, this.#windowFrom(), this.#end);
  }

  #windowFrom(): number {
    return Math.max(this.#history, this.#end - this.#windowBytes);
  }

  #accept(end: number): void {
    this.#end = end;
    if (this.#noContextTakeover || this.#decoder.ended) this.#history = end;
  }

  #inflateLong(payload: Uint8Array, maxBytes: number): Uint8Array {
    const window = this.#memory.subarray(this.#windowFrom(), this.#end);
    const { message, isFinal } = inflateLong(payload, { windowBits: this.#windowBits, window, maxBytes });
    if (this.#noContextTakeover || isFinal) this.#history = this.#end;
    else this.#remember(message.subarray(-this.#windowBytes));
    return message;
  }

  /** The window goes on with bytes that were inflated elsewhere. */
  #remember(bytes: Uint8Array): void {
    if (bytes.length === this.#windowBytes) this.#history = this.#end;
    if (this.#memory.length - this.#end < bytes.length) this.#slide(bytes.length);
    this.#memory.set(bytes, this.#end);
    this.#end += bytes.length;
  }

  /** Begins the memory anew, with nothing but the window and room for so many bytes in it. */
  #slide(wanted: number): void {
    const memory = this.#memory;
    const from = this.#windowFrom();
    const kept = this.#end - from;
    while ((kept + wanted) * 2 > this.#bytes && this.#bytes < mostBytes) this.#bytes *= 2;
    if (this.#isLent || this.#bytes > memory.length) {
      this.#memory = Buffer.allocUnsafeSlow(this.#bytes);
      this.#memory.set(memory.subarray(from, this.#end));
      this.#isLent = false;
    } else memory.copyWithin(0, from, this.#end);
    this.#history = 0;
    this.#end = kept;
  }
}
