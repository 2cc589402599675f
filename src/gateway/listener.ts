/** The gateway's listeners: the HTTP server with its limits, its addresses, and the health and metrics beside it. */
import { createServer, type RequestListener, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import type { Server as TlsServer } from 'node:tls';
import { TributaryError } from '../base/errors.ts';
import { listenError } from '../base/listen-error.ts';
import { exposition, expositionContentType } from '../telemetry/exposition.ts';
import type { Family } from '../telemetry/metrics.ts';
import { splitAddress } from './address.ts';
import { sendJson } from './http/respond.ts';
import { splitUrl } from './routes.ts';
import type { GatewaySettings } from './settings.ts';
import { refuseUntrusted, tlsOptions } from './tls.ts';

/** The kernel has a bound of its own. */
const maxBacklog = 65_535;

/** A gateway that asks nobody who they are is for this machine only, unless the configuration says that it is meant. */
export function checkListener({ listen, auth }: GatewaySettings): void {
  const { host } = splitAddress(listen, 'gateway.listen');
  const isLoopback = host === 'localhost' || host === '::1' || host.startsWith('127.');
  const isOpen = auth.mode === 'none' || (Array.isArray(auth.mode) && auth.mode.every((mode) => mode === 'none'));
  if (isLoopback || !isOpen || auth.anonymous) return;
  throw new TributaryError(
    'CONFIG_INVALID',
    `gateway.listen "${listen}" is not a loopback address and gateway.auth.mode is none: everybody could read and write every ` +
      'topic. Set gateway.auth, or say gateway.auth.anonymous: true if that is meant',
  );
}

export function makeServer(settings: GatewaySettings, handler: RequestListener): Server {
  const { handshakeMs } = settings.limits;
  const options = {
    maxHeaderSize: 16_384,
    headersTimeout: handshakeMs,
    requestTimeout: 0,
    connectionsCheckingInterval: Math.max(50, Math.min(1000, handshakeMs / 4)),
    noDelay: true,
    // Another protocol offered beside HTTP (h2c) is no reason not to answer.
    shouldUpgradeCallback: ({ headers }: { headers: NodeJS.Dict<string | string[]> }) =>
      String(headers['upgrade']).toLowerCase() === 'websocket',
  };
  const { tls } = settings;
  const server =
    tls === undefined
      ? createServer(options, handler)
      : (createTlsServer(
          { ...options, ...tlsOptions(tls), handshakeTimeout: handshakeMs },
          handler,
        ) as unknown as Server);
  if (tls !== undefined) refuseUntrusted(server as unknown as TlsServer, tls);
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Socket) => {
    // Where TLS was not completed, or the connection failed, an answer would never leave.
    if (!socket.writable || !/^(HPE|ERR_HTTP)_/.test(error.code ?? '')) return socket.destroy();
    const status =
      { ERR_HTTP_REQUEST_TIMEOUT: '408 Request Timeout', HPE_HEADER_OVERFLOW: '431 Request Header Fields Too Large' }[
        error.code ?? ''
      ] ?? '400 Bad Request';
    socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
    return undefined;
  });
  return server;
}

/** What `/healthz`, `/readyz` and `/metrics` tell. */
export interface AdminLook {
  /** Numbers of the processes whose event loop does not turn. */
  readonly stuck: readonly number[];
  readonly readiness: { readonly ready: boolean; readonly checks: Readonly<Record<string, string>> };
  readonly families: Iterable<Family>;
}

export function adminRoutes(look: () => AdminLook | Promise<AdminLook>): RequestListener {
  const answer = async (path: string, response: ServerResponse): Promise<void> => {
    const { stuck, readiness, families } = await look();
    if (path === '/readyz') sendJson(response, readiness.ready ? 200 : 503, JSON.stringify(readiness));
    else if (path === '/metrics') {
      response.writeHead(200, { 'content-type': expositionContentType }).end(exposition(families));
    } else if (stuck.length === 0) sendJson(response, 200, '{"status":"ok"}');
    else sendJson(response, 503, JSON.stringify({ status: 'stuck', processes: stuck }));
  };
  return (request, response) => {
    const [path] = splitUrl(request.url ?? '/');
    if (path === '/healthz' || path === '/readyz' || path === '/metrics') {
      answer(path, response).catch((error: Error) => response.destroy(error));
    } else
      sendJson(
        response,
        404,
        '{"type":"error","code":"not_found","message":"there is nothing at this path","retryable":false}',
      );
  };
}

/** host:port that it has now. ADDRESS_IN_USE and what else a listener can fail with. */
export async function listen(server: Server, address: string, key: string, sharesPort = false): Promise<string> {
  const { host, port } = splitAddress(address, key);
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) => reject(listenError(error, host, port, key)));
    // Ten thousand may come back at once: who finds no place in the backlog tries again after seconds.
    server.listen({ port, host, backlog: maxBacklog, reusePort: sharesPort }, resolve);
  });
  const { port: actual } = server.address() as AddressInfo;
  return `${host.includes(':') ? `[${host}]` : host}:${actual}`;
}

export function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
