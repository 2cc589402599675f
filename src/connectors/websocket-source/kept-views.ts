/**
 * Messages that are queued one by one are views into the memory in which they came: of a chunk, or of up to 128 KiB in which
 * messages were inflated. Where nearly all of a piece is dropped (heartbeat replies, numbers seen before, binary messages), one
 * short message would hold all of it, and a queue many times the bytes that are counted. So once a piece was mostly dropped,
 * those of the next are copied. A queue then holds `mostHeld` times its bytes at most in pieces of which enough is kept, and
 * one piece more for each time that this changes.
 */
export class KeptViews {
  #memory: ArrayBufferLike | null = null;
  #keptBytes = 0;
  #isSparse = false;

  /** What to queue: the message itself, or a copy in memory of its own (that of `Buffer.from` is a piece shared with others, too). */
  keep(message: Uint8Array): Uint8Array {
    const memory = message.buffer;
    // A long message has memory of its own; that it was the last one must not hold it.
    if (memory.byteLength > longestPiece)
      return message.length * mostHeld < memory.byteLength ? new Uint8Array(message) : message;
    if (memory !== this.#memory) {
      this.#isSparse = this.#memory !== null && this.#keptBytes * mostHeld < this.#memory.byteLength;
      this.#memory = memory;
      this.#keptBytes = 0;
    }
    this.#keptBytes += message.length;
    return this.#isSparse ? new Uint8Array(message) : message;
  }
}

const mostHeld = 4;
const longestPiece = 128 * 1024;
