import { isIPv6 } from 'node:net';

/** Where a connection goes to. */
export interface Endpoint {
  readonly secure: boolean;
  /** Without the brackets of an IPv6 address. */
  readonly host: string;
  readonly port: number;
}

export type HeaderPair = readonly [name: string, value: string];

/** Value of the Host header. */
export function hostHeader({ host, port, secure }: Endpoint): string {
  const bare = host.replace(/%.*$/, '');
  const name = isIPv6(bare) ? `[${bare}]` : host;
  return port === (secure ? 443 : 80) ? name : `${name}:${port}`;
}

/** True where credentials meant for the first may be sent to the second, too. */
export function sameEndpoint(a: Endpoint, b: Endpoint): boolean {
  return a.secure === b.secure && a.host.toLowerCase() === b.host.toLowerCase() && a.port === b.port;
}

/** The URL as logs and errors may show it: without user, password and the values of the query. */
export function maskUrl(url: string): string {
  return url
    .replace(/^([a-zA-Z][a-zA-Z0-9+.-]*:)?\/\/[^/?#]*@/, (_, scheme: string | undefined) => `${scheme ?? ''}//***@`)
    .replace(/#.*$/, '')
    .replace(/\?(.*)$/, (_, query: string) => `?${query.replace(/=[^&]*/g, '=***')}`);
}

/** Value of an Authorization header (RFC 7617). */
export function basicAuth(user: string, password: string): string {
  return `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
}
