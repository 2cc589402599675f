/** The queries that `npm run bench -- sql` measures, each with what must come out. */
import type { Row } from '../../src/sql/values/value.ts';
import { firstTimeMs } from '../support/trades.ts';

/** Rows of a record batch. */
export const perBatch = 1000;
export const where = 'one process, one thread, no network, no disk';
export const size = 200;

export interface Case {
  readonly name: string;
  readonly wanted: string;
  readonly script: string;
  /** Streams that take turns. */
  readonly streams: readonly string[];
  /** Rows before the measured ones: windows are full then, and queues of panes have been turned over. */
  readonly fill: number;
  readonly measured: number;
  /** Of all rows, without those of windows that are still open; for windows the sum of their counts. */
  readonly expected: (rows: number) => number;
  /** What an output row counts for. */
  readonly weight: (row: Row) => number;
}

const source = (name: string, columns: string): string =>
  `CREATE STREAM ${name} (${columns}) WITH (type = 'source', extension = 'kafka', format = 'json', kafka.topic = 't', "event.time.field" = 'T');`;
const sink = (columns: string): string =>
  `CREATE STREAM Out (${columns}) WITH (type = 'sink', extension = 'kafka', format = 'json', kafka.topic = 'o');`;
const vwap = 'SELECT s AS symbol, SUM(p * q) / SUM(q) AS vwap, COUNT(*) AS n FROM In';
const trades = source('In', 's STRING, p DOUBLE, q DOUBLE, T LONG');
const count = (row: Row): number => row.values[2] as number;

export const cases: readonly Case[] = [
  {
    name: 'filter and projection',
    wanted: '500 k',
    script: `${trades} ${sink('symbol STRING, value DOUBLE')}
      INSERT INTO Out SELECT s AS symbol, p * q AS value FROM In WHERE q > 5;`,
    streams: ['In'],
    fill: 100_000,
    measured: 300_000,
    expected: (rows) => rows / 2,
    weight: () => 1,
  },
  {
    name: 'tumbling VWAP, 60 s',
    wanted: '500 k, 2 µs',
    script: `${trades} ${sink('symbol STRING, vwap DOUBLE, n LONG')}
      INSERT INTO Out ${vwap} WINDOW TUMBLING(60 sec) GROUP BY s;`,
    streams: ['In'],
    fill: 120_000,
    measured: 300_000,
    expected: (rows) => countedIn(60_000, 60_000, rows),
    weight: count,
  },
  ...([60_000, 600_000] as const).map(
    (size): Case => ({
      name: `hopping VWAP, ${size / 1000} s by 1 s`,
      wanted: size === 60_000 ? '300 k' : 'within 20 %',
      script: `${trades} ${sink('symbol STRING, vwap DOUBLE, n LONG')}
      INSERT INTO Out ${vwap} WINDOW HOP(${size} ms, 1 sec) GROUP BY s;`,
      streams: ['In'],
      fill: size + 60_000,
      measured: size === 60_000 ? 300_000 : 600_000,
      expected: (rows) => countedIn(size, 1000, rows),
      weight: count,
    }),
  ),
  {
    name: 'join of two windows',
    wanted: '150 k',
    script: `${source('L', 's STRING, p DOUBLE, T LONG')} ${source('R', 's STRING, q DOUBLE, T LONG')} ${sink('symbol STRING, value DOUBLE')}
      INSERT INTO Out SELECT L.s AS symbol, p * q AS value FROM L WINDOW TIME(1 sec) JOIN R WINDOW TIME(1 sec) ON L.s = R.s;`,
    streams: ['L', 'R'],
    fill: 100_000,
    measured: 300_000,
    expected: (rows) => rows / 2,
    weight: () => 1,
  },
];

/** How often trades are counted by windows that the last of them has closed. */
function countedIn(sizeMs: number, slideMs: number, rows: number): number {
  const lastSlide = Math.floor((firstTimeMs + rows - 1) / slideMs);
  let sum = 0;
  for (let index = 0; index < rows; index++)
    sum += Math.min(sizeMs / slideMs, lastSlide - Math.floor((firstTimeMs + index) / slideMs));
  return sum;
}
