/**
 * A small exchange of our own, for the demonstration: a WebSocket server on 127.0.0.1 that makes up trades for a few
 * symbols and sends them to whoever has subscribed: `{"op":"subscribe","channel":"trades"}`, with `"symbols":[…]` for some.
 */
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { type WebSocket, WebSocketServer } from 'ws';
import type { Clock, Random } from '../base/clock.ts';
import { isRecord } from '../config/raw.ts';

export interface DemoExchange extends AsyncDisposable {
  readonly url: string;
}

export interface DemoExchangeOptions {
  readonly clock: Clock;
  readonly random: Random;
  /** Trades a second over all symbols, on average. */
  readonly tradesPerSecond: number;
  /** Where this one is taken, any that is free. Default: any. */
  readonly port?: number;
}

export interface Trade {
  readonly type: 'trade';
  /** Counts up by one for each trade of the exchange, over all symbols, from its start on. */
  readonly id: number;
  readonly symbol: string;
  readonly price: string;
  readonly size: string;
  readonly side: 'buy' | 'sell';
  readonly time: string;
}

const maxUnsentBytes = 4 * 1024 * 1024;
const tickMs = 50;

/** Trade ids begin at the time of the start, so that those of a second start are above those of the first. */
export async function startDemoExchange({
  clock,
  random,
  tradesPerSecond,
  port: wanted = 0,
}: DemoExchangeOptions): Promise<DemoExchange> {
  const server = await listenAt(wanted);
  const subscriptions = new Map<WebSocket, ReadonlySet<string>>();
  server.on('connection', (socket) => {
    socket.on('error', () => socket.terminate()); // a client's mistake ends its own connection
    socket.on('close', () => subscriptions.delete(socket));
    socket.on('message', (data) => socket.send(JSON.stringify(answer(String(data), socket, subscriptions))));
  });

  const market = tradeMaker(random, clock.nowMs());
  let owed = 0;
  const timer = setInterval(() => {
    if (subscriptions.size === 0) return;
    owed += (tradesPerSecond * tickMs) / 1000;
    for (; owed >= 1; owed--) publish(market(clock.nowMs()), subscriptions);
  }, tickMs);

  const { port } = server.address() as AddressInfo;
  return {
    url: `ws://127.0.0.1:${port}`,
    async [Symbol.asyncDispose]() {
      clearInterval(timer);
      for (const client of server.clients) client.terminate();
      server.close();
      await once(server, 'close');
    },
  };
}

/** On the wanted port, if nobody else has it. */
async function listenAt(port: number): Promise<WebSocketServer> {
  const server = new WebSocketServer({ host: '127.0.0.1', port, maxPayload: 64 * 1024, perMessageDeflate: false });
  try {
    await once(server, 'listening');
    return server;
  } catch (error) {
    if (port === 0) throw error;
    return listenAt(0);
  }
}

function publish(trade: Trade, subscriptions: ReadonlyMap<WebSocket, ReadonlySet<string>>): void {
  const text = JSON.stringify(trade);
  for (const [socket, symbols] of subscriptions) {
    if (!symbols.has(trade.symbol)) continue;
    // An exchange does not wait for a client that reads too slowly: it closes the connection.
    if (socket.bufferedAmount > maxUnsentBytes) socket.close(1013, 'too slow');
    else socket.send(text);
  }
}

const start: Readonly<Record<string, { readonly price: number; readonly decimals: number; readonly size: number }>> = {
  'BTC-USD': { price: 96_000, decimals: 2, size: 0.2 },
  'ETH-USD': { price: 3_400, decimals: 2, size: 2 },
  'SOL-USD': { price: 190, decimals: 3, size: 20 },
  'DOGE-USD': { price: 0.31, decimals: 5, size: 4_000 },
};

/** Prices walk at random, some hundredths of a percent a trade; sizes are mostly small and seldom large. */
function tradeMaker(random: Random, firstId: number): (nowMs: number) => Trade {
  const symbols = Object.keys(start);
  const prices = new Map(symbols.map((symbol) => [symbol, start[symbol]!.price]));
  let id = firstId;
  return (nowMs) => {
    const symbol = symbols[Math.floor(random() ** 1.5 * symbols.length)]!;
    const { decimals, size } = start[symbol]!;
    const step = (random() - 0.5) * 0.0006;
    const price = prices.get(symbol)! * (1 + step);
    prices.set(symbol, price);
    return {
      type: 'trade',
      id: id++,
      symbol,
      price: price.toFixed(decimals),
      size: (-Math.log(1 - random()) * size + size / 1000).toFixed(4),
      side: step >= 0 ? 'buy' : 'sell',
      time: new Date(nowMs).toISOString(),
    };
  };
}

function answer(text: string, socket: WebSocket, subscriptions: Map<WebSocket, ReadonlySet<string>>): object {
  let message: unknown;
  try {
    message = JSON.parse(text);
  } catch {
    return { type: 'error', message: 'no JSON' };
  }
  if (!isRecord(message)) return { type: 'error', message: 'a JSON object is wanted' };
  const all = Object.keys(start);
  const wanted = Array.isArray(message['symbols']) ? message['symbols'].map(String) : all;
  const unknown = wanted.find((symbol) => !all.includes(symbol));
  if (unknown !== undefined)
    return { type: 'error', message: `unknown symbol "${unknown}"; there are ${all.join(', ')}` };
  switch (message['op']) {
    case 'subscribe':
      if (message['channel'] !== 'trades') return { type: 'error', message: 'unknown channel; there is "trades"' };
      subscriptions.set(socket, new Set([...(subscriptions.get(socket) ?? []), ...wanted]));
      return { type: 'subscribed', channel: 'trades', symbols: [...subscriptions.get(socket)!] };
    case 'unsubscribe':
      subscriptions.delete(socket);
      return { type: 'unsubscribed', channel: 'trades' };
    case 'ping':
      return { type: 'pong' };
    default:
      return { type: 'error', message: 'unknown op; there are subscribe, unsubscribe and ping' };
  }
}
