import { deepEqual, equal, match, ok, rejects } from 'node:assert/strict';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { WebSocketServer } from 'ws';
import { systemClock } from '../../src/base/clock.ts';
import { webSocketSink } from '../../src/connectors/websocket-sink/connector.ts';
import { unrestricted } from '../../src/net/outbound-policy.ts';
import { recordingLog } from '../../src/telemetry/log.ts';
import { MetricRegistry } from '../../src/telemetry/metrics.ts';
import { feedsMissing, readRecordings } from '../support/feeds.ts';
import { memoryBroker } from '../support/memory-broker.ts';
import { feedServer, startSql, until, webSocketStream } from '../support/sql-app.ts';

const source = (name: string, columns: string, url: string, more = ''): string =>
  webSocketStream('source', name, columns, url, more);
const sink = (name: string, columns: string, url: string, more = ''): string =>
  webSocketStream('sink', name, columns, url, more);

test('frames in, a window, frames out: text and binary frames alike, keys in the order of the schema', async () => {
  await using feed = await feedServer([
    '{"p":"100","s":"BTC","q":1}',
    Buffer.from('[{"s":"BTC","p":104,"q":3},{"s":"ETH","p":7,"q":2}]'),
    'no JSON',
  ]);
  await using out = await feedServer();
  const script = `${source('In', 's STRING, p DOUBLE, q DOUBLE', feed.url, `, "websocket.headers.X-Key" = 'k'`)}
    ${sink('Out', 'symbol STRING, vwap DOUBLE, n LONG', out.url, `, "websocket.headers.Authorization" = 'Bearer t'`)}
    INSERT INTO Out SELECT s AS symbol, SUM(p * q) / SUM(q) AS vwap, COUNT(*) AS n FROM In WINDOW LENGTHBATCH(3) GROUP BY s;`;
  await using running = startSql(script);
  await until(() => out.received.length === 2, 'two rows');
  deepEqual(
    out.received.map(({ text }) => text),
    ['{"symbol":"BTC","vwap":103,"n":2}', '{"symbol":"ETH","vwap":7,"n":1}'],
  );
  equal(feed.headers[0]!['x-key'], 'k');
  equal(out.headers[0]!['authorization'], 'Bearer t');
  equal(running.run.application.dropped('In'), 1);
  await running.stop();
});

test('a sink that cannot be reached at the start is reached by a later row; binary frames if wanted', async () => {
  const first = await feedServer();
  const { port } = new URL(first.url);
  await first[Symbol.asyncDispose]();
  await using feed = await feedServer();
  const options = `, "websocket.message.type" = 'binary', "websocket.reconnect.delay.ms" = 20, "websocket.reconnect.max.attempts" = -1`;
  const script = `${source('In', 'a LONG', feed.url)} ${sink('Out', 'a LONG', first.url, options)} INSERT INTO Out SELECT a FROM In;`;
  await using running = startSql(script);
  await until(() => feed.sockets.length === 1, 'the source');
  match(running.statuses.join(), /Failed to connect to WebSocket ws:\/\/127\.0\.0\.1:\d+\/: Connection refused/);
  await using out = await feedServer([], Number(port));
  feed.sockets[0]!.send('{"a":9007199254740993}');
  await until(() => out.received.length === 1, 'the row');
  deepEqual(out.received, [{ text: '{"a":9007199254740993}', binary: true }]);
});

test('a sink gives up after its tries, and the strategy decides: drop counts, fail ends the application', async () => {
  const gone = await feedServer();
  await gone[Symbol.asyncDispose]();
  await using feed = await feedServer(['{"a":1}']);
  const script = (strategy: string): string => {
    const options = `, "websocket.reconnect.delay.ms" = 1, "error.strategy" = '${strategy}'`;
    return `${source('In', 'a LONG', feed.url)} ${sink('Out', 'a LONG', gone.url, options)} INSERT INTO Out SELECT a FROM In;`;
  };
  await using dropping = startSql(script('drop'));
  await until(() => dropping.run.application.dropped('Out') === 1, 'the drop');
  await using failing = startSql(script('fail'));
  await rejects(failing.done, /Failed to connect to WebSocket .*Connection refused/);
});

test('reconnect = false: each publish fails at once', async () => {
  const gone = await feedServer();
  await gone[Symbol.asyncDispose]();
  await using feed = await feedServer(['{"a":1}']);
  const options = `, "websocket.reconnect" = false, "error.strategy" = 'fail'`;
  await using running = startSql(
    `${source('In', 'a LONG', feed.url)} ${sink('Out', 'a LONG', gone.url, options)} INSERT INTO Out SELECT a FROM In;`,
  );
  await rejects(running.done, /WebSocket not connected and reconnect is disabled/);
});

test('a bad message reaches the dead-letter stream; error.strategy = fail ends the application', async () => {
  await using feed = await feedServer(['{"a":"x"}']);
  const dead = `CREATE STREAM Dead (originalEvent STRING, errorMessage STRING, errorType STRING, timestamp LONG, attemptCount INT, streamName STRING)
    WITH (type = 'sink', extension = 'log', format = 'json');`;
  await using burying = startSql(
    `${dead} ${source('In', 'a LONG', feed.url, `, "error.strategy" = 'dlq', "error.dlq.stream" = 'Dead'`)}`,
  );
  await until(() => burying.lines.length === 1, 'the dead letter');
  const letter = JSON.parse(burying.lines[0]!) as Record<string, unknown>;
  deepEqual([letter['originalEvent'], letter['streamName'], letter['attemptCount']], ['{"a":"x"}', 'In', 1]);
  await using failing = startSql(source('In', 'a LONG', feed.url, `, "error.strategy" = 'fail'`));
  await rejects(failing.done, { code: 'CONVERSION_FAILED' });
});

interface Trade {
  readonly s: string;
  readonly p: string;
  readonly q: string;
  readonly T: number;
}

/** The trades of two recorded feeds, as the messages that hold them. */
const feeds = [
  {
    name: 'binance-futures',
    columns: { s: '$.data.s', p: '$.data.p', q: '$.data.q', T: '$.data.T' },
    time: '"event.time.field" = \'T\'',
    tradeOf: (message: { readonly data?: Trade & { readonly e: string } }) =>
      message.data?.e === 'aggTrade' ? message.data : undefined,
    messageOf: (trade: Trade) => ({ data: trade }),
  },
  {
    name: 'coinbase',
    // Its time is text: the trades are given a number where the event time is looked for.
    columns: { s: '$.product_id', p: '$.price', q: '$.size', T: '$.T' },
    time: '"event.time.field" = \'T\'',
    tradeOf: (message: {
      readonly type?: string;
      readonly product_id?: string;
      readonly price?: string;
      readonly size?: string;
      readonly time?: string;
    }) =>
      message.type === 'match'
        ? { s: message.product_id!, p: message.price!, q: message.size!, T: Date.parse(message.time!) }
        : undefined,
    messageOf: ({ s, p, q, T }: Trade) => ({ type: 'match', product_id: s, price: p, size: q, T }),
  },
] as const;

for (const { name, columns, time, tradeOf, messageOf } of feeds) {
  test(`topics in and out: the recorded trades of ${name}, volume-weighted by event time`, {
    skip: feedsMissing(),
  }, async () => {
    const recording = readRecordings().find((known) => known.name === name)!;
    const trades = recording.messages.flatMap(({ data }) => tradeOf(JSON.parse(data.toString())) ?? []);
    ok(trades.length > 20, `${trades.length} trades in the recording`);
    await using broker = memoryBroker();
    for (const topic of ['in', 'out']) await broker.createTopic({ name: topic, partitions: 1 });
    const mapping = Object.entries(columns)
      .map(([column, path]) => `"json.mapping.${column}" = '${path}'`)
      .join(', ');
    const script = `CREATE STREAM In (s STRING, p DOUBLE, q DOUBLE, T LONG) WITH (type = 'source', extension = 'kafka', format = 'json',
        kafka.topic = 'in', kafka.from = 'earliest', ${time}, ${mapping});
      CREATE STREAM Out (symbol STRING, vwap DOUBLE, ends LONG)
        WITH (type = 'sink', extension = 'kafka', format = 'json', kafka.topic = 'out', kafka.key = 'symbol');
      INSERT INTO Out SELECT s AS symbol, SUM(p * q) / SUM(q) AS vwap, WINDOW_END() AS ends FROM In WINDOW TUMBLING(1 sec) GROUP BY s;`;
    const expected = vwapOf(trades);
    await using running = startSql(script, broker);
    const producer = await broker.producer();
    // One trade far in the future closes all windows.
    const lines = [...trades, { ...trades[0]!, T: 9e12 }].map((trade) => JSON.stringify(messageOf(trade)));
    await producer.send(
      'in',
      0,
      lines.map((line) => ({ key: null, value: Buffer.from(line), headers: [], timestampMs: null })),
    );
    await broker.holds('out', expected.size);
    for (const record of broker.records('out')) {
      const { symbol, vwap, ends } = JSON.parse(Buffer.from(record.value!).toString()) as {
        symbol: string;
        vwap: number;
        ends: number;
      };
      equal(Buffer.from(record.key!).toString(), symbol);
      const wanted = expected.get(`${symbol} ${ends}`)!;
      ok(Math.abs(vwap - wanted) <= Math.abs(wanted) * 1e-12, `${symbol} ${ends}: ${vwap}, not ${wanted}`);
    }
    equal(broker.records('out').length, expected.size);
    await running.stop();
  });
}

/** Independent of the engine. Trades that are late for their window, as the newest one so far says, are left out. */
function vwapOf(trades: readonly Trade[]): Map<string, number> {
  const sums = new Map<string, { value: number; volume: number }>();
  let newest = 0;
  for (const { s, p, q, T } of trades) {
    const ends = Math.floor(T / 1000) * 1000 + 1000;
    if (ends > newest) {
      const sum = sums.get(`${s} ${ends}`) ?? { value: 0, volume: 0 };
      sum.value += Number(p) * Number(q);
      sum.volume += Number(q);
      sums.set(`${s} ${ends}`, sum);
    }
    newest = Math.max(newest, T);
  }
  return new Map([...sums].map(([key, { value, volume }]) => [key, value / volume]));
}

test('the sink connector waits for replies, and sends again what a lost connection leaves open', async () => {
  const listening = new WebSocketServer({ host: '127.0.0.1', port: 0 });
  await once(listening, 'listening');
  const received: string[] = [];
  let connections = 0;
  listening.on('connection', (socket) => {
    const number = ++connections;
    socket.on('message', (data) => {
      received.push(data.toString());
      if (number === 1 && received.length === 2) socket.terminate();
      else socket.send(`ack ${data.toString()}`);
    });
  });
  const context = {
    connector: 'test',
    task: 0,
    clock: systemClock,
    random: () => 0,
    log: recordingLog([]),
    metrics: new MetricRegistry().root(),
    outbound: unrestricted,
    signal: new AbortController().signal,
    setStatus() {},
    reject: (_: unknown, error: unknown) => Promise.reject(error),
  };
  const config = {
    'websocket.url': `ws://127.0.0.1:${(listening.address() as AddressInfo).port}`,
    'websocket.ack': 'reply',
    'websocket.ack.pattern': '^ack',
    'websocket.reconnect.interval.ms': '1',
  };
  const task = await webSocketSink.open(config, context);
  const record = (text: string) => ({
    topic: 't',
    partition: 0,
    offset: 0,
    key: null,
    value: Buffer.from(text),
    headers: [],
    timestampMs: 0,
  });
  await task.write(['a', 'b', 'c'].map(record));
  deepEqual(received, ['a', 'b', 'b', 'c']);
  await task.close();
  listening.close();
});
