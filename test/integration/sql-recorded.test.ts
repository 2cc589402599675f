/** Recorded feeds, message for message as the exchanges sent them: volume-weighted prices, against another computation. */
import { deepEqual, equal, ok } from 'node:assert/strict';
import { test } from 'node:test';
import { feedsMissing, readRecordings } from '../support/feeds.ts';
import { memoryBroker } from '../support/memory-broker.ts';
import { feedServer, startSql, until } from '../support/sql-app.ts';

interface Trade {
  readonly symbol: string;
  readonly price: number;
  readonly size: number;
  readonly timeMs: number;
}

interface Message {
  readonly data?: {
    readonly e?: string;
    readonly s: string;
    readonly p: string;
    readonly q: string;
    readonly T: number;
  };
  readonly type?: string;
  readonly product_id?: string;
  readonly price?: string;
  readonly size?: string;
  readonly time?: string;
}

interface Feed {
  readonly name: string;
  /** Columns and the mapping of a message. */
  readonly columns: string;
  readonly mapping: string;
  /** Trades among all messages, with the time that they bring. */
  readonly trades: string;
  readonly tradeOf: (message: Message) => Trade | undefined;
  /** One trade so late that it closes every window. */
  readonly last: object;
}

const feeds: readonly Feed[] = [
  {
    name: 'binance-futures',
    columns: 'kind STRING, symbol STRING, price DOUBLE, size DOUBLE, T LONG',
    mapping: `json.mapping.kind = '$.data.e', json.mapping.symbol = '$.data.s', json.mapping.price = '$.data.p', json.mapping.size = '$.data.q', json.mapping.T = '$.data.T'`,
    trades: `SELECT symbol, price, size, T FROM Feed WHERE kind = 'aggTrade'`,
    tradeOf: ({ data }) =>
      data?.e === 'aggTrade'
        ? { symbol: data.s, price: Number(data.p), size: Number(data.q), timeMs: data.T }
        : undefined,
    last: { data: { e: 'aggTrade', s: 'LAST', p: '1', q: '1', T: 9_000_000_000_000 } },
  },
  {
    name: 'coinbase',
    columns: 'type STRING, product_id STRING, price DOUBLE, size DOUBLE, time STRING',
    mapping: '',
    trades: `SELECT product_id AS symbol, price, size, TO_TIMESTAMP(time) AS T FROM Feed WHERE type = 'match'`,
    tradeOf: ({ type, product_id: symbol, price, size, time }) =>
      type === 'match'
        ? { symbol: symbol!, price: Number(price), size: Number(size), timeMs: Date.parse(time!) }
        : undefined,
    last: { type: 'match', product_id: 'LAST', price: '1', size: '1', time: '2255-03-15T16:00:00Z' },
  },
];

function scriptOf({ columns, mapping, trades }: Feed, source: string, sink: string): string {
  const more = mapping === '' ? '' : `, ${mapping}`;
  return `CREATE STREAM Feed (${columns}) WITH (type = 'source', format = 'json', ${source}${more});
    CREATE STREAM Trades (symbol STRING, price DOUBLE, size DOUBLE, T LONG) WITH (event.time.field = 'T');
    CREATE STREAM Vwap (symbol STRING, vwap DOUBLE, n LONG, ends LONG) WITH (type = 'sink', format = 'json', ${sink});
    INSERT INTO Trades ${trades};
    INSERT INTO Vwap SELECT symbol, SUM(price * size) / SUM(size) AS vwap, COUNT(*) AS n, WINDOW_END() AS ends
    FROM Trades WINDOW TUMBLING(1 sec) GROUP BY symbol;`;
}

interface Price {
  value: number;
  volume: number;
  n: number;
}

/** Independent of the engine. Trades that are late for their window, as the newest one so far says, are left out. */
function pricesOf(trades: readonly Trade[]): Map<string, Price> {
  const prices = new Map<string, Price>();
  let newestMs = 0;
  for (const { symbol, price, size, timeMs } of trades) {
    const ends = Math.floor(timeMs / 1000) * 1000 + 1000;
    if (ends > newestMs) {
      const sum = prices.get(`${symbol} ${ends}`) ?? { value: 0, volume: 0, n: 0 };
      sum.value += price * size;
      sum.volume += size;
      sum.n++;
      prices.set(`${symbol} ${ends}`, sum);
    }
    newestMs = Math.max(newestMs, timeMs);
  }
  return prices;
}

function compare(rows: readonly string[], expected: ReadonlyMap<string, Price>): void {
  const seen = new Set<string>();
  for (const row of rows) {
    const { symbol, vwap, n, ends } = JSON.parse(row) as { symbol: string; vwap: number; n: number; ends: number };
    const key = `${symbol} ${ends}`;
    const wanted = expected.get(key);
    ok(wanted !== undefined && !seen.has(key), `${key} is not expected, or came twice`);
    seen.add(key);
    equal(n, wanted.n, key);
    const price = wanted.value / wanted.volume;
    ok(Math.abs(vwap - price) <= Math.abs(price) * 1e-12, `${key}: ${vwap}, not ${price}`);
  }
  deepEqual(seen.size, expected.size);
}

for (const feed of feeds) {
  test(`the recorded trades of ${feed.name}, from a server to a server, and from a topic to a topic`, {
    skip: feedsMissing(),
  }, async () => {
    const { messages } = readRecordings().find(({ name }) => name === feed.name)!;
    const texts = [...messages.map(({ data }) => data.toString()), JSON.stringify(feed.last)];
    const trades = texts.slice(0, -1).flatMap((text) => feed.tradeOf(JSON.parse(text) as Message) ?? []);
    ok(trades.length > 20 && texts.length > trades.length + 1, `${trades.length} trades of ${texts.length} messages`);
    const expected = pricesOf(trades);

    await using exchange = await feedServer(texts);
    await using out = await feedServer();
    const webSocket = (url: string): string => `extension = 'websocket', websocket.url = '${url}'`;
    await using live = startSql(scriptOf(feed, webSocket(exchange.url), webSocket(out.url)));
    await until(() => out.received.length >= expected.size, 'all prices');
    await live.stop();
    compare(
      out.received.map(({ text }) => text),
      expected,
    );

    await using broker = memoryBroker();
    for (const name of ['feed', 'vwap']) await broker.createTopic({ name, partitions: 1 });
    const producer = await broker.producer();
    const records = texts.map((text) => ({ key: null, value: Buffer.from(text), headers: [], timestampMs: null }));
    await producer.send('feed', 0, records);
    const topic = (name: string, more: string): string => `extension = 'kafka', kafka.topic = '${name}'${more}`;
    await using app = startSql(
      scriptOf(feed, topic('feed', `, kafka.from = 'earliest'`), topic('vwap', `, kafka.key = 'symbol'`)),
      broker,
    );
    await broker.holds('vwap', expected.size);
    await app.stop();
    compare(
      broker.values('vwap').map((value) => value!),
      expected,
    );
    for (const { key, value } of broker.records('vwap'))
      equal(Buffer.from(key!).toString(), (JSON.parse(Buffer.from(value!).toString()) as { symbol: string }).symbol);
  });
}
