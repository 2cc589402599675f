/**
 * How many bytes an LZ4 frame would become, found by walking over its sequences without writing any: the decompressor
 * itself knows no bound, and one byte of LZ4 can stand for 255. Throws a RangeError where the frame is cut off or wrong,
 * or as soon as there would be more than `maxBytes`.
 */
export function checkLz4Size(frame: Uint8Array, maxBytes: number): void {
  const view = new DataView(frame.buffer, frame.byteOffset, frame.length);
  if (frame.length < 7 || view.getUint32(0, true) !== 0x184d2204) throw new RangeError('it is no LZ4 frame');
  const flags = frame[4]!;
  const hasContentSize = (flags & 0x08) !== 0;
  const hasBlockChecksum = (flags & 0x10) !== 0;
  let at = 7 + (hasContentSize ? 8 : 0);
  let total = 0;
  for (;;) {
    if (at + 4 > frame.length) throw new RangeError('an LZ4 frame has no end');
    const word = view.getUint32(at, true);
    at += 4;
    if (word === 0) return;
    const size = word & 0x7fffffff;
    if (at + size > frame.length) throw new RangeError(`a block of LZ4 has a length of ${size}`);
    total += word > 0x7fffffff ? size : blockSize(frame, at, at + size, maxBytes - total);
    if (total > maxBytes) throw new RangeError(`it would have more than ${maxBytes} bytes`);
    at += size + (hasBlockChecksum ? 4 : 0);
  }
}

function blockSize(bytes: Uint8Array, from: number, to: number, maxBytes: number): number {
  let total = 0;
  let at = from;
  while (at < to) {
    const token = bytes[at++]!;
    let literals = token >>> 4;
    if (literals === 15) {
      let more: number;
      do {
        more = bytes[at++] ?? 0;
        literals += more;
      } while (more === 255 && at < to);
    }
    at += literals;
    total += literals;
    if (at >= to) break; // the last sequence has no match
    at += 2; // offset of the match
    let match = (token & 15) + 4;
    if (match === 19) {
      let more: number;
      do {
        more = bytes[at++] ?? 0;
        match += more;
      } while (more === 255 && at < to);
    }
    total += match;
    if (total > maxBytes) break;
  }
  return total;
}
