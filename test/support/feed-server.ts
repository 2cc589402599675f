/** Plays a recording from a real WebSocket server, over as many connections as the plan of cuts makes of it. */
import { once } from 'node:events';
import type { AddressInfo, Socket } from 'node:net';
import type { WebSocket } from 'ws';
import { WebSocketServer } from 'ws';
import type { Recording } from './feeds.ts';

export interface FeedServerOptions {
  readonly deflate: boolean;
  /** Messages travel in several frames, cut at random places. */
  readonly fragmented: boolean;
  readonly random: () => number;
  /**
   * Positions (message numbers) before which the connection is cut. The cut comes in the middle of that message's frame,
   * so that a torn frame must be thrown away and the message comes whole over the next connection.
   */
  readonly cuts?: readonly number[];
  /** How a connection ends at a cut: `fin` delivers all that was sent before; `reset` may take it away. */
  readonly cutBy?: 'fin' | 'reset';
}

export interface FeedServer extends AsyncDisposable {
  readonly url: string;
  /** What clients sent, one list a connection. */
  readonly received: readonly string[][];
  /** Resolves when the last message was handed to the socket. */
  readonly done: Promise<void>;
}

export async function serveRecording(recording: Recording, options: FeedServerOptions): Promise<FeedServer> {
  const server = new WebSocketServer({
    host: '127.0.0.1',
    port: 0,
    perMessageDeflate: options.deflate ? { threshold: 0 } : false,
  });
  await once(server, 'listening');
  const received: string[][] = [];
  const cuts = [...(options.cuts ?? [])].sort((a, b) => a - b);
  const finished = Promise.withResolvers<void>();
  let next = 0;

  server.on('connection', (client) => {
    const mine: string[] = [];
    received.push(mine);
    client.on('error', () => {}); // the client's side of a cut connection is not what is tested here
    client.on('message', (data) => {
      mine.push(String(data));
      if (mine.length === recording.subscriptions.length) play(client);
    });
    if (recording.subscriptions.length === 0) play(client);
  });

  const play = (client: WebSocket): void => {
    while (next < recording.messages.length) {
      if (next === cuts[0]) {
        cuts.shift();
        cut(client, options);
        return;
      }
      const { data, binary } = recording.messages[next]!;
      if (options.fragmented) sendInFragments(client, data, binary, options.random);
      else client.send(data, { binary, compress: options.deflate });
      next++;
    }
    if (next === recording.messages.length) finished.resolve();
  };

  return {
    url: `ws://127.0.0.1:${(server.address() as AddressInfo).port}/feed`,
    received,
    done: finished.promise,
    async [Symbol.asyncDispose]() {
      for (const client of server.clients) client.terminate();
      server.close();
      await once(server, 'close');
    },
  };
}

/** Two to five frames; a control frame may stand between them, as the standard allows (RFC 6455, 5.4). */
function sendInFragments(client: WebSocket, data: Buffer, binary: boolean, random: () => number): void {
  const compress = client.extensions !== '';
  const parts = 2 + Math.floor(random() * 4);
  let from = 0;
  for (let part = 1; part < parts; part++) {
    const to = from + Math.floor(random() * (data.length - from + 1));
    client.send(data.subarray(from, to), { binary, fin: false, compress });
    if (random() < 0.1) client.ping();
    from = to;
  }
  client.send(data.subarray(from), { binary, fin: true, compress });
}

/** Ends the connection in the middle of a frame that says it has 100 bytes and brings ten. */
function cut(client: WebSocket, { deflate, cutBy = 'fin' }: FeedServerOptions): void {
  const socket = (client as unknown as { readonly _socket: Socket })._socket;
  const end = (): void => {
    socket.write(Buffer.concat([Buffer.from([deflate ? 0xc1 : 0x81, 100]), Buffer.alloc(10, 0x61)]), () => {
      if (cutBy === 'reset') socket.resetAndDestroy();
      else socket.end();
    });
  };
  // ws compresses in the background: a ping stands behind what was sent before, so its callback says that it is on the wire.
  client.ping('', false, end);
}
