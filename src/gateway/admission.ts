/** Who may come in: page, host, token, and what the identity may do (PROTOCOL.md, section 9). */
import type { IncomingMessage } from 'node:http';
import { BlockList, isIPv6 } from 'node:net';
import type { GatewayFault } from '../wire/gateway/codes.ts';
import type { Authenticator } from './auth/authenticator.ts';
import { AuthError, anonymous, type Identity } from './auth/identity.ts';
import { isHostAllowed, isOriginAllowed } from './auth/origin.ts';
import { tokenOf, valuesOf } from './auth/request-token.ts';
import type { GatewayMetrics } from './metrics.ts';
import type { GatewaySettings } from './settings.ts';

export type Admission =
  | { readonly ok: true; readonly identity: Identity | undefined }
  | {
      readonly ok: false;
      readonly status: number;
      readonly fault: GatewayFault;
      readonly headers: Readonly<Record<string, string>>;
    };

export interface AdmissionOptions {
  readonly settings: () => GatewaySettings;
  readonly authenticator: () => Authenticator;
  readonly metrics: GatewayMetrics;
}

export class Doorkeeper {
  readonly #options: AdmissionOptions;

  constructor(options: AdmissionOptions) {
    this.#options = options;
  }

  /** Whether the page behind a request may use the gateway at all; undefined where it may. */
  refusePage({ headers, rawHeaders }: IncomingMessage): GatewayFault | undefined {
    // Of two hosts a proxy may have looked at the other one (RFC 9112, section 3.2).
    if (valuesOf('host', rawHeaders).length > 1) return { code: 'bad_request', message: 'Host must be there once' };
    const settings = this.#options.settings();
    const { origin, host } = headers;
    if (!this.#options.authenticator().required && !isHostAllowed(host, settings.hosts)) {
      return { code: 'forbidden', message: 'the host is not one of this gateway' };
    }
    const rules = { origins: settings.origins, hosts: settings.hosts, isTls: settings.tls !== undefined };
    if (isOriginAllowed(origin, host, rules)) return undefined;
    return { code: 'forbidden', message: 'the origin is not allowed' };
  }

  /** `mayComeLater`: a missing token may still be shown in the first frame; then the identity is undefined. */
  async admit(request: IncomingMessage, query: URLSearchParams, mayComeLater: boolean): Promise<Admission> {
    const authenticator = this.#options.authenticator();
    if (!authenticator.required) return { ok: true, identity: anonymous };
    const { metrics, settings } = this.#options;
    const token = tokenOf(request, query, settings().auth.query);
    if (token.kind === 'bad' && token.reason === 'ambiguous') {
      metrics.authFailure('malformed');
      const fault: GatewayFault = { code: 'bad_request', message: 'two different tokens were given' };
      return { ok: false, status: 400, fault, headers: {} };
    }
    if (token.kind === 'none') {
      if (mayComeLater) return { ok: true, identity: undefined };
      metrics.authFailure('missing');
      return unauthorized('a token is wanted');
    }
    if (token.kind === 'bad') {
      metrics.authFailure('malformed');
      return unauthorized('the token is not accepted');
    }
    try {
      return { ok: true, identity: await authenticator.verify(token.token) };
    } catch (error) {
      metrics.authFailure(error instanceof AuthError ? error.reason : 'unknown');
      return unauthorized('the token is not accepted');
    }
  }
}

function unauthorized(message: string): Admission {
  const headers = { 'WWW-Authenticate': 'Bearer' };
  return { ok: false, status: 401, fault: { code: 'unauthorized', message }, headers };
}

/** Address of the client: of a proxy that is trusted, the one that it names. */
export function clientAddress(trustProxies: readonly string[]): (request: IncomingMessage) => string {
  const trusted = new BlockList();
  for (const cidr of trustProxies) {
    const [address = '', bits] = cidr.split('/');
    const family = isIPv6(address) ? 'ipv6' : 'ipv4';
    trusted.addSubnet(address, bits === undefined ? (family === 'ipv6' ? 128 : 32) : Number(bits), family);
  }
  const isTrusted = (address: string): boolean => trusted.check(address, isIPv6(address) ? 'ipv6' : 'ipv4');
  return ({ socket, headers }) => {
    let address = plain(socket.remoteAddress ?? '');
    const forwarded = headers['x-forwarded-for'];
    const named = (Array.isArray(forwarded) ? forwarded.join(',') : (forwarded ?? ''))
      .split(',')
      .map((part) => part.trim());
    // From the right: each proxy that is trusted speaks of the one before it.
    while (isTrusted(address) && named.length > 0) {
      const before = named.pop()!;
      if (before !== '') address = plain(before);
    }
    return address;
  };
}

/** An IPv4 address without the form that IPv6 sockets give it. */
function plain(address: string): string {
  return address.replace(/^::ffff:(?=\d+\.)/, '');
}
