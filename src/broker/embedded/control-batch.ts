import { BatchBuffer } from '../../record/batch-buffer.ts';
import type { Codecs } from '../../record/codecs.ts';
import { encodeControlBatch } from '../../record/control.ts';
import { crc32c } from '../../record/crc32c.ts';

/** Markers are not compressed, and their few bytes are summed in JavaScript: the thread then needs no native code. */
const codecs: Codecs = {
  crc32c,
  compress: (_name, bytes) => bytes,
  decompress: (_name, bytes) => bytes,
};

/** The batch that ends a transaction in one partition. */
export function controlBatch(
  type: 'commit' | 'abort',
  producerId: number,
  producerEpoch: number,
  nowMs: number,
): Buffer {
  const buffer = new BatchBuffer(256);
  encodeControlBatch(buffer, { codecs, type, producerId, producerEpoch, nowMs });
  return buffer.view();
}
