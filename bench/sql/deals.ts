/** Trades with all that goes with them, and a query whose cost is its own: what a row takes of the broker is little beside it. */
import { priceOf, quantityOf, symbolOf } from '../support/trades.ts';

export const dealBytes = 600;

const venues = ['xnas', 'xlon', 'xetr', 'xtks', 'bats'];
const desks = ['Macro', 'Rates', 'Equity'];

/** The trade of that number as JSON of `dealBytes`: 20 members, four of them objects or lists. */
export function dealOf(index: number, firstMs: number): Buffer {
  const time = firstMs + index;
  const text = JSON.stringify({
    e: 'deal',
    E: time,
    s: symbolOf(index),
    t: index,
    p: priceOf(index).toFixed(2),
    q: `${quantityOf(index)}`,
    T: time,
    side: index % 3 === 0 ? 'buy' : 'sell',
    venue: venues[index % venues.length],
    buyer: { id: index % 5000, desk: desks[index % desks.length], country: 'NL', account: `ACC-${index % 977}` },
    seller: { id: (index * 7) % 5000, desk: desks[(index + 1) % desks.length], country: 'SG', account: 'ACC-1' },
    fees: [
      { kind: 'exchange', bps: 0.5 },
      { kind: 'clearing', bps: (index % 7) / 4 },
    ],
    tags: ['algo', 'passive', 'eod'],
    maker: index % 2 === 0,
    settles: 'T+1',
    currency: 'USD',
    note: '',
  });
  return Buffer.from(`${text.slice(0, -2)}${'x'.repeat(Math.max(0, dealBytes - text.length))}"}`);
}

export interface DealScript {
  readonly input: string;
  readonly output: string;
  readonly start: 'earliest' | 'latest';
  /** The records' key is the symbol, and the script says so. */
  readonly isKeyed: boolean;
}

export function dealScript({ input, output, start, isKeyed }: DealScript): string {
  const key = isKeyed ? `kafka.key = 's', ` : '';
  return `
    CREATE STREAM Deals (s STRING NOT NULL, p DOUBLE, q DOUBLE, T LONG, side STRING, venue STRING, desk STRING, bps DOUBLE)
      WITH (type = 'source', extension = 'kafka', format = 'json', kafka.topic = '${input}', kafka.from = '${start}', ${key}
        json.mapping.desk = '$.buyer.desk', json.mapping.bps = '$.fees[1].bps', event.time.field = 'T');
    CREATE STREAM Out (symbol STRING, start LONG, vwap DOUBLE, n LONG, low DOUBLE, high DOUBLE, deviation DOUBLE, bought DOUBLE,
      fees DOUBLE, routes LONG)
      WITH (type = 'sink', extension = 'kafka', format = 'json', kafka.topic = '${output}', kafka.key = 'symbol');
    INSERT INTO Out SELECT s AS symbol, WINDOW_START() AS start, SUM(p * q) / SUM(q) AS vwap, COUNT(*) AS n,
        MIN(p) AS low, MAX(p) AS high, STDDEV(p) AS deviation, SUM(CASE WHEN side = 'buy' THEN q ELSE 0 END) AS bought,
        SUM(ROUND(p * q * bps / 10000, 4)) AS fees, COUNT(DISTINCT CONCAT(UPPER(venue), '-', LOWER(desk))) AS routes
      FROM Deals WHERE LENGTH(TRIM(venue)) > 0 WINDOW TUMBLING(60 sec) GROUP BY s;`;
}
