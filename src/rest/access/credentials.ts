/** Passwords and tokens as configurations hold them: in clear (out of a reference, one hopes), or hashed. */
import { createHash, randomBytes, scrypt, timingSafeEqual } from 'node:crypto';
import { TributaryError } from '../../base/errors.ts';

export type Credential =
  | { readonly kind: 'digest'; readonly sha256: Buffer }
  | {
      readonly kind: 'scrypt';
      readonly cost: number;
      readonly blockSize: number;
      readonly parallel: number;
      readonly salt: Buffer;
      readonly hash: Buffer;
    };

/** 16 MiB and some 40 ms a password, as OWASP's least. */
const cost = 2 ** 14;
const blockSize = 8;
const parallel = 5;
const hashBytes = 32;

/**
 * `$scrypt$ln=14,r=8,p=5$SALT$HASH` (base64 without padding), `sha256:HEX` (for tokens, which are random anyway), or the
 * secret itself. CONFIG_INVALID for other hashes; texts never hold the value.
 */
export function parseCredential(text: string): Credential {
  if (text.startsWith('$scrypt$')) return parseScrypt(text);
  if (/^sha256:[0-9a-f]{64}$/i.test(text)) return { kind: 'digest', sha256: Buffer.from(text.slice(7), 'hex') };
  if (/^(\$(2[abxy]|argon2\w*|apr1|[156])\$|sha256:)/.test(text)) {
    throw new TributaryError(
      'CONFIG_INVALID',
      'cannot read this hash: "tributary hash-password" makes one that can be read ($scrypt$…), and of a token sha256: and 64 hexadecimal digits will do',
    );
  }
  return { kind: 'digest', sha256: sha256(text) };
}

export async function matches(given: string, credential: Credential): Promise<boolean> {
  switch (credential.kind) {
    case 'digest':
      return timingSafeEqual(sha256(given), credential.sha256);
    case 'scrypt': {
      const { hash, ...rest } = credential;
      return timingSafeEqual(await derive(given, { ...rest, bytes: hash.length }), hash);
    }
  }
}

export async function hashPassword(password: string): Promise<string> {
  const salt = randomBytes(16);
  const hash = await derive(password, { cost, blockSize, parallel, salt, bytes: hashBytes });
  const base64 = (bytes: Buffer): string => bytes.toString('base64').replace(/=+$/, '');
  return `$scrypt$ln=${Math.log2(cost)},r=${blockSize},p=${parallel}$${base64(salt)}$${base64(hash)}`;
}

/** One that nothing matches and that takes as long as the others: for names that nobody has. */
export function likeNone(others: readonly Credential[]): Credential {
  const dearest = others.find(({ kind }) => kind === 'scrypt');
  if (dearest?.kind === 'scrypt') return { ...dearest, hash: randomBytes(dearest.hash.length) };
  return { kind: 'digest', sha256: randomBytes(32) };
}

interface Derivation {
  readonly cost: number;
  readonly blockSize: number;
  readonly parallel: number;
  readonly salt: Buffer;
  readonly bytes: number;
}

function derive(password: string, { cost: N, blockSize: r, parallel: p, salt, bytes }: Derivation): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const done = (error: Error | null, key: Buffer): void => (error === null ? resolve(key) : reject(error));
    scrypt(password.normalize('NFC'), salt, bytes, { N, r, p, maxmem: 256 * r * (N + p) }, done);
  });
}

function parseScrypt(text: string): Credential {
  const match = /^\$scrypt\$ln=(\d{1,2}),r=(\d{1,2}),p=(\d{1,2})\$([A-Za-z0-9+/]{8,})\$([A-Za-z0-9+/]{22,})$/.exec(
    text,
  );
  const [logCost, r, p] = (match ?? []).slice(1, 4).map(Number);
  // The upper bounds keep one login below 128 MiB and a few seconds.
  if (match === null || logCost! < 1 || logCost! > 17 || r! < 1 || r! > 8 || p! < 1 || p! > 16) {
    throw new TributaryError('CONFIG_INVALID', 'must be $scrypt$ln=N,r=N,p=N$SALT$HASH with ln to 17, r to 8, p to 16');
  }
  return {
    kind: 'scrypt',
    cost: 2 ** logCost!,
    blockSize: r!,
    parallel: p!,
    salt: Buffer.from(match[4]!, 'base64'),
    hash: Buffer.from(match[5]!, 'base64'),
  };
}

function sha256(text: string): Buffer {
  return createHash('sha256').update(text.normalize('NFC')).digest();
}
