/**
 * One feed of numbered messages that several servers send to all who are connected: `{"s":17,"x":"…"}`. A server can leave out
 * numbers, end its connections, be silent, or end each connection at an age of its own.
 */
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { type WebSocket, WebSocketServer } from 'ws';

export interface BroadcastServer {
  readonly url: string;
  /** Connections since the start, those there are, and the most there were at one time. */
  readonly connections: () => number;
  readonly open: () => number;
  readonly mostOpen: () => number;
  /** Of what clients have sent, by connection. */
  readonly received: readonly (readonly string[])[];
  /** The headers of each upgrade request. */
  readonly upgrades: readonly Readonly<Record<string, string | string[] | undefined>>[];
  /** Ends all its connections, without a close frame. */
  cut(): void;
  /** Numbers that it leaves out from now on. */
  leaveOut: (number: number) => boolean;
  /** Sends the last so many numbers once more. */
  repeat(count: number): void;
}

export interface BroadcastFeed extends AsyncDisposable {
  readonly servers: readonly BroadcastServer[];
  /** The next number. */
  readonly next: () => number;
  pause(): void;
}

export interface BroadcastOptions {
  readonly servers?: number;
  /** Messages every 10 ms. */
  readonly perTick?: number;
  /** The server ends each connection when it is so old. */
  readonly maxAgeMs?: number;
  /** Numbers go only to those who have sent something. */
  readonly wantsSubscription?: boolean;
  /** Messages that end what is sent to their connection, until the next one. */
  readonly unsubscribes?: (message: string) => boolean;
  /** So long it takes until numbers go to those who have sent something. */
  readonly subscribeMs?: number;
  /** Connections, from 0 on, that get nothing. */
  readonly ignores?: (connection: number) => boolean;
}

const tickMs = 10;

export async function startBroadcast(options: BroadcastOptions = {}): Promise<BroadcastFeed> {
  const { servers = 1, perTick = 5 } = options;
  const made = await Promise.all(Array.from({ length: servers }, () => startServer(options)));
  let next = 0;
  const timer = setInterval(() => {
    for (let i = 0; i < perTick; i++, next++) for (const server of made) server.send(next);
  }, tickMs);
  return {
    servers: made.map(({ server }) => server),
    next: () => next,
    pause: () => clearInterval(timer),
    async [Symbol.asyncDispose]() {
      clearInterval(timer);
      await Promise.all(made.map(({ close }) => close()));
    },
  };
}

export function broadcastMessage(number: number): string {
  return `{"x":"${'.'.repeat(50)}","s":${number}}`;
}

export function numberOf(value: unknown): number {
  return (JSON.parse(Buffer.from(value as Uint8Array).toString()) as { readonly s: number }).s;
}

async function startServer(options: BroadcastOptions) {
  const { maxAgeMs = 0, wantsSubscription = false, subscribeMs = 0 } = options;
  const { ignores = () => false, unsubscribes = () => false } = options;
  const sockets = new WebSocketServer({ host: '127.0.0.1', port: 0, perMessageDeflate: false });
  await once(sockets, 'listening');
  const live = new Set<WebSocket>();
  const received: string[][] = [];
  const upgrades: BroadcastServer['upgrades'][number][] = [];
  let mostOpen = 0;
  let last = -1;
  sockets.on('connection', (client, request) => {
    const own: string[] = [];
    received.push(own);
    upgrades.push(request.headers);
    const isIgnored = ignores(received.length - 1);
    const subscribe = (): void => {
      if (!isIgnored) live.add(client);
    };
    if (!wantsSubscription) subscribe();
    mostOpen = Math.max(mostOpen, sockets.clients.size);
    const timer = maxAgeMs > 0 ? setTimeout(() => client.close(1001), maxAgeMs) : undefined;
    client.on('error', () => {}); // a client that goes away is no news here
    client.on('message', (data) => {
      own.push(String(data));
      if (unsubscribes(String(data))) live.delete(client);
      else if (subscribeMs > 0) setTimeout(subscribe, subscribeMs);
      else subscribe();
    });
    client.on('close', () => {
      clearTimeout(timer);
      live.delete(client);
    });
  });
  const sendTo = (number: number): void => {
    for (const client of live) if (client.readyState === client.OPEN) client.send(broadcastMessage(number));
  };
  const server: BroadcastServer = {
    url: `ws://127.0.0.1:${(sockets.address() as AddressInfo).port}/`,
    connections: () => received.length,
    open: () => sockets.clients.size,
    mostOpen: () => mostOpen,
    received,
    upgrades,
    cut: () => {
      for (const client of sockets.clients) client.terminate();
    },
    leaveOut: () => false,
    repeat: (count) => {
      for (let number = Math.max(last - count + 1, 0); number <= last; number++) sendTo(number);
    },
  };
  return {
    server,
    send: (number: number): void => {
      last = number;
      if (!server.leaveOut(number)) sendTo(number);
    },
    close: async (): Promise<void> => {
      server.cut();
      sockets.close();
      await once(sockets, 'close');
    },
  };
}
