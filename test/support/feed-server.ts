/** Plays a recording from a real WebSocket server, over as many connections as the plan of cuts makes of it. */
import { once } from 'node:events';
import type { AddressInfo, Socket } from 'node:net';
import type { WebSocket } from 'ws';
import { WebSocketServer } from 'ws';
import type { RecordedMessage, Recording } from './feeds.ts';

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
  /**
   * How a connection ends at a cut: `fin` delivers all that was sent before; `reset` takes away what is still in flight.
   * Before a reset the client has answered a ping behind a part of the messages: those have reached it.
   */
  readonly cutBy?: 'fin' | 'reset';
}

/** Messages of one connection, by their number. */
export interface Segment {
  readonly from: number;
  /** Those below have reached the client. */
  readonly confirmed: number;
  /** Behind the last one that was sent. */
  readonly to: number;
}

export interface FeedServer extends AsyncDisposable {
  readonly url: string;
  /** What clients sent, one list a connection. */
  readonly received: readonly string[][];
  /** What was sent, a segment a connection. */
  readonly segments: readonly Segment[];
  /** Resolves when the last message has reached the client. */
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
  const segments: Segment[] = [];
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

  const sendTo = (client: WebSocket, to: number): void => {
    for (; next < to; next++) {
      const { data, binary } = recording.messages[next]!;
      if (options.fragmented) sendInFragments(client, data, binary, options.random);
      else client.send(data, { binary, compress: options.deflate });
    }
  };

  const play = (client: WebSocket): void => {
    const from = next;
    const to = cuts.shift() ?? recording.messages.length;
    const isLast = to === recording.messages.length;
    const segment = { from, confirmed: from, to };
    segments.push(segment);
    const partTo = options.cutBy === 'reset' ? from + Math.floor(options.random() * (to - from + 1)) : to;
    sendTo(client, isLast ? to : partTo);
    if (!isLast && options.cutBy !== 'reset') {
      cut(client, recording.messages[next]!, options);
      return;
    }
    const payload = Buffer.from('so far');
    client.on('pong', (echo) => {
      if (!echo.equals(payload)) return;
      segment.confirmed = next;
      if (isLast) finished.resolve();
      else {
        sendTo(client, to);
        cut(client, recording.messages[next]!, options);
      }
    });
    client.ping(payload);
  };

  return {
    url: `ws://127.0.0.1:${(server.address() as AddressInfo).port}/feed`,
    received,
    segments,
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

/**
 * Ends the connection in the middle of a frame that says it has 100 bytes and brings ten. Where messages are in fragments
 * it is the second one of a message whose first one has come whole.
 */
function cut(
  client: WebSocket,
  { data, binary }: RecordedMessage,
  { deflate, fragmented, cutBy = 'fin' }: FeedServerOptions,
): void {
  const socket = (client as unknown as { readonly _socket: Socket })._socket;
  if (fragmented) client.send(data.subarray(0, data.length / 2), { binary, fin: false, compress: deflate });
  const first = fragmented ? 0x80 : deflate ? 0xc1 : 0x81;
  const end = (): void => {
    socket.write(Buffer.concat([Buffer.from([first, 100]), Buffer.alloc(10, 0x61)]), () => {
      if (cutBy === 'reset') socket.resetAndDestroy();
      else socket.end();
    });
  };
  // ws compresses in the background: a ping stands behind what was sent before, so its callback says that it is on the wire.
  client.ping('', false, end);
}
