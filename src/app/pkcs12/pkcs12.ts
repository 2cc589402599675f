/**
 * Certificates out of a PKCS #12 store (RFC 7292). Node's TLS takes such a store only where it holds a private key; Java's
 * trust stores hold certificates alone.
 */
import { createDecipheriv, createHmac, pbkdf2Sync, timingSafeEqual, X509Certificate } from 'node:crypto';
import { TributaryError } from '../../base/errors.ts';
import { contentOf, type DerValue, inside, integerOf, oidOf, readDer, tags } from './der.ts';
import { deriveStoreKey, purposes } from './store-key.ts';

const oids = {
  data: '1.2.840.113549.1.7.1',
  encryptedData: '1.2.840.113549.1.7.6',
  certificateBag: '1.2.840.113549.1.12.10.1.3',
  x509: '1.2.840.113549.1.9.22.1',
  pbes2: '1.2.840.113549.1.5.13',
  pbkdf2: '1.2.840.113549.1.5.12',
  tripleDes: '1.2.840.113549.1.12.1.3',
} as const;

const hashes: Readonly<Record<string, string>> = {
  '1.3.14.3.2.26': 'sha1',
  '2.16.840.1.101.3.4.2.1': 'sha256',
  '2.16.840.1.101.3.4.2.2': 'sha384',
  '2.16.840.1.101.3.4.2.3': 'sha512',
};

/** HMACs as pseudo-random functions of PBKDF2. */
const hmacs: Readonly<Record<string, string>> = {
  '1.2.840.113549.2.7': 'sha1',
  '1.2.840.113549.2.9': 'sha256',
  '1.2.840.113549.2.10': 'sha384',
  '1.2.840.113549.2.11': 'sha512',
};

const ciphers: Readonly<Record<string, { readonly name: string; readonly keyBytes: number }>> = {
  '2.16.840.1.101.3.4.1.2': { name: 'aes-128-cbc', keyBytes: 16 },
  '2.16.840.1.101.3.4.1.22': { name: 'aes-192-cbc', keyBytes: 24 },
  '2.16.840.1.101.3.4.1.42': { name: 'aes-256-cbc', keyBytes: 32 },
  '1.2.840.113549.3.7': { name: 'des-ede3-cbc', keyBytes: 24 },
};

/** A bound for what a store of somebody else may make us compute. */
const maxIterations = 10_000_000;

/** All certificates of a store, as PEM. CONFIG_INVALID says what is wrong with `what`, and never the password. */
export function certificatesOf(what: string, store: Buffer, password: string): string {
  try {
    const found = readStore(store, password);
    if (found.length === 0) throw new Unusable('it holds no certificate');
    return found.map((bytes) => new X509Certificate(bytes).toString()).join('');
  } catch (error) {
    // What the decoder or OpenSSL say of a broken store helps nobody, and nobody has looked whether it tells anything.
    const problem = error instanceof Unusable ? error.message : 'it is no PKCS #12 store, or damaged';
    throw new TributaryError('CONFIG_INVALID', `Cannot use ${what}: ${problem}`);
  }
}

class Unusable extends Error {}

function readStore(store: Buffer, password: string): Buffer[] {
  const [version, authSafe, mac] = inside(readDer(store)[0]);
  if (integerOf(version) !== 3) throw new Unusable('it is no PKCS #12 store of version 3');
  const safe = dataOf(authSafe);
  if (mac !== undefined) checkMac(mac, safe, password);
  return inside(readDer(safe)[0]).flatMap((one) => certificateBags(safeContents(one, password)));
}

/** The bytes of a ContentInfo that is plain data. */
function dataOf(info: DerValue | undefined): Buffer {
  const [type, content] = inside(info);
  if (oidOf(type) !== oids.data) throw new Unusable('it is protected by a public key, and not by a password');
  return contentOf(inside(content, tags.context0)[0], tags.octets);
}

function checkMac(mac: DerValue, data: Buffer, password: string): void {
  const [info, salt, iterations] = inside(mac);
  const [algorithm, digest] = inside(info);
  const hash = hashes[oidOf(inside(algorithm)[0])];
  if (hash === undefined) throw new Unusable('the kind of its checksum is unknown');
  const wanted = contentOf(digest, tags.octets);
  const rounds = iterations === undefined ? 1 : iterationsOf(iterations);
  const key = deriveStoreKey(hash, password, contentOf(salt, tags.octets), rounds, purposes.mac, wanted.length);
  const found = createHmac(hash, key).update(data).digest();
  if (found.length !== wanted.length || !timingSafeEqual(found, wanted))
    throw new Unusable('its password is wrong, or it was changed');
}

function safeContents(info: DerValue, password: string): Buffer {
  const [type, content] = inside(info);
  if (oidOf(type) === oids.data) return dataOf(info);
  if (oidOf(type) !== oids.encryptedData) throw new Unusable('a part of it is protected by a public key');
  const [, encrypted] = inside(inside(content, tags.context0)[0]);
  const [, algorithm, bytes] = inside(encrypted);
  try {
    return decrypt(algorithm, contentOf(bytes, tags.implicit0), password);
  } catch (error) {
    if (error instanceof Unusable || error instanceof RangeError) throw error;
    throw new Unusable('its password is wrong');
  }
}

function decrypt(algorithm: DerValue | undefined, bytes: Buffer, password: string): Buffer {
  const [type, parameters] = inside(algorithm);
  const { name, key, iv } =
    oidOf(type) === oids.pbes2 ? modernCipher(parameters, password) : oldCipher(oidOf(type), parameters, password);
  const decipher = createDecipheriv(name, key, iv);
  return Buffer.concat([decipher.update(bytes), decipher.final()]);
}

interface Cipher {
  readonly name: string;
  readonly key: Buffer;
  readonly iv: Buffer;
}

/** PBES2 (RFC 8018, 6.2): what Java and OpenSSL have written for years. */
function modernCipher(parameters: DerValue | undefined, password: string): Cipher {
  const [derivation, scheme] = inside(parameters);
  const [kind, values] = inside(derivation);
  const [cipherType, iv] = inside(scheme);
  const cipher = ciphers[oidOf(cipherType)];
  if (oidOf(kind) !== oids.pbkdf2 || cipher === undefined) throw unknownCipher();
  const [salt, iterations, ...more] = inside(values);
  const prf = more.find(({ tag }) => tag === tags.sequence);
  const hash = prf === undefined ? 'sha1' : hmacs[oidOf(inside(prf)[0])];
  if (hash === undefined) throw unknownCipher();
  const rounds = iterationsOf(iterations);
  const key = pbkdf2Sync(password, contentOf(salt, tags.octets), rounds, cipher.keyBytes, hash);
  return { name: cipher.name, key, iv: contentOf(iv, tags.octets) };
}

/** The ciphers of RFC 7292, C. Of these only triple DES is still there; stores of old Javas are written with RC2. */
function oldCipher(type: string, parameters: DerValue | undefined, password: string): Cipher {
  if (type !== oids.tripleDes) throw unknownCipher();
  const [salt, iterations] = inside(parameters);
  const derive = (purpose: number, length: number): Buffer =>
    deriveStoreKey('sha1', password, contentOf(salt, tags.octets), iterationsOf(iterations), purpose, length);
  return { name: 'des-ede3-cbc', key: derive(purposes.key, 24), iv: derive(purposes.iv, 8) };
}

function iterationsOf(value: DerValue | undefined): number {
  const iterations = integerOf(value);
  if (iterations >= 1 && iterations <= maxIterations) return iterations;
  throw new Unusable(`it asks for ${iterations} rounds of key derivation, at most ${maxIterations} are made`);
}

function unknownCipher(): Unusable {
  return new Unusable(
    'it is written with a cipher that is no longer used; "keytool -importkeystore -srckeystore STORE -destkeystore NEW.p12 -deststoretype PKCS12" of Java 17 or newer makes a new one',
  );
}

function certificateBags(contents: Buffer): Buffer[] {
  return inside(readDer(contents)[0]).flatMap((bag) => {
    const [type, value] = inside(bag);
    if (oidOf(type) !== oids.certificateBag) return [];
    const [kind, certificate] = inside(inside(value, tags.context0)[0]);
    if (oidOf(kind) !== oids.x509) return [];
    return [contentOf(inside(certificate, tags.context0)[0], tags.octets)];
  });
}
