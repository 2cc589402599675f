import { createHash } from 'node:crypto';

/** What a derived value is for (RFC 7292, B.3). */
export const purposes = { key: 1, iv: 2, mac: 3 } as const;

/** The key derivation of PKCS #12 itself (RFC 7292, B.2): for the checksum of every store, and the ciphers of old ones. */
export function deriveStoreKey(
  hash: string,
  password: string,
  salt: Buffer,
  iterations: number,
  purpose: number,
  length: number,
): Buffer {
  const block = /^sha(384|512)$/.test(hash) ? 128 : 64;
  const mixed = Buffer.concat([repeated(salt, block), repeated(passwordBytes(password), block)]);
  const parts: Buffer[] = [];
  for (let made = 0; made < length; made += parts.at(-1)!.length) {
    let digest = createHash(hash).update(Buffer.alloc(block, purpose)).update(mixed).digest();
    for (let round = 1; round < iterations; round++) digest = createHash(hash).update(digest).digest();
    parts.push(digest);
    addToBlocks(mixed, fillTo(digest, block));
  }
  return Buffer.concat(parts).subarray(0, length);
}

/** UTF-16, big-endian, with a zero at its end. */
function passwordBytes(password: string): Buffer {
  return Buffer.from(`${password}\0`, 'utf16le').swap16();
}

function repeated(bytes: Buffer, block: number): Buffer {
  return fillTo(bytes, Math.ceil(bytes.length / block) * block);
}

function fillTo(bytes: Buffer, length: number): Buffer {
  return Buffer.from(Array.from({ length }, (_, at) => bytes[at % bytes.length]!));
}

/** Each block of `into` becomes itself + `block` + 1, as numbers of that many bytes. */
function addToBlocks(into: Buffer, block: Buffer): void {
  for (let start = 0; start < into.length; start += block.length) {
    let carry = 1;
    for (let at = block.length - 1; at >= 0; at--) {
      carry += into[start + at]! + block[at]!;
      into[start + at] = carry & 0xff;
      carry >>= 8;
    }
  }
}
