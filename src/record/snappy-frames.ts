/**
 * The framing that Java's snappy streams (and so Kafka's clients) put around snappy: a magic header, then chunks with
 * their length before them. Librdkafka writes bare snappy blocks instead; readers take both.
 */
const magic = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0x00]);
const headerBytes = 16; // magic, version, lowest compatible version
const chunkBytes = 32 * 1024;

export function frameSnappy(bytes: Uint8Array, compressBlock: (block: Buffer) => Uint8Array): Buffer {
  const header = Buffer.alloc(headerBytes);
  magic.copy(header);
  header.writeInt32BE(1, 8);
  header.writeInt32BE(1, 12);
  const parts: Uint8Array[] = [header];
  for (let at = 0; at < bytes.length; at += chunkBytes) {
    const block = compressBlock(
      Buffer.from(bytes.buffer, bytes.byteOffset + at, Math.min(chunkBytes, bytes.length - at)),
    );
    const length = Buffer.alloc(4);
    length.writeInt32BE(block.length);
    parts.push(length, block);
  }
  return Buffer.concat(parts);
}

/** Throws a RangeError where a chunk is cut off, or where there would be more than `maxBytes`. */
export function unframeSnappy(
  bytes: Uint8Array,
  maxBytes: number,
  decompressBlock: (block: Buffer) => Uint8Array,
): Uint8Array {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const blocks = buffer.subarray(0, magic.length).equals(magic) ? chunksOf(buffer) : [buffer];
  const total = blocks.reduce((sum, block) => sum + uncompressedLength(block), 0);
  if (total > maxBytes) throw new RangeError(`it would have ${total} bytes, ${maxBytes} are allowed`);
  return blocks.length === 1 ? decompressBlock(blocks[0]!) : Buffer.concat(blocks.map(decompressBlock));
}

function chunksOf(buffer: Buffer): Buffer[] {
  const chunks: Buffer[] = [];
  for (let at = headerBytes; at < buffer.length; ) {
    if (at + 4 > buffer.length) throw new RangeError('a chunk of snappy has no length');
    const length = buffer.readInt32BE(at);
    at += 4;
    if (length < 0 || at + length > buffer.length) throw new RangeError(`a chunk of snappy has a length of ${length}`);
    chunks.push(buffer.subarray(at, at + length));
    at += length;
  }
  return chunks;
}

/** A snappy block begins with its uncompressed length, a varint. */
function uncompressedLength(block: Buffer): number {
  let length = 0;
  for (let i = 0; i < 5; i++) {
    const byte = block[i];
    if (byte === undefined) break;
    length += (byte & 0x7f) * 2 ** (7 * i);
    if (byte < 0x80) return length;
  }
  throw new RangeError('a block of snappy does not say how long it is');
}
