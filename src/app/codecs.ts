/**
 * The codec table that record/ is given: CRC-32C in native code where that can be loaded, gzip and zstd from Node, snappy
 * and LZ4 as WebAssembly, loaded when first used.
 */
import { createRequire } from 'node:module';
import { constants, gunzipSync, gzipSync, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { asBuffer } from '../base/as-buffer.ts';
import type { Codecs } from '../record/codecs.ts';
import { crc32c as crc32cInJavaScript } from '../record/crc32c.ts';
import { checkLz4Size } from '../record/lz4-size.ts';
import { frameSnappy, unframeSnappy } from '../record/snappy-frames.ts';

type Wasm = typeof import('@platformatic/wasm-utils');

const require = createRequire(import.meta.url);
let loaded: Wasm | undefined;
function wasm(): Wasm {
  loaded ??= require('@platformatic/wasm-utils') as Wasm;
  return loaded;
}

export const codecs: Codecs = {
  crc32c: nativeCrc32c() ?? crc32cInJavaScript,
  compress(name, bytes) {
    switch (name) {
      case 'none':
        return bytes;
      case 'gzip':
        return gzipSync(bytes, { level: 1 });
      case 'zstd':
        return zstdCompressSync(bytes, { params: { [constants.ZSTD_c_compressionLevel]: 1 } });
      case 'snappy':
        return frameSnappy(bytes, (block) => wasm().snappyCompress(block));
      case 'lz4':
        return wasm().lz4Compress(asBuffer(bytes));
    }
  },
  decompress(name, bytes, maxBytes) {
    switch (name) {
      case 'none':
        return bytes;
      case 'gzip':
        return gunzipSync(bytes, { maxOutputLength: maxBytes });
      case 'zstd':
        return zstdDecompressSync(bytes, { maxOutputLength: maxBytes });
      case 'snappy':
        return unframeSnappy(bytes, maxBytes, (block) => wasm().snappyDecompress(block));
      case 'lz4':
        checkLz4Size(bytes, maxBytes);
        return wasm().lz4Decompress(asBuffer(bytes));
    }
  },
};

/** The native package has no build for every platform; without it sums are made ten times slower, and still right. */
function nativeCrc32c(): ((bytes: Uint8Array) => number) | undefined {
  try {
    const { crc32c } = require('@node-rs/crc32') as { crc32c: (bytes: Uint8Array) => number };
    return (bytes) => crc32c(bytes);
  } catch {
    return undefined;
  }
}
