/** A server that takes messages as a WebSocket sink sends them, acknowledges as a test says, and can be killed. */
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { type WebSocket, WebSocketServer } from 'ws';

export interface Taken {
  readonly text: string;
  readonly binary: boolean;
  /** Number of the connection that it came over, from 1. */
  readonly connection: number;
}

export interface SinkServer extends AsyncDisposable {
  readonly url: string;
  readonly taken: readonly Taken[];
  readonly connections: () => number;
  readonly sockets: ReadonlySet<WebSocket>;
  /** As if its machine lost power: connections are cut, nobody listens. */
  kill(): Promise<void>;
  /** At the same address. */
  revive(): Promise<void>;
}

export interface SinkServerOptions {
  /** Answers pings (default true). */
  readonly pongs?: boolean;
  /** What it replies to each message, if anything; `count` is how many have come over this connection. */
  readonly reply?: (text: string, count: number) => string | undefined;
  /** After so many messages of a connection it is cut, as long as this gives a number. */
  readonly cutAfter?: (connection: number) => number | undefined;
  /** What it does to each connection once it stands. */
  readonly onConnection?: (socket: WebSocket) => void;
}

export async function sinkServer({
  pongs = true,
  reply,
  cutAfter,
  onConnection,
}: SinkServerOptions = {}): Promise<SinkServer> {
  const taken: Taken[] = [];
  let connections = 0;
  let port = 0;
  let server: WebSocketServer;
  const listen = async (): Promise<void> => {
    server = new WebSocketServer({ host: '127.0.0.1', port, autoPong: pongs });
    await once(server, 'listening');
    ({ port } = server.address() as AddressInfo);
    server.on('connection', (socket) => {
      const connection = ++connections;
      const limit = cutAfter?.(connection) ?? Number.POSITIVE_INFINITY;
      let count = 0;
      socket.on('error', () => {});
      onConnection?.(socket);
      socket.on('message', (data, binary) => {
        if (count >= limit) return;
        count++;
        const text = data.toString();
        taken.push({ text, binary, connection });
        const answer = reply?.(text, count);
        if (count === limit) socket.terminate();
        else if (answer !== undefined) socket.send(answer);
      });
    });
  };
  const kill = async (): Promise<void> => {
    for (const socket of server.clients) socket.terminate();
    const closed = once(server, 'close');
    server.close();
    await closed;
  };
  await listen();
  return {
    url: `ws://127.0.0.1:${port}/sink`,
    taken,
    connections: () => connections,
    get sockets() {
      return server.clients;
    },
    kill,
    revive: listen,
    [Symbol.asyncDispose]: kill,
  };
}
