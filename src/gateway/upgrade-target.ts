/** What a handshake asks for, and what it is refused for before anybody is asked who they are. */
import type { IncomingMessage } from 'node:http';
import type { GatewayFault } from '../wire/gateway/codes.ts';
import { isTopicName } from '../wire/gateway/names.ts';
import { readV2Query, type V2Query } from '../wire/gateway/v2.ts';
import { subprotocolsOf } from './auth/request-token.ts';
import { asFault } from './faults.ts';
import type { GatewaySettings, IngestRoute } from './settings.ts';

export type Target =
  | { readonly kind: 'native'; readonly form: 'json' | 'bin'; readonly echo: string }
  | { readonly kind: 'v2'; readonly query: V2Query }
  | { readonly kind: 'ingest'; readonly route: IngestRoute };

/** A handshake that is answered with a status of HTTP. */
export class Refused extends Error {
  readonly status: number;
  readonly fault: GatewayFault;
  readonly headers: Readonly<Record<string, string>>;

  constructor(status: number, fault: GatewayFault, headers: Readonly<Record<string, string>> = {}) {
    super(fault.message);
    this.status = status;
    this.fault = fault;
    this.headers = headers;
  }
}

/** What a path speaks. Throws Refused. */
export function targetOf(path: string, query: string, request: IncomingMessage, settings: GatewaySettings): Target {
  if (settings.v2.enabled && (path === '/v2/broker' || path === '/v2/broker/'))
    return { kind: 'v2', query: readV2Query(query) };
  if (path === '/v1/ws') return nativeTarget(request);
  const name = /^\/v1\/ingest\/([A-Za-z0-9._~-]+)$/.exec(path)?.[1];
  const route = name === undefined ? undefined : ingestRoute(name, settings);
  if (route !== undefined) return { kind: 'ingest', route };
  throw new Refused(404, { code: 'not_found', message: 'there is nothing at this path' });
}

function nativeTarget(request: IncomingMessage): Target {
  for (const protocol of subprotocolsOf(request.headers)) {
    if (protocol === 'tributary.v1.json') return { kind: 'native', form: 'json', echo: protocol };
    if (protocol === 'tributary.v1.bin') return { kind: 'native', form: 'bin', echo: protocol };
  }
  const message = 'the subprotocol tributary.v1.json or tributary.v1.bin is wanted';
  throw new Refused(400, { code: 'bad_request', message });
}

function ingestRoute(name: string, { ingest, ingestAny }: GatewaySettings): IngestRoute | undefined {
  const route = ingest.find((entry) => entry.name === name);
  if (route !== undefined || !ingestAny || !isTopicName(name)) return route;
  return {
    name,
    topic: name,
    key: 'none',
    accept: 'both',
    split: 'none',
    validate: 'none',
    ack: false,
    subprotocols: [],
    meta: true,
  };
}

/** RFC 6455, section 4.2.1. Throws Refused. */
export function checkHandshake({ method, headers }: IncomingMessage): void {
  if (method !== 'GET') {
    throw new Refused(405, { code: 'bad_request', message: 'a handshake is a GET' }, { Allow: 'GET' });
  }
  if (headers['sec-websocket-version'] !== '13') {
    const fault: GatewayFault = { code: 'bad_request', message: 'version 13 of WebSocket is wanted' };
    throw new Refused(426, fault, { 'Sec-WebSocket-Version': '13', Upgrade: 'websocket' });
  }
  if (!/^[+/0-9A-Za-z]{22}==$/.test(headers['sec-websocket-key'] ?? '')) {
    throw new Refused(400, { code: 'bad_request', message: 'Sec-WebSocket-Key must be 16 bytes in base64' });
  }
}

export function asRefusal(error: unknown): Refused {
  const fault = asFault(error);
  const status =
    { forbidden: 403, not_found: 404, limit: 503, unavailable: 503, timeout: 503 }[fault.code as string] ?? 500;
  return new Refused(status, fault, status === 503 ? { 'Retry-After': '5' } : {});
}
