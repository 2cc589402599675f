/**
 * Inflating a long message with zlib, in one call. A message must be whole: it ends with the head of a block whose rest the sender
 * leaves out (RFC 7692, 7.2.1), or with a final block (7.2.3.4). zlib says neither where a block begins nor that it had to take
 * bytes of ours to end one, and with the four bytes of the standard behind it a message that was cut off can pass for a whole one:
 * within a stored block they are four bytes of data, within another they may be symbols. So what we put behind a message
 * (`tailOf`) is made in such a way that no cut can pass:
 *
 * - Instead of an empty block the one that was begun becomes a stored block of `filling` bytes, and a final one of the same
 *   follows. All those bytes are 0xff: a block that begins within them has the forbidden type 3. A code of ones alone is the
 *   last of its table; if it ends the block, it does so as soon as the ones begin, and if not, nothing ends it before they
 *   do. They are more than the longest head of a block and a symbol behind it. So no cut within a coded block stops at one of the
 *   two places where a whole message stops: behind the first, where its head was a final one, and behind the second.
 * - Within the lengths between them begins no other stored block: no four bytes there are a number and its complement.
 *   A length that is torn is completed to one far beyond our bytes.
 * - There remains a cut within the data of a stored block that takes as many bytes of ours as lie before such a place. It has our
 *   lengths as data before the filling, which can be seen. Where they are there, the message is inflated again with other ones.
 */
import { inflateRawSync } from 'node:zlib';
import { FrameFault } from './frame-fault.ts';

export interface LongInflate {
  readonly windowBits: number;
  /** What was inflated before. */
  readonly window: Uint8Array;
  readonly maxBytes: number;
}

export interface LongMessage {
  readonly message: Buffer;
  /** A final block ended the stream: the next message begins with an empty window. */
  readonly isFinal: boolean;
}

interface Tail {
  readonly bytes: Buffer;
  /** Bytes of each of its blocks. */
  readonly filling: number;
}

const lengthBytes = 4;
/** The head of a block has 14 bits, 19 lengths of 3 bits and 316 of 7: 286 bytes. A symbol with its distance has 48 bits, an end 15. */
const tail = tailOf(320);
const otherTail = tailOf(321);
const ones = Buffer.alloc(2 * 321, 0xff);
/** What a cut message may make of the filling does not count as its length: two bits of it give 258 bytes at most. */
const madeOfTail = 2 * 321 * 4 * 258;

/** FrameFault: it cannot be inflated, is not whole, or grows beyond `maxBytes`. */
export function inflateLong(payload: Uint8Array, options: LongInflate): LongMessage {
  const inflated = inflateWith(tail, payload, options);
  const { message, isFinal, mayBeCut } = inflated;
  // The cut does not pass twice. A message that does only happens to end with our lengths.
  if (mayBeCut) inflateWith(otherTail, payload, options);
  if (message.length > options.maxBytes) throw new FrameFault('oversize');
  return { message, isFinal };
}

function inflateWith(
  { bytes, filling }: Tail,
  payload: Uint8Array,
  { windowBits, window, maxBytes }: LongInflate,
): LongMessage & { readonly mayBeCut: boolean } {
  let output: Buffer;
  let read: number;
  try {
    // Typed as the buffer alone, although `info` asks for the engine, too.
    const done = inflateRawSync(Buffer.concat([payload, bytes]), {
      windowBits,
      maxOutputLength: maxBytes + madeOfTail,
      info: true,
      ...(window.length > 0 ? { dictionary: window } : {}),
    }) as unknown as { readonly buffer: Buffer; readonly engine: { readonly bytesWritten: number } };
    output = done.buffer;
    read = done.engine.bytesWritten - payload.length;
  } catch (error) {
    throw new FrameFault((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE' ? 'oversize' : 'inflate');
  }
  // A final block of the sender's own, behind which a byte at most may stand.
  if (read === 0 || read === -1) return { message: output, isFinal: true, mayBeCut: false };
  const isFinal = read === lengthBytes + filling;
  if (!isFinal && read !== bytes.length) throw new FrameFault('inflate');
  const end = output.length - (isFinal ? filling : 2 * filling);
  if (end < 0 || !output.subarray(end).equals(ones.subarray(0, output.length - end))) throw new FrameFault('inflate');
  const message = output.subarray(0, end);
  return { message, isFinal, mayBeCut: message.subarray(-lengthBytes).equals(bytes.subarray(0, lengthBytes)) };
}

/** The lengths and bytes of a stored block whose head was sent, and a final one with its head (RFC 1951, 3.2.4). */
function tailOf(filling: number): Tail {
  const block = Buffer.alloc(lengthBytes + filling, 0xff);
  block.writeUInt16LE(filling, 0);
  block.writeUInt16LE(filling ^ 0xffff, 2);
  return { bytes: Buffer.concat([block, Buffer.of(1), block]), filling };
}
