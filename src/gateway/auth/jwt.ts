/** JSON Web Tokens (RFC 7519), checked by jose: an allow-list of algorithms, and keys whose type must fit. */
import { createHash, createPublicKey, type JsonWebKey, KeyObject } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import * as jose from 'jose';
import type { Clock } from '../../base/clock.ts';
import { describeError, TributaryError } from '../../base/errors.ts';
import type { Log } from '../../telemetry/log.ts';
import type { JwtSettings } from '../settings.ts';
import { AuthError, type AuthFailure, type Identity } from './identity.ts';

export interface JwtCheck {
  /** Rejects with AuthError. */
  verify(token: string): Promise<Identity>;
  /**
   * Whether the algorithm, the key and the claims of an identity are still accepted. While there are no keys, because their
   * server is away, whoever is in stays until its time is over.
   */
  knows(identity: Identity): boolean;
  /** Whether there are keys to verify with. */
  readonly ready: boolean;
  close(): void;
}

const algorithms = new Set(
  ['HS', 'RS', 'PS', 'ES'].flatMap((kind) => ['256', '384', '512'].map((size) => kind + size)),
);
algorithms.add('EdDSA');
/** How often an unknown key id may make the key set be fetched again. */
const refetchMs = 30_000;
/** How often a key set that has not been had yet is asked for. */
const firstFetchMs = 5000;

/**
 * Reads the key set of a file or an inline one, and fetches one behind a URL: where that fails it is tried again, and until
 * then no token is accepted. CONFIG_INVALID.
 */
export async function jwtCheck(settings: JwtSettings, clock: Clock, log: Log): Promise<JwtCheck> {
  for (const name of settings.algorithms) {
    if (!algorithms.has(name)) {
      throw new TributaryError(
        'CONFIG_INVALID',
        `gateway.auth.jwt.algorithms: "${name}" must be one of ${[...algorithms].join(', ')}`,
      );
    }
  }
  const unchecked = (['issuer', 'audience'] as const).filter((name) => settings[name] === '');
  if (unchecked.length > 0) log.warn('jwt_not_checked', { keys: unchecked.map((name) => `gateway.auth.jwt.${name}`) });
  const keys = await keysOf(settings, log);
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
    close: () => keys.close(),
    async verify(token) {
      const now = { currentDate: new Date(clock.nowMs()) };
      const verified = await jose.jwtVerify(token, keys.find, { ...options, ...now }).catch((error: unknown) => {
        throw new AuthError(failureOf(error));
      });
      const { payload, protectedHeader, key } = verified;
      const principal = payload[settings.principalClaim];
      if (typeof principal !== 'string' || principal === '') throw new AuthError('claims');
      const expiresMs = endOf(payload, settings.leewayMs, clock.nowMs());
      return { principal, claims: payload, expiresMs, by: 'jwt', credential: `${protectedHeader.alg} ${printOf(key)}` };
    },
    knows({ principal, claims, credential = '' }) {
      const [algorithm = '', print = ''] = credential.split(' ');
      if (!settings.algorithms.includes(algorithm) || claims[settings.principalClaim] !== principal) return false;
      if (settings.requireExp && claims['exp'] === undefined) return false;
      if (settings.issuer !== '' && claims['iss'] !== settings.issuer) return false;
      if (settings.audience !== '' && ![claims['aud']].flat().includes(settings.audience)) return false;
      return !keys.ready() || keys.prints().has(print);
    },
  };
}

/** A token that is taken although its time is over, because clocks differ, lives on for what they may differ by. */
function endOf({ exp }: jose.JWTPayload, leewayMs: number, nowMs: number): number | null {
  if (exp === undefined) return null;
  return exp * 1000 > nowMs ? exp * 1000 : exp * 1000 + leewayMs;
}

interface Keys {
  readonly find: jose.JWTVerifyGetKey<jose.CryptoKey | Uint8Array>;
  /** What `printOf` gives for each of them. */
  prints(): ReadonlySet<string>;
  ready(): boolean;
  close(): void;
}

async function keysOf({ jwks, secret }: JwtSettings, log: Log): Promise<Keys> {
  const local = { ready: () => true, close() {} };
  if (secret !== '') {
    const bytes = new TextEncoder().encode(secret);
    const prints = new Set([printOf(bytes)]);
    return {
      ...local,
      prints: () => prints,
      find: async ({ alg }) => {
        // A secret is no public key: without this an RS256 token could be checked with it as an HMAC key, or the reverse.
        if (!alg?.startsWith('HS')) throw new jose.errors.JOSEAlgNotAllowed('a secret is for HS algorithms only');
        return bytes;
      },
    };
  }
  if (typeof jwks === 'string' && /^https?:\/\//.test(jwks)) {
    return remoteKeys(jwks, log);
  }
  const set = typeof jwks === 'string' ? await readKeySet(jwks) : (jwks as unknown as jose.JSONWebKeySet);
  try {
    const prints = printsOf(set);
    return { ...local, find: jose.createLocalJWKSet(set), prints: () => prints };
  } catch (error) {
    throw new TributaryError('CONFIG_INVALID', 'gateway.auth.jwt.jwks is no JSON Web Key Set', { cause: error });
  }
}

async function remoteKeys(address: string, log: Log): Promise<Keys> {
  if (!URL.canParse(address)) {
    throw new TributaryError('CONFIG_INVALID', `gateway.auth.jwt.jwks: cannot parse "${address}" as a URL`);
  }
  const url = new URL(address);
  // Whoever can change the keys on their way can be anybody.
  if (url.protocol !== 'https:' && !/^(localhost|127(\.\d+){3}|\[::1\])$/.test(url.hostname)) {
    throw new TributaryError(
      'CONFIG_INVALID',
      `gateway.auth.jwt.jwks: "${url.origin}" must be https, but for an address of this machine`,
    );
  }
  const remote = jose.createRemoteJWKSet(url, { cooldownDuration: refetchMs, timeoutDuration: 5000 });
  const isLoaded = (): boolean => remote.jwks() !== undefined;
  const fetchFirst = async (): Promise<void> => {
    try {
      await remote.reload();
    } catch (error) {
      log.warn('jwks_not_fetched', { url: url.origin + url.pathname, reason: describeError(error) });
    }
  };
  await fetchFirst();
  const timer = setInterval(() => {
    if (isLoaded()) clearInterval(timer);
    else if (!remote.reloading) void fetchFirst();
  }, firstFetchMs).unref();
  let asked: ReadonlySet<string> | undefined;
  // A reload asks for each connection, all in one turn.
  const prints = (): ReadonlySet<string> => {
    if (asked === undefined) {
      asked = printsOf(remote.jwks() ?? { keys: [] });
      setImmediate(() => {
        asked = undefined;
      });
    }
    return asked;
  };
  return { ready: isLoaded, find: remote, prints, close: () => clearInterval(timer) };
}

/** Tells a key from every other one, however it was written. */
function printOf(key: jose.CryptoKey | Uint8Array): string {
  const bytes = key instanceof Uint8Array ? key : KeyObject.from(key).export({ type: 'spki', format: 'der' });
  return createHash('sha256').update(bytes).digest('base64url');
}

function printsOf({ keys }: jose.JSONWebKeySet): ReadonlySet<string> {
  const prints = new Set<string>();
  for (const key of keys) {
    try {
      const { alg: _, ...bare } = key;
      const bytes = createPublicKey({ key: bare as JsonWebKey, format: 'jwk' }).export({ type: 'spki', format: 'der' });
      prints.add(createHash('sha256').update(bytes).digest('base64url'));
    } catch {
      // Of a kind that signs nothing here; no token was verified with it.
    }
  }
  return prints;
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
  if (error instanceof jose.errors.JWSSignatureVerificationFailed) return 'signature';
  if (error instanceof jose.errors.JOSEAlgNotAllowed || error instanceof jose.errors.JOSENotSupported)
    return 'signature';
  return 'unknown'; // its key, or no key set could be had
}
