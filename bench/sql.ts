/** Streaming SQL on one core: bytes of messages in, bytes of messages out, without any network or disk. */
import { Buffer } from 'node:buffer';
import { type SinkMapper, sinkMapper } from '../src/sql/mapping/sink-mapper.ts';
import { sourceMapper } from '../src/sql/mapping/source-mapper.ts';
import { Application } from '../src/sql/plan/application.ts';

const groups = 1000;

const method = `Method: one process, one thread. 200-byte JSON trades of ${groups} symbols lie in memory as bytes; each is mapped to a row (only the
columns that are declared), pushed through the application, and every output row is mapped to bytes. Event time moves 1 ms a trade.
The middle of three runs, after one that warms up.`;

interface Case {
  readonly name: string;
  readonly wanted: string;
  readonly script: string;
  /** Streams that take turns. */
  readonly streams: readonly string[];
}

const source = (name: string, columns: string): string =>
  `CREATE STREAM ${name} (${columns}) WITH (type = 'source', extension = 'kafka', format = 'json', kafka.topic = 't', "event.time.field" = 'T');`;
const sink = (columns: string): string =>
  `CREATE STREAM Out (${columns}) WITH (type = 'sink', extension = 'kafka', format = 'json', kafka.topic = 'o');`;
const vwap = 'SELECT s AS symbol, SUM(p * q) / SUM(q) AS vwap, COUNT(*) AS n FROM In';

const cases: readonly Case[] = [
  {
    name: 'filter and projection',
    wanted: '500 k rows/s',
    script: `${source('In', 's STRING, p DOUBLE, q DOUBLE, T LONG')} ${sink('symbol STRING, value DOUBLE')}
      INSERT INTO Out SELECT s AS symbol, p * q AS value FROM In WHERE q > 5;`,
    streams: ['In'],
  },
  {
    name: 'tumbling VWAP, 60 s',
    wanted: '500 k rows/s',
    script: `${source('In', 's STRING, p DOUBLE, q DOUBLE, T LONG')} ${sink('symbol STRING, vwap DOUBLE, n LONG')}
      INSERT INTO Out ${vwap} WINDOW TUMBLING(60 sec) GROUP BY s;`,
    streams: ['In'],
  },
  ...([60, 600] as const).map((size) => ({
    name: `hopping VWAP, ${size} s by 1 s`,
    wanted: size === 60 ? '300 k rows/s' : 'within 20 % of the line above',
    script: `${source('In', 's STRING, p DOUBLE, q DOUBLE, T LONG')} ${sink('symbol STRING, vwap DOUBLE, n LONG')}
      INSERT INTO Out ${vwap} WINDOW HOP(${size} sec, 1 sec) GROUP BY s;`,
    streams: ['In'],
  })),
  {
    name: 'join of two windows',
    wanted: '150 k rows/s',
    script: `${source('L', 's STRING, p DOUBLE, T LONG')} ${source('R', 's STRING, q DOUBLE, T LONG')} ${sink('symbol STRING, value DOUBLE')}
      INSERT INTO Out SELECT L.s AS symbol, p * q AS value FROM L WINDOW TIME(1 sec) JOIN R WINDOW TIME(1 sec) ON L.s = R.s;`,
    streams: ['L', 'R'],
  },
];

function trades(count: number): Buffer[] {
  return Array.from({ length: count }, (_, i) => {
    const symbol = `SYM${(Math.floor(i / 2) * 7919) % groups}USDT`;
    const text = `{"e":"trade","E":${1_700_000_000_000 + i},"s":"${symbol}","t":${i},"p":"${(100 + (i % 977) / 10).toFixed(2)}","q":"${(i % 10) + 0.5}","T":${1_700_000_000_000 + i},"m":${i % 2 === 0},"M":true,"pad":"`;
    return Buffer.from(`${text}${'x'.repeat(Math.max(0, 198 - text.length))}"}`);
  });
}

function play({ script, streams }: Case, messages: readonly Buffer[]): { readonly rate: number; readonly out: number } {
  const application = new Application(script, { random: () => 0 });
  const mappers = streams.map((name) => sourceMapper(application.plan.streams.get(name)!));
  const toBytes: SinkMapper = sinkMapper(application.plan.streams.get('Out')!);
  let out = 0;
  application.subscribe('Out', (row) => {
    out += Buffer.from(toBytes(row) as string).length > 0 ? 1 : 0;
  });
  const startedAt = performance.now();
  for (let i = 0; i < messages.length; i++) {
    const turn = i % streams.length;
    for (const values of mappers[turn]!(messages[i]!).rows) application.push(streams[turn]!, values);
  }
  return { rate: messages.length / ((performance.now() - startedAt) / 1000), out };
}

/** Bytes of heap for each group of three aggregates, over many groups. */
function bytesPerGroup(count: number): number {
  const application = new Application(
    'CREATE STREAM In (k LONG, v DOUBLE); INSERT INTO Out SELECT k, SUM(v) AS s, COUNT(*) AS n, MAX(v) AS m FROM In WINDOW LENGTHBATCH(100000000) GROUP BY k;',
    { random: () => 0 },
  );
  const collect = globalThis.gc ?? (() => {});
  collect();
  const before = process.memoryUsage().heapUsed;
  for (let i = 0; i < count; i++) application.push('In', [i, i + 0.5]);
  collect();
  const bytes = (process.memoryUsage().heapUsed - before) / count;
  // Asked afterwards, so that the application is still there when its memory is measured.
  return application.statistics().looped === 0 ? bytes : Number.NaN;
}

export async function run({ json, smoke }: { readonly json: boolean; readonly smoke: boolean }): Promise<void> {
  const messages = trades(smoke ? 2000 : 200_000);
  if (!json) console.log(`${method}\n`);
  const results = cases.map((one) => {
    const plays = Array.from({ length: smoke ? 1 : 4 }, () => play(one, messages)).slice(smoke ? 0 : 1);
    const middle = plays.sort((a, b) => a.rate - b.rate)[Math.floor(plays.length / 2)]!;
    const result = { name: one.name, rowsPerSecond: Math.round(middle.rate), rowsOut: middle.out, wanted: one.wanted };
    if (!json) console.log(lineOf(result));
    return result;
  });
  const startedAt = performance.now();
  const applications = Array.from(
    { length: smoke ? 10 : 1000 },
    () => new Application(cases[1]!.script, { random: () => 0 }),
  );
  const startMs = Math.round(performance.now() - startedAt);
  const memory = Math.round(bytesPerGroup(smoke ? 1000 : 200_000));
  if (json) {
    console.log(
      JSON.stringify({ benchmark: 'sql', results, bytesPerGroup: memory, applications: applications.length, startMs }),
    );
    return;
  }
  const garbage = globalThis.gc === undefined ? ', garbage included: node --expose-gc leaves it out' : '';
  console.log(`a group of three aggregates takes ${memory} bytes (wanted: 200)${garbage}`);
  console.log(`${applications.length} applications made in ${startMs} ms (wanted: 2000)`);
}

function lineOf({
  name,
  rowsPerSecond,
  rowsOut,
  wanted,
}: {
  name: string;
  rowsPerSecond: number;
  rowsOut: number;
  wanted: string;
}): string {
  const rate = String(Math.round(rowsPerSecond / 1000)).padStart(6);
  return `${name.padEnd(28)} ${rate} k rows/s ${String(rowsOut).padStart(9)} rows out  (wanted: ${wanted})`;
}
