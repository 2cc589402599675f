import { deepEqual, equal, match, notEqual, ok } from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { WebSocket } from 'ws';
import { seeded } from '../../test/support/random.ts';
import { systemClock } from '../base/clock.ts';
import { startDemoExchange, type Trade } from './demo-exchange.ts';

async function client(
  url: string,
): Promise<{ readonly next: () => Promise<Record<string, unknown>>; readonly socket: WebSocket }> {
  const socket = new WebSocket(url);
  const received: string[] = [];
  let wake = (): void => {};
  socket.on('message', (data) => {
    received.push(String(data));
    wake();
  });
  await once(socket, 'open');
  const next = async (): Promise<Record<string, unknown>> => {
    while (received.length === 0) await new Promise<void>((resolve) => (wake = resolve));
    return JSON.parse(received.shift()!);
  };
  return { next, socket };
}

const options = { clock: systemClock, random: seeded(1), tradesPerSecond: 1000 };

test('a subscriber gets plausible trades with ids that count up', async () => {
  await using exchange = await startDemoExchange(options);
  const { next, socket } = await client(exchange.url);
  socket.send('{"op":"subscribe","channel":"trades"}');
  equal((await next())['type'], 'subscribed');
  const trades: Trade[] = [];
  for (let i = 0; i < 500; i++) trades.push((await next()) as unknown as Trade);
  socket.terminate();
  deepEqual(
    trades.map(({ id }) => id - trades[0]!.id),
    trades.map((_, i) => i),
  );
  equal(new Set(trades.map(({ symbol }) => symbol)).size, 4);
  for (const { price, size, side, time, symbol } of trades) {
    ok(Number(price) > 0 && Number(size) > 0, `${price} ${size}`);
    match(side, /^(buy|sell)$/);
    equal(new Date(time).toISOString(), time);
    if (symbol === 'BTC-USD') ok(Number(price) > 80_000 && Number(price) < 110_000, price);
  }
});

test('only the symbols that were asked for come', async () => {
  await using exchange = await startDemoExchange(options);
  const { next, socket } = await client(exchange.url);
  socket.send('{"op":"subscribe","channel":"trades","symbols":["ETH-USD"]}');
  deepEqual((await next())['symbols'], ['ETH-USD']);
  for (let i = 0; i < 50; i++) equal((await next())['symbol'], 'ETH-USD');
  socket.terminate();
});

const refused: readonly (readonly [text: string, message: RegExp])[] = [
  ['{', /no JSON/],
  ['7', /JSON object/],
  ['{"op":"sing"}', /unknown op/],
  ['{"op":"subscribe","channel":"books"}', /unknown channel/],
  ['{"op":"subscribe","channel":"trades","symbols":["X"]}', /unknown symbol "X"; there are BTC-USD/],
];

for (const [text, message] of refused) {
  test(`the exchange answers ${text} with an error`, async () => {
    await using exchange = await startDemoExchange(options);
    const { next, socket } = await client(exchange.url);
    socket.send(text);
    const answer = await next();
    equal(answer['type'], 'error');
    match(String(answer['message']), message);
    socket.terminate();
  });
}

test('the exchange takes the port that it is told, and any free one where that is taken', async () => {
  await using first = await startDemoExchange(options);
  const port = Number(new URL(first.url).port);
  await using second = await startDemoExchange({ ...options, port });
  notEqual(second.url, first.url);
  await first[Symbol.asyncDispose]();
  await using third = await startDemoExchange({ ...options, port });
  equal(third.url, first.url);
});
