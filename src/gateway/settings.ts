/** The gateway's configuration (PROTOCOL.md, section 13): its keys and their defaults. */
import type { AclRule } from './auth/acl.ts';

export type AuthMode = 'none' | 'token' | 'jwt';

export interface TokenEntry {
  readonly name: string;
  readonly token?: string;
  /** Of the token, hexadecimal. */
  readonly sha256?: string;
}

export interface IngestRoute {
  readonly name: string;
  readonly topic: string;
  /** none, session, query:NAME, header:NAME or json:/pointer */
  readonly key: string;
  readonly accept: 'both' | 'text' | 'binary';
  readonly split: 'none' | 'lines';
  readonly validate: 'none' | 'json';
  readonly ack: boolean;
  readonly subprotocols: readonly string[];
  readonly meta: boolean;
}

export interface JwtSettings {
  /** https URL, file, or the key set itself. */
  readonly jwks: string | Readonly<Record<string, unknown>>;
  readonly secret: string;
  readonly algorithms: readonly string[];
  readonly issuer: string;
  readonly audience: string;
  readonly principalClaim: string;
  readonly requireExp: boolean;
  readonly leewayMs: number;
}

export interface TlsSettings {
  readonly cert: string;
  readonly key: string;
  readonly pfx: string;
  readonly passphrase: string;
  readonly ca: string;
  readonly clientAuth: 'none' | 'optional' | 'required';
  readonly minVersion: 'TLSv1.2' | 'TLSv1.3';
  readonly ciphers: string;
}

export interface GatewaySettings {
  readonly listen: string;
  readonly admin: string;
  /** How many processes serve the address, each with readers, limits of memory and groups of its own. */
  readonly processes: number;
  readonly tls: TlsSettings | undefined;
  readonly origins: readonly string[];
  readonly hosts: readonly string[];
  readonly trustProxies: readonly string[];
  readonly auth: {
    readonly mode: AuthMode | readonly AuthMode[];
    readonly anonymous: boolean;
    readonly query: boolean;
    readonly tokens: readonly TokenEntry[];
    readonly jwt: JwtSettings;
  };
  /** Undefined: everything but internal topics where nobody is authenticated. */
  readonly acl: readonly AclRule[] | undefined;
  readonly internalTopics: boolean;
  readonly pingMs: number;
  readonly compression: boolean;
  readonly limits: {
    readonly connections: number;
    readonly perIp: number;
    readonly perPrincipal: number;
    readonly handshakeMs: number;
    readonly authMs: number;
    readonly message: number;
    readonly fragments: number;
    readonly subs: number;
    readonly topics: number;
    readonly window: number;
    readonly inflight: number;
    readonly framesPerSecond: number;
    readonly groups: number;
    readonly body: number;
    readonly queue: number;
    readonly stallMs: number;
    readonly memory: number;
  };
  readonly delivery: { readonly ringBytes: number; readonly replayReaders: number };
  readonly dedupe: { readonly windowMs: number; readonly entries: number };
  readonly drain: { readonly spreadMs: number; readonly timeoutMs: number };
  readonly sse: { readonly heartbeatMs: number; readonly retryMs: number };
  readonly v2: {
    readonly enabled: boolean;
    readonly maxMessage: number;
    readonly emitKey: boolean;
    readonly offsetReset: 'latest' | 'earliest';
    readonly onPublishError: 'close' | 'drop';
    readonly inputTransform: string;
    readonly outputTransform: string;
  };
  readonly ingest: readonly IngestRoute[];
  readonly ingestAny: boolean;
  readonly demo: boolean;
  readonly metrics: { readonly maxTopics: number };
}

export const jwtDefaults: JwtSettings = {
  jwks: '',
  secret: '',
  algorithms: ['RS256', 'ES256'],
  issuer: '',
  audience: '',
  principalClaim: 'sub',
  requireExp: true,
  leewayMs: 30_000,
};

export const tlsDefaults: TlsSettings = {
  cert: '',
  key: '',
  pfx: '',
  passphrase: '',
  ca: '',
  clientAuth: 'none',
  minVersion: 'TLSv1.2',
  ciphers: '',
};

export const routeDefaults: IngestRoute = {
  name: '',
  topic: '',
  key: 'none',
  accept: 'both',
  split: 'none',
  validate: 'none',
  ack: false,
  subprotocols: [],
  meta: true,
};

export const gatewayDefaults: GatewaySettings = {
  listen: '127.0.0.1:7080',
  admin: '127.0.0.1:7081',
  processes: 1,
  tls: undefined,
  origins: [],
  hosts: [],
  trustProxies: [],
  auth: { mode: 'none', anonymous: false, query: false, tokens: [], jwt: jwtDefaults },
  acl: undefined,
  internalTopics: false,
  pingMs: 25_000,
  compression: false,
  limits: {
    connections: 20_000,
    perIp: 1000,
    perPrincipal: 1000,
    handshakeMs: 10_000,
    authMs: 10_000,
    message: 1_048_576,
    fragments: 1024,
    subs: 64,
    topics: 64,
    window: 10_000,
    inflight: 1000,
    framesPerSecond: 0,
    groups: 100,
    body: 8_388_608,
    queue: 1_048_576,
    stallMs: 60_000,
    memory: 536_870_912,
  },
  delivery: { ringBytes: 67_108_864, replayReaders: 32 },
  dedupe: { windowMs: 300_000, entries: 100_000 },
  drain: { spreadMs: 5000, timeoutMs: 10_000 },
  sse: { heartbeatMs: 15_000, retryMs: 3000 },
  v2: {
    enabled: true,
    maxMessage: 65_536,
    emitKey: true,
    offsetReset: 'latest',
    onPublishError: 'close',
    inputTransform: 'identity',
    outputTransform: 'identity',
  },
  ingest: [],
  ingestAny: false,
  demo: false,
  metrics: { maxTopics: 200 },
};

export function authModes({ mode }: GatewaySettings['auth']): readonly AuthMode[] {
  return (typeof mode === 'string' ? [mode] : mode).filter((one) => one !== 'none');
}
