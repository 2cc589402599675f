/** Payloads that the application compressed itself, before WebSocket saw them. */
import { gunzipSync, inflateRawSync, inflateSync } from 'node:zlib';
import { FrameFault } from './frame-fault.ts';

export type PayloadEncoding = 'none' | 'gzip' | 'deflate' | 'auto';

/**
 * The payload unpacked; itself where the encoding says nothing of it; null where it cannot be unpacked.
 * FrameFault: it would grow beyond `maxBytes`.
 */
export function unpack(payload: Uint8Array, encoding: PayloadEncoding, maxBytes: number): Uint8Array | null {
  const kind = encoding === 'auto' ? kindOf(payload) : encoding;
  if (kind === 'none') return payload;
  try {
    const options = { maxOutputLength: maxBytes };
    if (kind === 'gzip') return gunzipSync(payload, options);
    return hasZlibHeader(payload) ? inflateSync(payload, options) : inflateRawSync(payload, options);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') throw new FrameFault('oversize');
    return null;
  }
}

function kindOf(payload: Uint8Array): PayloadEncoding {
  if (payload[0] === 0x1f && payload[1] === 0x8b) return 'gzip';
  return hasZlibHeader(payload) ? 'deflate' : 'none';
}

/** RFC 1950, 2.2: method 8 with a window up to 32 KiB, and a check that makes the first two bytes a multiple of 31. */
function hasZlibHeader(payload: Uint8Array): boolean {
  const [first = 0, second = 0] = payload;
  return (first & 0x0f) === 8 && first >> 4 <= 7 && ((first << 8) | second) % 31 === 0 && payload.length > 2;
}
