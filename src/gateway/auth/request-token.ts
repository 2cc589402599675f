/** Where a request may carry its token (PROTOCOL.md, section 9.2). */
import type { IncomingHttpHeaders } from 'node:http';

export type RequestToken =
  | { readonly kind: 'none' }
  | { readonly kind: 'token'; readonly token: string }
  /** Two different ones, or one in a form that cannot be read. */
  | { readonly kind: 'bad'; readonly reason: 'malformed' | 'ambiguous' };

const prefix = 'bearer.';

/** As it is in an IncomingMessage: `headers` has only the first of two that must not be there twice. */
export interface RequestHeaders {
  readonly headers: IncomingHttpHeaders;
  /** Names and values by turns. */
  readonly rawHeaders: readonly string[];
}

export function tokenOf(
  { headers, rawHeaders }: RequestHeaders,
  query: URLSearchParams,
  allowQuery: boolean,
): RequestToken {
  const found = new Set<string>();
  for (const authorization of valuesOf('authorization', rawHeaders)) {
    const match = /^Bearer +([^\s]+) *$/i.exec(authorization);
    if (match === null) return { kind: 'bad', reason: 'malformed' };
    found.add(match[1]!);
  }
  for (const protocol of subprotocolsOf(headers))
    if (protocol.startsWith(prefix)) found.add(protocol.slice(prefix.length));
  if (allowQuery) for (const token of query.getAll('access_token')) found.add(token);
  if (found.size > 1) return { kind: 'bad', reason: 'ambiguous' };
  const [token] = found;
  return token === undefined ? { kind: 'none' } : { kind: 'token', token };
}

/** Every value of a header, in their order. */
export function valuesOf(name: string, rawHeaders: readonly string[]): readonly string[] {
  return rawHeaders.filter((_, at) => at % 2 === 1 && rawHeaders[at - 1]!.toLowerCase() === name);
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
