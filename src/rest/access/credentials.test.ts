import { equal, match, notEqual, throws } from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { hashPassword, likeNone, matches, parseCredential } from './credentials.ts';

test('a password in clear is itself and nothing else', async () => {
  const credential = parseCredential('correct horse');
  equal(await matches('correct horse', credential), true);
  for (const wrong of ['', 'correct', 'correct horse ', 'Correct horse'])
    equal(await matches(wrong, credential), false);
});

test('a hash that we made is matched by its password, and two of one password differ', async () => {
  const [one, two] = [await hashPassword('pä:ss'), await hashPassword('pä:ss')];
  match(one, /^\$scrypt\$ln=14,r=8,p=5\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$/);
  notEqual(one, two);
  equal(await matches('pä:ss', parseCredential(one)), true);
  equal(await matches('pä:sS', parseCredential(one)), false);
});

test('a hash that another program made: the vector of RFC 7914 in the form of PHC strings', async () => {
  // scrypt("password", "NaCl", N=1024, r=8, p=16, 64 bytes)
  const hash =
    'fdbabe1c9d3472007856e7190d01e9fe7c6ad7cbc8237830e77376634b3731622eaf30d92e22a3886ff109279d9830dac727afb94a83ee6d8360cbdfa2cc0640';
  const base64 = (bytes: Buffer): string => bytes.toString('base64').replace(/=+$/, '');
  // The salt is shorter than we take, so the parsed form is made by hand.
  const credential = {
    kind: 'scrypt',
    cost: 1024,
    blockSize: 8,
    parallel: 16,
    salt: Buffer.from('NaCl'),
    hash: Buffer.from(hash, 'hex'),
  } as const;
  equal(await matches('password', credential), true);
  equal(await matches('passwort', credential), false);
  equal(base64(credential.hash).length, 86);
});

test('a token by its SHA-256', async () => {
  const credential = parseCredential(`sha256:${createHash('sha256').update('tok').digest('hex')}`);
  equal(await matches('tok', credential), true);
  equal(await matches('tok2', credential), false);
});

for (const text of ['$2b$10$abcdefghijklmnopqrstuv', '$apr1$x$y', '$6$salt$hash', '$argon2id$v=19$m=1', 'sha256:abc']) {
  test(`${text.slice(0, 8)}… is refused without being shown`, () => {
    throws(
      () => parseCredential(text),
      ({ message }: Error) => message.includes('tributary hash-password') && !message.includes(text),
    );
  });
}

for (const text of [
  '$scrypt$ln=18,r=8,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaGhhc2g',
  '$scrypt$ln=14,r=9,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaGhhc2g',
  '$scrypt$ln=14,r=8,p=1$c2FsdHNhbHQ',
  '$scrypt$',
]) {
  test(`${text} is refused: it is no hash, or would cost too much`, () => {
    throws(() => parseCredential(text), { code: 'CONFIG_INVALID', message: /ln to 17, r to 8, p to 16/ });
  });
}

test('what stands for a name that nobody has costs what the others cost, and nothing matches it', async () => {
  const one = parseCredential(await hashPassword('x'));
  const nobody = likeNone([parseCredential('plain'), one]);
  equal(nobody.kind, 'scrypt');
  equal(await matches('x', nobody), false);
  equal(likeNone([parseCredential('plain')]).kind, 'digest');
});
