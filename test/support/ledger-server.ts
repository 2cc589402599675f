/** A WebSocket server that keeps a ledger: see ledger.ts. Each connection gets messages numbered from 0 on. */
import { once } from 'node:events';
import type { AddressInfo, Socket } from 'node:net';
import { type WebSocket, WebSocketServer } from 'ws';
import { ledgerMessage, type SentOver } from './ledger.ts';

export interface LedgerServerOptions {
  /** Messages every 10 ms. */
  readonly perTick: number;
  /** Of each message at least, or of the one with that number. */
  readonly bytes?: number | ((number: number) => number);
}

export interface LedgerServer extends AsyncDisposable {
  readonly url: string;
  readonly port: number;
  /** Of all connections since the start. */
  readonly connections: readonly SentOver[];
  /** Connections that are open, and the most there were at one time. */
  readonly open: () => number;
  readonly mostOpen: () => number;
  /** Sends no more, and resolves when all that was sent has reached the client. */
  quiesce(): Promise<void>;
  /** Goes on sending. */
  resume(): void;
  /** Ends every connection: by a close frame behind all that was sent, by FIN without one, or by a reset. */
  drop(how: 'close' | 'fin' | 'reset'): void;
}

interface Connection {
  sent: number;
  confirmed: number;
}

const tickMs = 10;
/** A client that does not read gets no more until it does: the ledger holds nothing for it. */
const maxBufferedBytes = 4 * 1024 * 1024;

export async function startLedgerServer({ perTick, bytes = 200 }: LedgerServerOptions): Promise<LedgerServer> {
  const server = new WebSocketServer({ host: '127.0.0.1', port: 0, perMessageDeflate: false });
  await once(server, 'listening');
  const connections: Connection[] = [];
  const live = new Map<WebSocket, Connection>();
  let mostOpen = 0;
  let isSending = true;
  const bytesOf = typeof bytes === 'number' ? (): number => bytes : bytes;

  server.on('connection', (client) => {
    const index = connections.length;
    const connection = { sent: 0, confirmed: 0 };
    connections.push(connection);
    live.set(client, connection);
    mostOpen = Math.max(mostOpen, live.size);
    client.on('error', () => {}); // a client that was killed is part of the test
    // Of the socket: where that is destroyed in the midst of a message, "ws" waits for the rest and never tells of a close.
    socketOf(client).once('close', () => {
      clearInterval(timer);
      live.delete(client);
    });
    client.on('pong', (data) => {
      connection.confirmed = Math.max(connection.confirmed, Number(String(data)));
    });
    const timer = setInterval(() => {
      if (client.readyState !== client.OPEN) return;
      if (isSending && client.bufferedAmount < maxBufferedBytes) {
        for (let i = 0; i < perTick; i++) {
          client.send(ledgerMessage(index, connection.sent, bytesOf(connection.sent)));
          connection.sent++;
        }
      }
      if (connection.confirmed < connection.sent) client.ping(String(connection.sent));
    }, tickMs);
  });

  return {
    port: (server.address() as AddressInfo).port,
    url: `ws://127.0.0.1:${(server.address() as AddressInfo).port}`,
    connections,
    open: () => live.size,
    mostOpen: () => mostOpen,
    async quiesce() {
      isSending = false;
      while (![...live.values()].every(({ sent, confirmed }) => sent === confirmed)) {
        await new Promise((next) => setTimeout(next, tickMs));
      }
    },
    resume() {
      isSending = true;
    },
    drop(how) {
      for (const client of live.keys()) {
        if (how === 'close') client.close(1012);
        else if (how === 'reset') socketOf(client).resetAndDestroy();
        else socketOf(client).end();
      }
    },
    async [Symbol.asyncDispose]() {
      for (const client of server.clients) client.terminate();
      server.close();
      await once(server, 'close');
    },
  };
}

/** `ws` has no way of its own to end a connection badly. */
function socketOf(client: WebSocket): Socket {
  return (client as unknown as { readonly _socket: Socket })._socket;
}
