/** Compression of a record batch, by Kafka's names. */
export type CompressionName = 'none' | 'gzip' | 'snappy' | 'lz4' | 'zstd';

/** In the order of their numbers in a batch's attributes. */
export const compressionNames: readonly CompressionName[] = ['none', 'gzip', 'snappy', 'lz4', 'zstd'];

/**
 * What this folder needs and may not bring itself: checksums and compression that are native or WebAssembly. Filled by
 * app/codecs.ts. All of it is synchronous.
 */
export interface Codecs {
  /** CRC-32C (Castagnoli), unsigned. */
  crc32c(bytes: Uint8Array): number;
  /** In the form Kafka stores: gzip, xerial-framed snappy, lz4 frame, zstd frame. `none` gives the bytes themselves. */
  compress(name: CompressionName, bytes: Uint8Array): Uint8Array;
  /**
   * Never makes more than `maxBytes`: BATCH_CORRUPT where there would be more. Throws anything where the input is
   * damaged; decode.ts makes a BATCH_CORRUPT of it.
   */
  decompress(name: CompressionName, bytes: Uint8Array, maxBytes: number): Uint8Array;
}
