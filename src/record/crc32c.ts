/**
 * CRC-32C (Castagnoli, RFC 3720 appendix B.4) in plain JavaScript, for where no native one can be loaded. Slicing by
 * eight: eight tables of 256 let eight bytes be folded at once, about 1.5 GB/s; byte by byte it is 0.4.
 */
export function crc32c(bytes: Uint8Array): number {
  const [t0, t1, t2, t3, t4, t5, t6, t7] = tables;
  const end = bytes.length;
  const endOfEights = end - (end % 8);
  let crc = -1;
  let at = 0;
  for (; at < endOfEights; at += 8) {
    const low = crc ^ (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24));
    crc =
      t7[low & 0xff]! ^
      t6[(low >>> 8) & 0xff]! ^
      t5[(low >>> 16) & 0xff]! ^
      t4[low >>> 24]! ^
      t3[bytes[at + 4]!]! ^
      t2[bytes[at + 5]!]! ^
      t1[bytes[at + 6]!]! ^
      t0[bytes[at + 7]!]!;
  }
  for (; at < end; at++) crc = t0[(crc ^ bytes[at]!) & 0xff]! ^ (crc >>> 8);
  return (crc ^ -1) >>> 0;
}

/**
 * The sum of bytes whose beginning is replaced by another one of the same length, from the sums of the two beginnings alone,
 * however long what follows them is: sums of equally long bytes differ by what their difference would leave behind, and behind
 * `following` zeros that is a product with a power of x modulo the polynomial.
 */
export function crcOfOtherHead(crc: number, head: number, otherHead: number, following: number): number {
  let difference = head ^ otherHead;
  // x^8, x^16, x^32, …: one byte of zeros, two, four.
  for (let bit = 0, power = oneByte; following >= 2 ** bit; bit++, power = product(power, power))
    if (Math.floor(following / 2 ** bit) % 2 === 1) difference = product(power, difference);
  return (crc ^ difference) >>> 0;
}

/** Of two polynomials over GF(2), modulo that of CRC-32C; bits are reflected, so the highest one is x^0. */
function product(one: number, other: number): number {
  let sum = 0;
  for (let bit = 31; bit >= 0; bit--) {
    if (((one >>> bit) & 1) === 1) sum ^= other;
    other = (other & 1) === 0 ? other >>> 1 : (other >>> 1) ^ reflectedPolynomial;
  }
  return sum;
}

const reflectedPolynomial = 0x82f63b78;
/** x^8. */
const oneByte = 1 << 23;

type Table = Int32Array;
const tables = makeTables();

/** Table k holds what a byte contributes when k further bytes follow it. */
function makeTables(): readonly [Table, Table, Table, Table, Table, Table, Table, Table] {
  const first = new Int32Array(256);
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc & 1) === 0 ? crc >>> 1 : (crc >>> 1) ^ reflectedPolynomial;
    first[byte] = crc;
  }
  const next = (table: Table): Table => table.map((crc) => (crc >>> 8) ^ first[crc & 0xff]!);
  const t1 = next(first);
  const t2 = next(t1);
  const t3 = next(t2);
  const t4 = next(t3);
  const t5 = next(t4);
  const t6 = next(t5);
  return [first, t1, t2, t3, t4, t5, t6, next(t6)];
}
