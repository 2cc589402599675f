/**
 * Decompression of permessage-deflate messages (RFC 7692), synchronous: going through the thread pool for each message, as
 * node:zlib's streams do, is 30 to 140 times slower than the inflating itself. Node offers two ways to do it at once:
 * `inflateRawSync`, public, which sets up an inflater for each message; and the handle below a stream, which is not public
 * but keeps the inflater, and is three to ten times faster. The handle is used where it has the shape we know.
 */
import { constants, createInflateRaw, inflateRawSync } from 'node:zlib';
import { FrameFault } from './frame-fault.ts';

export interface Inflater {
  /** The message; valid for good. FrameFault: it cannot be inflated, or grows beyond `maxBytes`. */
  inflate(payload: Uint8Array, maxBytes: number): Uint8Array;
  close(): void;
}

export interface InflaterOptions {
  /** Each message is compressed by itself. */
  readonly noContextTakeover: boolean;
  readonly windowBits: number;
}

export function createInflater(options: InflaterOptions): Inflater {
  return handleInflater(options) ?? publicInflater(options);
}

/** Every message ends with this, which the sender leaves out (RFC 7692, 7.2.1). */
const tail = Buffer.from([0x00, 0x00, 0xff, 0xff]);
const slabBytes = 64 * 1024;

interface Handle {
  writeSync(
    flush: number,
    input: Uint8Array,
    inputFrom: number,
    inputLength: number,
    output: Uint8Array,
    outputFrom: number,
    outputLength: number,
  ): void;
  reset(): void;
  onerror: (message: string, errno: number, code: string) => void;
}

/** Messages are views into slabs of output; a slab is given up when it is full. */
export function handleInflater({ noContextTakeover, windowBits }: InflaterOptions): Inflater | undefined {
  const stream = createInflateRaw({ windowBits });
  const { _handle: handle, _writeState: left } = stream as unknown as { _handle?: Handle; _writeState?: Uint32Array };
  if (typeof handle?.writeSync !== 'function' || typeof handle.reset !== 'function' || left?.length !== 2) {
    stream.close();
    return undefined;
  }
  let failed = false;
  handle.onerror = () => {
    failed = true;
  };
  stream.on('error', () => {}); // errors come through onerror
  let slab = Buffer.allocUnsafeSlow(slabBytes);
  let used = 0;
  let input = Buffer.allocUnsafeSlow(4096);

  /** Inflates all of the input into the slab from `start` on; the slab is changed for a larger one where it must be. */
  const run = (bytes: Uint8Array, length: number, start: number, maxBytes: number): number => {
    let at = 0;
    let end = start;
    for (;;) {
      handle.writeSync(constants.Z_SYNC_FLUSH, bytes, at, length - at, slab, end, slab.length - end);
      if (failed) throw new FrameFault('inflate');
      const [room = 0, unread = 0] = left;
      end = slab.length - room;
      at = length - unread;
      if (end - start > maxBytes) throw new FrameFault('oversize');
      if (room > 0) {
        // Output is through. Input may be left only where the sender closed its stream with a final block (RFC 7692,
        // 7.2.3.4): then the end of a message follows, and the next one begins a new stream.
        if (unread > tail.length + 1) throw new FrameFault('inflate');
        if (unread > 0) handle.reset();
        return end;
      }
      const larger = Buffer.allocUnsafeSlow(Math.max(slabBytes, Math.min((end - start) * 2, maxBytes + 1) + 1024));
      larger.set(slab.subarray(start, end));
      slab = larger;
      end -= start;
      start = 0;
      used = 0;
    }
  };

  return {
    inflate(payload, maxBytes) {
      const length = payload.length + tail.length;
      if (input.length < length) input = Buffer.allocUnsafeSlow(length * 2);
      input.set(payload);
      input.set(tail, payload.length);
      const end = run(input, length, used, maxBytes);
      const message = new Uint8Array(slab.buffer, slab.byteOffset + used, end - used);
      used = end;
      if (slab.length - used < 1024) {
        slab = Buffer.allocUnsafeSlow(slabBytes);
        used = 0;
      }
      if (noContextTakeover) handle.reset();
      if (input.length > 1_048_576) input = Buffer.allocUnsafeSlow(4096);
      return message;
    },
    close() {
      stream.close();
    },
  };
}

/** The same through public functions: what was inflated before is handed on as a dictionary. */
export function publicInflater({ noContextTakeover, windowBits }: InflaterOptions): Inflater {
  const windowBytes = 2 ** windowBits;
  let dictionary = Buffer.alloc(0);
  return {
    inflate(payload, maxBytes) {
      let message: Buffer;
      try {
        message = inflateRawSync(Buffer.concat([payload, tail]), {
          windowBits,
          finishFlush: constants.Z_SYNC_FLUSH,
          maxOutputLength: maxBytes,
          ...(dictionary.length > 0 ? { dictionary } : {}),
        });
      } catch (error) {
        throw new FrameFault((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE' ? 'oversize' : 'inflate');
      }
      if (!noContextTakeover) dictionary = Buffer.concat([dictionary, message]).subarray(-windowBytes);
      return message;
    },
    close() {},
  };
}
