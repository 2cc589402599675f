/** A strict reading of the section `gateway`: every key that is unknown and every value that is wrong is named. */
import { isIP } from 'node:net';
import { TributaryError } from '../base/errors.ts';
import { suggest } from '../base/nearest.ts';
import type { AclRule } from './auth/acl.ts';
import {
  type AuthMode,
  type GatewaySettings,
  gatewayDefaults,
  type IngestRoute,
  type JwtSettings,
  jwtDefaults,
  routeDefaults,
  type TlsSettings,
  type TokenEntry,
  tlsDefaults,
} from './settings.ts';
import { weakCipher } from './weak-ciphers.ts';

/** Values of words that are not free. */
const words: Readonly<Record<string, readonly string[]>> = {
  'tls.clientAuth': ['none', 'optional', 'required'],
  'tls.minVersion': ['TLSv1.2', 'TLSv1.3'],
  'v2.offsetReset': ['latest', 'earliest'],
  'v2.onPublishError': ['close', 'drop'],
  'ingest.accept': ['both', 'text', 'binary'],
  'ingest.split': ['none', 'lines'],
  'ingest.validate': ['none', 'json'],
};

/** More than a machine has processors for. */
const maxProcesses = 256;

/** Throws CONFIG_INVALID that names the key, the value and what is wanted. `raw` is the section `gateway`, values parsed. */
export function readGatewaySettings(raw: unknown): GatewaySettings {
  const written = objectAt('gateway', raw ?? {});
  const { tls, acl, ingest, auth, ...rest } = written;
  const settings = merge('', gatewayDefaults, rest) as GatewaySettings;
  checkProcesses(settings.processes);
  for (const [at, address] of settings.trustProxies.entries()) checkSubnet(`trustProxies[${at}]`, address);
  return {
    ...settings,
    tls: tls === undefined || tls === null ? undefined : readTls(tls),
    auth: auth === undefined ? gatewayDefaults.auth : readAuth(auth),
    acl: acl === undefined || acl === null ? undefined : list('acl', acl).map(readRule),
    ingest: ingest === undefined || ingest === null ? [] : list('ingest', ingest).map(readRoute),
  };
}

/** Gives what it was given. CONFIG_INVALID. */
export function checkProcesses(processes: number): number {
  if (Number.isSafeInteger(processes) && processes >= 1 && processes <= maxProcesses) return processes;
  throw invalid('processes', processes, `a whole number from 1 to ${maxProcesses}`);
}

/** Values over their defaults: the same keys, the same types. */
function merge(path: string, defaults: unknown, written: unknown): unknown {
  if (written === undefined || written === null) return defaults;
  if (Array.isArray(defaults)) return list(path, written);
  switch (typeof defaults) {
    case 'object':
      return mergeObject(path, defaults as Record<string, unknown>, objectAt(path, written));
    case 'number':
      if (typeof written === 'number' && Number.isSafeInteger(written) && written >= 0) return written;
      throw invalid(path, written, 'a whole number from 0');
    case 'boolean':
      if (typeof written === 'boolean') return written;
      throw invalid(path, written, 'true or false');
    default: {
      if (typeof written !== 'string') throw invalid(path, written, 'a text');
      const allowed = words[path];
      if (allowed !== undefined && !allowed.includes(written)) {
        throw invalid(path, written, `one of ${allowed.join(', ')}.${suggest(written, allowed)}`);
      }
      return written;
    }
  }
}

function mergeObject(
  path: string,
  defaults: Readonly<Record<string, unknown>>,
  written: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  const merged: Record<string, unknown> = { ...defaults };
  for (const [key, value] of Object.entries(written)) {
    const inner = path === '' ? key : `${path}.${key}`;
    if (!Object.hasOwn(defaults, key)) {
      throw new TributaryError(
        'CONFIG_INVALID',
        `gateway.${inner}: there is no such key.${suggest(key, Object.keys(defaults))}`,
      );
    }
    merged[key] = merge(inner, defaults[key], value);
  }
  return merged;
}

function readTls(written: unknown): TlsSettings {
  const tls = merge('tls', tlsDefaults, written) as TlsSettings;
  const weak = weakCipher(tls.ciphers);
  if (weak !== undefined) {
    throw invalid('tls.ciphers', tls.ciphers, `a list of suites that are not broken: ${weak}`);
  }
  return tls;
}

function checkSubnet(path: string, address: unknown): void {
  const [, host = '', bits] = /^([^/]*)(?:\/(\d{1,3}))?$/.exec(String(address)) ?? [];
  const family = isIP(host);
  if (family !== 0 && Number(bits ?? 0) <= (family === 4 ? 32 : 128)) return;
  throw invalid(path, address, 'an IP address, or a subnet such as 10.0.0.0/8');
}

function readAuth(written: unknown): GatewaySettings['auth'] {
  const { mode, jwt, ...rest } = objectAt('auth', written);
  const { jwks, ...claims } = objectAt('auth.jwt', jwt ?? {});
  const modes = mode === undefined ? ['none'] : Array.isArray(mode) ? mode : [mode];
  for (const one of modes) {
    if (one !== 'none' && one !== 'token' && one !== 'jwt') {
      throw invalid('auth.mode', one, 'one of none, token, jwt, or a list of the last two');
    }
  }
  const merged = merge('auth', { ...gatewayDefaults.auth, mode: 'none' }, rest) as GatewaySettings['auth'];
  const settings = merge('auth.jwt', jwtDefaults, claims) as JwtSettings;
  return {
    ...merged,
    mode: modes as AuthMode[],
    tokens: merged.tokens.map((entry, at) => readTokenEntry(entry, at)),
    jwt: { ...settings, jwks: (jwks ?? '') as JwtSettings['jwks'] },
  };
}

function readTokenEntry(entry: unknown, at: number): TokenEntry {
  const path = `auth.tokens[${at}]`;
  const { name, token, sha256, ...unknown } = objectAt(path, entry);
  refuseUnknown(path, unknown, ['name', 'token', 'sha256']);
  if (typeof name !== 'string' || name === '')
    throw new TributaryError('CONFIG_INVALID', `gateway.${path}.name is missing`);
  if (typeof token === 'string') {
    if (!/^[A-Za-z0-9._~-]{16,}$/.test(token)) {
      throw new TributaryError(
        'CONFIG_INVALID',
        `gateway.${path}.token must have at least 16 characters out of letters, digits, ".", "_", "~" and "-"`,
      );
    }
    return { name, token };
  }
  if (typeof sha256 === 'string' && /^[0-9a-fA-F]{64}$/.test(sha256)) return { name, sha256: sha256.toLowerCase() };
  throw new TributaryError(
    'CONFIG_INVALID',
    `gateway.${path} must have a "token", or its "sha256" in 64 hexadecimal digits`,
  );
}

const actions = ['subscribe', 'publish', 'group'];

function readRule(written: unknown, at: number): AclRule {
  const path = `acl[${at}]`;
  const { who, can, topics, claims, keys, groups, ...unknown } = objectAt(path, written);
  refuseUnknown(path, unknown, ['who', 'can', 'topics', 'claims', 'keys', 'groups']);
  const wrong = texts(`${path}.can`, can).find((action) => !actions.includes(action));
  if (wrong !== undefined) throw invalid(`${path}.can`, wrong, `one of ${actions.join(', ')}`);
  return {
    who: texts(`${path}.who`, who),
    can: texts(`${path}.can`, can) as AclRule['can'],
    topics: topics === undefined ? [] : texts(`${path}.topics`, topics),
    claims: claims === undefined ? {} : objectAt(`${path}.claims`, claims),
    keys: keys === undefined ? null : texts(`${path}.keys`, keys),
    groups: groups === undefined ? [] : texts(`${path}.groups`, groups),
  };
}

function readRoute(written: unknown, at: number): IngestRoute {
  const route = mergeObject(
    'ingest',
    routeDefaults as never,
    objectAt(`ingest[${at}]`, written),
  ) as unknown as IngestRoute;
  if (!/^[A-Za-z0-9._~-]+$/.test(route.name)) {
    throw invalid(`ingest[${at}].name`, route.name, 'a name of letters, digits, ".", "_", "~" and "-"');
  }
  if (!/^(none|session|query:.+|header:.+|json:(\/.*)?)$/.test(route.key)) {
    throw invalid(`ingest[${at}].key`, route.key, 'none, session, query:NAME, header:NAME or json:/pointer');
  }
  return route.topic === '' ? { ...route, topic: route.name } : route;
}

function refuseUnknown(path: string, unknown: Readonly<Record<string, unknown>>, known: readonly string[]): void {
  const [key] = Object.keys(unknown);
  if (key === undefined) return;
  throw new TributaryError('CONFIG_INVALID', `gateway.${path}.${key}: there is no such key.${suggest(key, known)}`);
}

function texts(path: string, value: unknown): readonly string[] {
  const all = typeof value === 'string' ? [value] : list(path, value);
  const wrong = all.find((entry) => typeof entry !== 'string');
  if (wrong !== undefined) throw invalid(path, wrong, 'a list of texts');
  return all as string[];
}

function list(path: string, value: unknown): readonly unknown[] {
  if (Array.isArray(value)) return value;
  throw invalid(path, value, 'a list');
}

function objectAt(path: string, value: unknown): Record<string, unknown> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw invalid(path, value, 'a section of keys');
}

function invalid(path: string, value: unknown, wanted: string): TributaryError {
  // What stands in the section auth may be a secret.
  const shown = path.startsWith('auth.') && path !== 'auth.mode' ? '' : ` ${JSON.stringify(value)}`;
  return new TributaryError('CONFIG_INVALID', `gateway.${path}:${shown} must be ${wanted}`);
}
