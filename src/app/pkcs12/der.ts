/** Values of ASN.1 in its distinguished encoding (ITU-T X.690), as far as stores of keys and certificates need them. */

export interface DerValue {
  /** The whole first byte: class, form and number. */
  readonly tag: number;
  readonly content: Buffer;
}

export const tags = {
  integer: 0x02,
  octets: 0x04,
  oid: 0x06,
  sequence: 0x30,
  context0: 0xa0,
  implicit0: 0x80,
} as const;

/** The values that stand one after the other. Throws a RangeError where a length does not fit. */
export function readDer(bytes: Buffer): DerValue[] {
  const values: DerValue[] = [];
  for (let at = 0; at < bytes.length; ) {
    const tag = bytes.readUInt8(at);
    let length = bytes.readUInt8(at + 1);
    at += 2;
    if (length >= 0x80) {
      const count = length & 0x7f;
      if (count === 0 || count > 4) throw new RangeError('a length is not in its distinguished form');
      length = bytes.readUIntBE(at, count);
      at += count;
    }
    if (at + length > bytes.length) throw new RangeError('a value is longer than what it stands in');
    values.push({ tag, content: bytes.subarray(at, at + length) });
    at += length;
  }
  return values;
}

/** What a constructed value holds: the tag must be the wanted one. */
export function inside(value: DerValue | undefined, tag: number = tags.sequence): DerValue[] {
  return readDer(contentOf(value, tag));
}

export function contentOf(value: DerValue | undefined, tag: number): Buffer {
  if (value?.tag === tag) return value.content;
  throw new RangeError(`value ${tag.toString(16)} is wanted, ${value?.tag.toString(16) ?? 'nothing'} is there`);
}

export function integerOf(value: DerValue | undefined): number {
  const content = contentOf(value, tags.integer);
  if (content.length > 6) throw new RangeError('a number is too large');
  return content.readUIntBE(0, content.length);
}

/** An object identifier with dots: `1.2.840.113549`. */
export function oidOf(value: DerValue | undefined): string {
  const arcs: number[] = [];
  let arc = 0;
  for (const byte of contentOf(value, tags.oid)) {
    arc = arc * 128 + (byte & 0x7f);
    if (byte & 0x80) continue;
    if (arcs.length === 0) arcs.push(Math.min(Math.floor(arc / 40), 2), arc - Math.min(Math.floor(arc / 40), 2) * 40);
    else arcs.push(arc);
    arc = 0;
  }
  return arcs.join('.');
}
