import { equal, rejects } from 'node:assert/strict';
import { test } from 'node:test';
import * as jose from 'jose';
import { systemClock } from '../../base/clock.ts';
import { silentLog } from '../../telemetry/log.ts';
import { jwtDefaults } from '../settings.ts';
import { AuthError } from './identity.ts';
import { type JwtCheck, jwtCheck } from './jwt.ts';

const secret = 'a secret of at least sixty-four bytes, which is what HS512 wants of one';
const curves: Readonly<Record<string, string>> = { ES256: 'P-256', ES384: 'P-384', ES512: 'P-521', EdDSA: 'Ed25519' };
const signed = ['RS', 'PS', 'ES'].flatMap((kind) => ['256', '384', '512'].map((size) => kind + size)).concat('EdDSA');

interface Signer {
  readonly settings: object;
  sign(): Promise<string>;
}

async function signer(alg: string): Promise<Signer> {
  const claims = new jose.SignJWT({ sub: 'alice' }).setProtectedHeader({ alg, kid: 'k' }).setExpirationTime('1h');
  if (alg.startsWith('HS')) return { settings: { secret }, sign: () => claims.sign(Buffer.from(secret)) };
  const { publicKey, privateKey } = await jose.generateKeyPair(alg, { extractable: true });
  const jwk = await jose.exportJWK(publicKey);
  if (curves[alg] !== undefined) equal(jwk.crv, curves[alg]);
  return { settings: { jwks: { keys: [{ ...jwk, kid: 'k' }] } }, sign: () => claims.sign(privateKey) };
}

const check = (settings: object, algorithms: readonly string[]): Promise<JwtCheck> =>
  jwtCheck({ ...jwtDefaults, ...settings, algorithms }, systemClock, silentLog);

for (const alg of [...signed, 'HS256', 'HS384', 'HS512']) {
  test(`${alg} is verified where the list allows it, refused where it does not, and forged ones always are`, async () => {
    const { settings, sign } = await signer(alg);
    const token = await sign();
    const allowing = await check(settings, [alg]);
    const identity = await allowing.verify(token);
    equal(identity.principal, 'alice');
    equal(allowing.knows(identity), true);
    const isRefused = (error: unknown): boolean => error instanceof AuthError && error.reason === 'signature';
    const [head, , signature] = token.split('.');
    const claims = Buffer.from(JSON.stringify({ sub: 'root', exp: 4_000_000_000 })).toString('base64url');
    await rejects(allowing.verify(`${head}.${claims}.${signature}`), isRefused);
    const others = [...signed, 'HS256', 'HS384', 'HS512'].filter((other) => other !== alg);
    const refusing = await check(settings, others);
    await rejects(refusing.verify(token), isRefused);
    equal(refusing.knows(identity), false);
  });
}

test('an identity is known as long as its key, its algorithm and its claims are those that are wanted', async () => {
  const [{ settings, sign }, other] = [await signer('ES256'), await signer('ES256')];
  const identity = await (await check(settings, ['ES256'])).verify(await sign());
  const knows = async (more: object, algorithms = ['RS256', 'ES256']): Promise<boolean> =>
    (await check({ ...settings, ...more }, algorithms)).knows(identity);
  equal(await knows({}), true);
  equal(await knows(other.settings), false);
  equal(await knows({ secret }), false);
  equal(await knows({}, ['RS256']), false);
  equal(await knows({ issuer: 'i' }), false);
  equal(await knows({ audience: 'a' }), false);
  equal(await knows({ principalClaim: 'email' }), false);
});
