import type { Transform } from 'node:stream';
import {
  constants,
  createBrotliDecompress,
  createGunzip,
  createInflate,
  createInflateRaw,
  createZstdDecompress,
} from 'node:zlib';

/** What is wrong with a Content-Encoding, or undefined. One encoding at a time: nobody sends streams packed twice. */
export function encodingProblem(encoding: string): string | undefined {
  return /^(|identity|gzip|x-gzip|deflate|br|zstd)$/.test(encoding)
    ? undefined
    : `server sends the content encoding "${encoding.slice(0, 50)}", which is not known here`;
}

/**
 * Unpacks what comes as soon as it comes. A stream that is cut off ends like one that is whole: what had come is events
 * all the same. null: nothing to unpack. `first`: the first bytes, by which the two forms of deflate are told apart.
 */
export function decoderFor(encoding: string, first: Uint8Array): Transform | null {
  const flushed = { flush: constants.Z_SYNC_FLUSH, finishFlush: constants.Z_SYNC_FLUSH };
  switch (encoding) {
    case 'gzip':
    case 'x-gzip':
      return createGunzip(flushed);
    case 'deflate':
      // RFC 9110 means zlib's form; some servers send the bare one.
      return ((first[0] ?? 0) & 0x0f) === 8 ? createInflate(flushed) : createInflateRaw(flushed);
    case 'br':
      return createBrotliDecompress({
        flush: constants.BROTLI_OPERATION_FLUSH,
        finishFlush: constants.BROTLI_OPERATION_FLUSH,
      });
    case 'zstd':
      return createZstdDecompress({ flush: constants.ZSTD_e_flush, finishFlush: constants.ZSTD_e_flush });
    default:
      return null;
  }
}
