/** The addresses that one REST interface answers at, in clear or with TLS. */
import { createServer as createHttpServer, type IncomingMessage, type Server } from 'node:http';
import { createServer as createHttpsServer, type ServerOptions as TlsOptions } from 'node:https';
import { type AddressInfo, isIPv6 } from 'node:net';
import type { FastifyInstance } from 'fastify';
import { describeError, TributaryError } from '../base/errors.ts';
import { listenError } from '../base/listen-error.ts';

export interface Listener {
  readonly host: string;
  /** 0: any that is free. */
  readonly port: number;
  /** Certificate, key, and whose clients are let in; in clear without it. */
  readonly tls?: TlsOptions;
  /** `/admin` alone, all but that, or everything. */
  readonly serves?: 'all' | 'admin' | 'all-but-admin';
}

export interface ListenOptions extends Listener {
  /** Name of the option that changes the port, as a user would write it. */
  readonly option: string;
}

export interface ReachedListener {
  readonly isLoopback: boolean;
  readonly serves: 'all' | 'admin' | 'all-but-admin';
}

const reached = Symbol('listener');

/** The listener that a request came to; undefined for one that came through none (a test's). */
export function listenerOf(request: IncomingMessage): ReachedListener | undefined {
  return (request as IncomingMessage & { [reached]?: ReachedListener })[reached];
}

export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127\.\d+\.\d+\.\d+$/.test(host);
}

/** Listens and gives the URL. ADDRESS_IN_USE names the port and the option that changes it. */
export async function listen(server: FastifyInstance, options: ListenOptions): Promise<string> {
  const [url] = await listenAll(server, [options], options.option);
  return url!;
}

/** All of them, or none. They close with the server: what is under way is answered, what only waits is cut. */
export async function listenAll(
  server: FastifyInstance,
  listeners: readonly Listener[],
  option: string,
): Promise<readonly string[]> {
  const opened: Server[] = [];
  server.addHook('preClose', async () => {
    await Promise.all(opened.map(close));
  });
  await server.ready();
  const urls: string[] = [];
  try {
    for (const listener of listeners) {
      const one = serverFor(server, listener);
      await begin(one, listener, option);
      opened.push(one);
      const { port } = one.address() as AddressInfo;
      urls.push(`${listener.tls === undefined ? 'http' : 'https'}://${shown(listener.host, port)}`);
    }
  } catch (error) {
    await Promise.all(opened.splice(0).map(close));
    throw error;
  }
  return urls;
}

function serverFor(server: FastifyInstance, { host, tls, serves = 'all' }: Listener): Server {
  const info: ReachedListener = { isLoopback: isLoopback(host), serves };
  const route = (request: IncomingMessage, response: Parameters<typeof server.routing>[1]): void => {
    Object.assign(request, { [reached]: info });
    server.routing(request, response);
  };
  // A request may be a stream that goes on for hours (produce); a connection that only waits outlives a scrape interval.
  const timeouts = { requestTimeout: 0, keepAliveTimeout: 72_000 };
  if (tls === undefined) return createHttpServer(timeouts, route);
  try {
    return createHttpsServer({ ...timeouts, ...tls }, route);
  } catch (error) {
    // OpenSSL's text names what is wrong with certificate or key, and shows nothing of them.
    throw new TributaryError('CONFIG_INVALID', `Cannot listen with TLS: ${describeError(error)}`);
  }
}

function begin(server: Server, { host, port }: Listener, option: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => reject(listenError(error, host, port, option)));
    server.listen({ host, port }, resolve);
  });
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeIdleConnections();
  });
}

function shown(host: string, port: number): string {
  return `${isIPv6(host) ? `[${host}]` : host}:${port}`;
}
