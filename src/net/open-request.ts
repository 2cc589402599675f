/** One HTTP request on a connection of its own: TCP, proxy and TLS as configured, to an address that may be reached. */
import { type ClientRequest, request as httpRequest } from 'node:http';
import { request as httpsRequest, type RequestOptions } from 'node:https';
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { type Endpoint, type HeaderPair, hostHeader } from './endpoint.ts';
import type { OutboundPolicy } from './outbound-policy.ts';
import { proxyAgent, proxyFor } from './proxy.ts';
import type { TlsTrust } from './tls-trust.ts';

/** How connections are made, whatever is asked over them. */
export interface Route {
  /** URL of a proxy, `environment` for what the environment says of the endpoint, or null. */
  readonly proxy: string | null;
  readonly tls: TlsTrust;
  readonly outbound: OutboundPolicy;
}

export interface RequestLine {
  readonly method: string;
  readonly path: string;
  /** Host is set unless it is among them. */
  readonly headers: readonly HeaderPair[];
}

/** Options of Node's, ready to be used. */
export interface PreparedRequest {
  readonly secure: boolean;
  readonly throughProxy: boolean;
  readonly options: RequestOptions;
}

/**
 * What has to be waited for before a request: the proxy's part, and what the outbound policy says. The signal ends a
 * connection to a proxy that is being made. OUTBOUND_FORBIDDEN where the policy forbids the host or the proxy.
 */
export async function prepareRequest(
  endpoint: Endpoint,
  { method, path, headers }: RequestLine,
  { proxy: setting, tls, outbound }: Route,
  signal: AbortSignal,
): Promise<PreparedRequest> {
  const proxy = proxyFor(endpoint, setting, process.env);
  const { host, port, secure } = endpoint;
  const hasHost = headers.some(([name]) => name.toLowerCase() === 'host');
  const options = {
    method,
    host: proxy === null ? host : await outbound.proxied(host),
    port,
    path,
    headers: [...(hasHost ? [] : [['Host', hostHeader(endpoint)] as const]), ...headers].flat(),
    setHost: false,
    agent: proxy === null ? false : await proxyAgent(proxy, signal, outbound),
    secureEndpoint: secure,
    ...(proxy === null ? outbound.connectOptions(host) : {}),
    ...(secure ? { ...tls.optionsFor(host), ALPNProtocols: ['http/1.1'] } : {}),
  };
  return { secure, throughProxy: proxy !== null, options };
}

/**
 * The request, begun and not ended. Listeners must be set before anything is waited for: its events come soon. Its event
 * `proxyConnect` tells what a proxy answered.
 */
export function beginRequest({ secure, options }: PreparedRequest): ClientRequest {
  return (secure ? httpsRequest : httpRequest)(options);
}

/** Calls back when TCP, proxy and TLS stand; at once where they do. */
export function whenConnected(socket: Socket, then: () => void): void {
  const secure = socket instanceof TLSSocket;
  const pending = secure
    ? (socket as unknown as { readonly secureConnecting: boolean }).secureConnecting
    : socket.connecting;
  if (pending) socket.once(secure ? 'secureConnect' : 'connect', then);
  else then();
}
