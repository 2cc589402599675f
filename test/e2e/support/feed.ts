/** A stand-in for an exchange: numbered messages to whoever has sent a subscription. */
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { type WebSocket, WebSocketServer } from 'ws';

export interface Feed extends AsyncDisposable {
  readonly url: string;
  /** What clients have sent. */
  readonly subscriptions: readonly string[];
  readonly sent: () => number;
  /** Clients that have subscribed and are still connected. */
  readonly subscribed: () => number;
}

export interface FeedOptions {
  /** Messages every 10 ms, to all clients alike; 0: only the first ones. */
  readonly perTick?: number;
  /** Messages sent at once when a client subscribes. */
  readonly first?: number;
}

export async function startFeed({ perTick = 0, first = 3 }: FeedOptions = {}): Promise<Feed> {
  const server = new WebSocketServer({ host: '127.0.0.1', port: 0 });
  await once(server, 'listening');
  const subscriptions: string[] = [];
  const subscribed = new Set<WebSocket>();
  let sent = 0;
  const publish = (count: number): void => {
    for (let i = 0; i < count; i++) {
      const text = JSON.stringify({ n: sent++, product_id: 'BTC-USD' });
      for (const client of subscribed) client.send(text);
    }
  };
  server.on('connection', (client) => {
    client.on('error', () => {}); // a client that was killed
    client.on('close', () => subscribed.delete(client));
    client.on('message', (data) => {
      subscriptions.push(String(data));
      subscribed.add(client);
      publish(first);
    });
  });
  const timer = perTick === 0 ? undefined : setInterval(() => subscribed.size > 0 && publish(perTick), 10);
  return {
    url: `ws://127.0.0.1:${(server.address() as AddressInfo).port}`,
    subscriptions,
    sent: () => sent,
    subscribed: () => subscribed.size,
    async [Symbol.asyncDispose]() {
      clearInterval(timer);
      for (const client of server.clients) client.terminate();
      server.close();
      await once(server, 'close');
    },
  };
}

/** A configuration whose connector `feed` writes the feed to the topic of that name. */
export const feedConfig = (url: string): string => `connectors:
  feed:
    connector.class: websocket
    websocket.url: ${url}
    websocket.subscription.message: go
    websocket.reconnect.interval.ms: 50
    kafka.topic: feed
`;

/** The numbers of a feed's messages. */
export function numbersOf(records: readonly { readonly value: string | null }[]): number[] {
  return records.map(({ value }) => JSON.parse(value!).n);
}
