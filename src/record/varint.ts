/**
 * Kafka's signed variable-length integers: zigzag (0, -1, 1, -2, … become 0, 1, 2, 3, …), then seven bits a byte, the
 * lowest first. The loops of encode.ts and decode.ts handle the short forms in place and come here for the rest.
 */

/** Bytes of an int32. */
export function varintSize(value: number): number {
  const zigzag = ((value << 1) ^ (value >> 31)) >>> 0;
  if (zigzag < 0x80) return 1;
  if (zigzag < 0x4000) return 2;
  if (zigzag < 0x20_0000) return 3;
  return zigzag < 0x1000_0000 ? 4 : 5;
}

/** Writes an int32 and gives the position behind it. */
export function writeVarint(bytes: Uint8Array, value: number, at: number): number {
  let zigzag = ((value << 1) ^ (value >> 31)) >>> 0;
  while (zigzag > 0x7f) {
    bytes[at++] = (zigzag & 0x7f) | 0x80;
    zigzag >>>= 7;
  }
  bytes[at++] = zigzag;
  return at;
}

/** Bytes of a whole number of up to 64 bits. */
export function varlongSize(value: number): number {
  if (isInt32(value)) return varintSize(value);
  let zigzag = zigzag64(value);
  let size = 1;
  while (zigzag > 0x7fn) {
    size++;
    zigzag >>= 7n;
  }
  return size;
}

/** Writes a whole number of up to 64 bits and gives the position behind it. */
export function writeVarlong(bytes: Uint8Array, value: number, at: number): number {
  if (isInt32(value)) return writeVarint(bytes, value, at);
  let zigzag = zigzag64(value);
  while (zigzag > 0x7fn) {
    bytes[at++] = Number(zigzag & 0x7fn) | 0x80;
    zigzag >>= 7n;
  }
  bytes[at++] = Number(zigzag);
  return at;
}

/**
 * Reads a number of up to 64 bits: exact up to 2^53, the nearest number beyond. Undefined where the bytes end too early
 * or more than ten belong to it. Its length is `varlongLength`.
 */
export function readVarlong(bytes: Uint8Array, at: number): number | undefined {
  let zigzag = 0n;
  for (let shift = 0n; shift < 70n; shift += 7n) {
    const byte = bytes[at++];
    if (byte === undefined) return undefined;
    zigzag |= BigInt(byte & 0x7f) << shift;
    if (byte < 0x80) return Number(BigInt.asIntN(64, (zigzag >> 1n) ^ -(zigzag & 1n)));
  }
  return undefined;
}

/** How many bytes the number at this position has. */
export function varlongLength(bytes: Uint8Array, at: number): number {
  let end = at;
  while (bytes[end]! >= 0x80) end++;
  return end - at + 1;
}

function isInt32(value: number): boolean {
  return (value | 0) === value;
}

function zigzag64(value: number): bigint {
  const big = BigInt(value);
  return BigInt.asUintN(64, (big << 1n) ^ (big >> 63n));
}
