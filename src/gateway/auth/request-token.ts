/** Where a request may carry its token (PROTOCOL.md, section 9.2). */
import type { IncomingHttpHeaders } from 'node:http';

export type RequestToken =
  | { readonly kind: 'none' }
  | { readonly kind: 'token'; readonly token: string }
  /** Two different ones, or one in a form that cannot be read. */
  | { readonly kind: 'bad'; readonly reason: 'malformed' | 'ambiguous' };

const prefix = 'bearer.';

export function tokenOf(headers: IncomingHttpHeaders, query: URLSearchParams, allowQuery: boolean): RequestToken {
  const found = new Set<string>();
  const { authorization } = headers;
  if (authorization !== undefined) {
    const match = /^Bearer +([^\s]+) *$/i.exec(authorization);
    if (match === null) return { kind: 'bad', reason: 'malformed' };
    found.add(match[1]!);
  }
  for (const protocol of subprotocolsOf(headers))
    if (protocol.startsWith(prefix)) found.add(protocol.slice(prefix.length));
  const inQuery = allowQuery ? query.get('access_token') : null;
  if (inQuery !== null) found.add(inQuery);
  if (found.size > 1) return { kind: 'bad', reason: 'ambiguous' };
  const [token] = found;
  return token === undefined ? { kind: 'none' } : { kind: 'token', token };
}

/** Subprotocols in the client's order, tokens included. */
export function subprotocolsOf(headers: IncomingHttpHeaders): readonly string[] {
  return (headers['sec-websocket-protocol'] ?? '')
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');
}

export function isTokenProtocol(protocol: string): boolean {
  return protocol.startsWith(prefix);
}
