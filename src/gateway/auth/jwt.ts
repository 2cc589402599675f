/** JSON Web Tokens (RFC 7519), checked by jose: an allow-list of algorithms, and keys whose type must fit. */
import { readFile } from 'node:fs/promises';
import * as jose from 'jose';
import type { Clock } from '../../base/clock.ts';
import { TributaryError } from '../../base/errors.ts';
import type { JwtSettings } from '../settings.ts';
import { AuthError, type AuthFailure, type Identity } from './identity.ts';

export interface JwtCheck {
  /** Rejects with AuthError. */
  verify(token: string): Promise<Identity>;
  /** Whether there are keys to verify with. */
  readonly ready: boolean;
}

const algorithms = new Set(
  ['HS', 'RS', 'PS', 'ES'].flatMap((kind) => ['256', '384', '512'].map((size) => kind + size)),
);
algorithms.add('EdDSA');
/** How often an unknown key id may make the key set be fetched again. */
const refetchMs = 30_000;

/** Reads the key set of a file or an inline one; one behind a URL is fetched when first needed. CONFIG_INVALID. */
export async function jwtCheck(settings: JwtSettings, clock: Clock): Promise<JwtCheck> {
  for (const name of settings.algorithms) {
    if (!algorithms.has(name)) {
      throw new TributaryError(
        'CONFIG_INVALID',
        `gateway.auth.jwt.algorithms: "${name}" must be one of ${[...algorithms].join(', ')}`,
      );
    }
  }
  const keys = await keysOf(settings);
  const options: jose.JWTVerifyOptions = {
    algorithms: [...settings.algorithms],
    clockTolerance: settings.leewayMs / 1000,
    ...(settings.issuer === '' ? {} : { issuer: settings.issuer }),
    ...(settings.audience === '' ? {} : { audience: settings.audience }),
    ...(settings.requireExp ? { requiredClaims: ['exp'] } : {}),
  };
  return {
    get ready() {
      return keys.ready();
    },
    async verify(token) {
      let payload: jose.JWTPayload;
      try {
        const now = { currentDate: new Date(clock.nowMs()) };
        ({ payload } = await jose.jwtVerify(token, keys.find, { ...options, ...now }));
      } catch (error) {
        throw new AuthError(failureOf(error));
      }
      const principal = payload[settings.principalClaim];
      if (typeof principal !== 'string' || principal === '') throw new AuthError('claims');
      return {
        principal,
        claims: payload,
        expiresMs: payload.exp === undefined ? null : payload.exp * 1000,
      };
    },
  };
}

interface Keys {
  readonly find: jose.JWTVerifyGetKey;
  ready(): boolean;
}

async function keysOf({ jwks, secret }: JwtSettings): Promise<Keys> {
  const always = (): boolean => true;
  if (secret !== '') {
    const bytes = new TextEncoder().encode(secret);
    return {
      ready: always,
      find: async ({ alg }) => {
        // A secret is no public key: without this an RS256 token could be checked with it as an HMAC key, or the reverse.
        if (!alg?.startsWith('HS')) throw new jose.errors.JOSEAlgNotAllowed('a secret is for HS algorithms only');
        return bytes;
      },
    };
  }
  if (typeof jwks === 'string' && /^https?:\/\//.test(jwks)) {
    const remote = jose.createRemoteJWKSet(new URL(jwks), { cooldownDuration: refetchMs, timeoutDuration: 5000 });
    return { ready: () => remote.jwks() !== undefined || !remote.coolingDown, find: remote };
  }
  const set = typeof jwks === 'string' ? await readKeySet(jwks) : (jwks as unknown as jose.JSONWebKeySet);
  try {
    return { ready: always, find: jose.createLocalJWKSet(set) };
  } catch (error) {
    throw new TributaryError('CONFIG_INVALID', 'gateway.auth.jwt.jwks is no JSON Web Key Set', { cause: error });
  }
}

async function readKeySet(file: string): Promise<jose.JSONWebKeySet> {
  if (file === '') {
    throw new TributaryError('CONFIG_INVALID', 'gateway.auth.jwt: one of "jwks" and "secret" must be given');
  }
  try {
    return JSON.parse(await readFile(file, 'utf8')) as jose.JSONWebKeySet;
  } catch (error) {
    throw new TributaryError('CONFIG_INVALID', `gateway.auth.jwt.jwks: cannot read "${file}" as JSON`, {
      cause: error,
    });
  }
}

function failureOf(error: unknown): AuthFailure {
  if (error instanceof jose.errors.JWTExpired) return 'expired';
  if (error instanceof jose.errors.JWTClaimValidationFailed) return 'claims';
  if (error instanceof jose.errors.JWTInvalid || error instanceof jose.errors.JWSInvalid) return 'malformed';
  if (error instanceof jose.errors.JWKSNoMatchingKey || error instanceof jose.errors.JWKSTimeout) return 'unknown';
  return 'signature';
}
