import { doesNotMatch, equal, match, ok, throws } from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { seeded, testSeed } from '../../../test/support/random.ts';
import { tempFolder } from '../../../test/support/temp-folder.ts';
import { toolsMissing } from '../../../test/support/tools.ts';
import { isError } from '../../base/errors.ts';
import { certificatesOf } from './pkcs12.ts';

const password = 'pässword-canary';
const folder = await tempFolder('pkcs12');
after(() => folder[Symbol.asyncDispose]());
const path = (name: string): string => join(folder.path, name);
const openssl = (...args: readonly string[]): unknown =>
  execFileSync('openssl', args, { cwd: folder.path, stdio: 'pipe' });

const skip = toolsMissing(['openssl']);
if (skip === false) {
  for (const name of ['one', 'two']) {
    const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', `${name}.key`];
    openssl('req', '-x509', ...key, '-out', `${name}.pem`, '-days', '2', '-subj', `/CN=${name}`);
  }
  writeFileSync(path('both.pem'), readFileSync(path('one.pem'), 'utf8') + readFileSync(path('two.pem'), 'utf8'));
}

/** A store with both certificates and without a key. */
function store(...how: readonly string[]): Buffer {
  const args = ['pkcs12', '-export', '-nokeys', '-in', 'both.pem', '-out', 'store.p12', '-passout', `pass:${password}`];
  openssl(...args, ...how);
  return readFileSync(path('store.p12'));
}

function namesIn(pem: string): string[] {
  return pem
    .split(/(?=-----BEGIN)/)
    .map((one) => new X509Certificate(one).subject)
    .sort();
}

const written: readonly (readonly [name: string, how: readonly string[]])[] = [
  ['as it is usual', []],
  ['AES-128', ['-certpbe', 'AES-128-CBC']],
  ['AES-256 and SHA-1', ['-certpbe', 'AES-256-CBC', '-macalg', 'sha1']],
  ['SHA-512', ['-macalg', 'sha512']],
  ['triple DES', ['-certpbe', 'PBE-SHA1-3DES', '-macalg', 'sha1']],
  ['no cipher', ['-certpbe', 'NONE']],
  ['no checksum', ['-nomac', '-certpbe', 'AES-256-CBC']],
  ['one round', ['-iter', '1', '-nomaciter']],
];

for (const [name, how] of written) {
  test(`certificates are read from a store written with: ${name}`, { skip }, () => {
    equal(namesIn(certificatesOf('it', store(...how), password)).join(), 'CN=one,CN=two');
  });
}

test('keys beside the certificates are passed over', { skip }, () => {
  openssl(
    'pkcs12',
    '-export',
    '-inkey',
    'one.key',
    '-in',
    'both.pem',
    '-out',
    'keys.p12',
    '-passout',
    `pass:${password}`,
  );
  equal(namesIn(certificatesOf('it', readFileSync(path('keys.p12')), password)).join(), 'CN=one,CN=two');
});

const refused: readonly (readonly [name: string, store: () => Buffer, password: string, problem: RegExp])[] = [
  [
    'a wrong password',
    () => store(),
    'wrong-canary',
    /^Cannot use "s\.p12": its password is wrong, or it was changed$/,
  ],
  [
    'a wrong password without a checksum',
    () => store('-nomac', '-certpbe', 'AES-256-CBC'),
    'wrong-canary',
    /its password is wrong|damaged/,
  ],
  ['a PEM file', () => readFileSync(path('one.pem')), password, /no PKCS #12 store/],
  ['nothing', () => Buffer.alloc(0), password, /no PKCS #12 store/],
  ['a JKS store', () => Buffer.from('feedfeed0000000200000000', 'hex'), password, /no PKCS #12 store/],
];

for (const [name, bytes, given, problem] of refused) {
  test(`${name} is refused in one sentence, without the password`, { skip }, () => {
    throws(
      () => certificatesOf('"s.p12"', bytes(), given),
      (error) => {
        ok(isError(error, 'CONFIG_INVALID'), String(error));
        match(error.message, problem);
        doesNotMatch(String(error.stack), /canary/);
        return true;
      },
    );
  });
}

test(`a damaged store is refused, wherever the damage is (TEST_SEED=${testSeed})`, { skip }, () => {
  const random = seeded(testSeed);
  const whole = store('-iter', '1', '-nomaciter');
  for (let round = 0; round < 300; round++) {
    const damaged = Buffer.from(whole);
    const at = Math.floor(random() * damaged.length);
    damaged[at]! ^= 1 << Math.floor(random() * 8);
    const cut = round % 3 === 0 ? damaged.subarray(0, at) : damaged;
    try {
      // Where the damage hits what says nothing, the certificates are the right ones all the same.
      equal(namesIn(certificatesOf('it', cut, password)).join(), 'CN=one,CN=two', `byte ${at}`);
    } catch (error) {
      ok(isError(error, 'CONFIG_INVALID'), `byte ${at}: ${String(error)}`);
    }
  }
});
