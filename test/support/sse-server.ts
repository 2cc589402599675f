/** An HTTP server whose answers a test writes byte for byte, and that keeps what it was asked. */
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type Server, type ServerResponse } from 'node:http';
import { createServer as createSecureServer, type ServerOptions } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';

export interface SseExchange {
  /** From 0. */
  readonly number: number;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly rawHeaders: readonly string[];
  readonly body: string;
  /** 200 with `text/event-stream`, and these headers. */
  open(headers?: Readonly<Record<string, string>>): SseExchange;
  answer(status: number, headers?: Readonly<Record<string, string>>, body?: string): void;
  write(bytes: string | Uint8Array): SseExchange;
  /** Resolves when the client has taken nearly all of it. */
  drained(): Promise<void>;
  /** The end of a whole answer. */
  end(): void;
  /** Cuts the connection amid the answer. */
  cut(): void;
  readonly gone: Promise<void>;
}

export interface SseServer extends AsyncDisposable {
  readonly port: number;
  readonly origin: string;
  readonly exchanges: SseExchange[];
  readonly openSockets: () => number;
  /** Resolves with the exchange of this number as soon as it is there. */
  exchange(number: number): Promise<SseExchange>;
}

export interface SseServerOptions {
  readonly port?: number;
  readonly tls?: ServerOptions;
}

export async function startSseServer(
  serve: (exchange: SseExchange) => void,
  { port = 0, tls }: SseServerOptions = {},
): Promise<SseServer> {
  const exchanges: SseExchange[] = [];
  const sockets = new Set<Socket>();
  let arrived = Promise.withResolvers<void>();
  const listener = async (
    request: Parameters<NonNullable<Parameters<typeof createServer>[1]>>[0],
    response: ServerResponse,
  ): Promise<void> => {
    let body = '';
    for await (const chunk of request.setEncoding('utf8')) body += chunk;
    const made = exchangeOf(exchanges.length, request, response, body);
    exchanges.push(made);
    serve(made);
    arrived.resolve();
    arrived = Promise.withResolvers<void>();
  };
  const server: Server = tls === undefined ? createServer(listener) : createSecureServer(tls, listener);
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  server.on('tlsClientError', () => {}); // a client that does not trust us is a test's wish
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  const bound = (server.address() as AddressInfo).port;
  return {
    port: bound,
    origin: `${tls === undefined ? 'http' : 'https'}://127.0.0.1:${bound}`,
    exchanges,
    openSockets: () => sockets.size,
    async exchange(number) {
      while (exchanges.length <= number) await arrived.promise;
      return exchanges[number]!;
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

function exchangeOf(
  number: number,
  request: { url?: string; headers: IncomingHttpHeaders; rawHeaders: string[] },
  response: ServerResponse,
  body: string,
): SseExchange {
  const gone = new Promise<void>((resolve) => {
    response.once('close', () => resolve());
  });
  const exchange: SseExchange = {
    number,
    path: request.url ?? '',
    headers: request.headers,
    rawHeaders: request.rawHeaders,
    body,
    gone,
    open(headers = {}) {
      response.writeHead(200, { 'content-type': 'text/event-stream', ...headers });
      response.flushHeaders();
      return exchange;
    },
    answer(status, headers = {}, text = '') {
      response.writeHead(status, headers).end(text);
    },
    write(bytes) {
      response.write(bytes);
      return exchange;
    },
    async drained() {
      if (response.writableNeedDrain) await once(response, 'drain');
    },
    end() {
      response.end();
    },
    cut() {
      response.socket?.destroy();
    },
  };
  return exchange;
}
