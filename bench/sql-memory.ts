/** `npm run bench -- sql`: streaming SQL on one core, without network or disk. */
import { codecs } from '../src/app/codecs.ts';
import { BatchBuffer } from '../src/record/batch-buffer.ts';
import { readBatchHeader } from '../src/record/batch-header.ts';
import { decodeColumn } from '../src/record/decode.ts';
import { encodeBatch } from '../src/record/encode.ts';
import type { RecordColumn } from '../src/record/record-column.ts';
import { type RowEncoder, rowEncoder } from '../src/sql/mapping/row-encoder.ts';
import { sourceMapper } from '../src/sql/mapping/source-mapper.ts';
import { Application } from '../src/sql/plan/application.ts';
import { Entrance } from '../src/sql/runtime/entrance.ts';
import type { Row } from '../src/sql/values/value.ts';
import { usedBytes } from './support/heap.ts';
import { reportIngest } from './support/ingest-report.ts';
import { machineLine } from './support/machine.ts';
import { measureRounds } from './support/rounds.ts';
import { type Spread, showCount, showSpread, spread } from './support/stats.ts';
import type { Losses } from './support/targets.ts';
import { firstTimeMs, groups, symbolOf, tradeBatch } from './support/trades.ts';

const perBatch = 1000;
const where = 'one process, one thread, no network, no disk';
const size = 200;

const method = `Method: one process, one thread, no network and no disk. 200-byte JSON trades of ${groups} symbols come as record batches of ${perBatch}, as
a topic holds them: checked, decoded, mapped to rows, pushed through the application; its rows become JSON and a record batch.
Event time moves 1 ms a trade. Processor time is that of the process, garbage collection included; trades are made between
the measured parts. What came out is counted and compared with what must come out.
The middle of the runs (least – most); each begins with a new application, and with rows that fill its windows, not measured.`;

interface Case {
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

const cases: readonly Case[] = [
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

interface Run {
  readonly perSecond: number;
  readonly cpuUs: number;
  readonly rowsOut: number;
  readonly lost: number;
  readonly doubled: number;
  /** Of the process so far. */
  readonly peakMb: number;
}

function play(one: Case, scale: number): Run {
  const { script, streams, expected, weight } = one;
  const rows = Math.max(perBatch, Math.round((one.fill + one.measured) / scale / perBatch) * perBatch);
  const fill = Math.round(one.fill / scale / perBatch) * perBatch;
  const application = new Application(script, { random: () => 0, maxState: 10_000_000 });
  const { plan } = application;
  const entrances = streams.map((name) => {
    const mapper = sourceMapper(plan.streams.get(name)!, application.columnsRead(name));
    return new Entrance(mapper, application.entrance(name), () => false);
  });
  const out = outputTopic(rowEncoder(plan.streams.get('Out')!));
  application.subscribe('Out', (row) => out.rows.push(row));
  let counted = 0;
  let rowsOut = 0;
  let ms = 0;
  let cpuUs = 0;
  for (let from = 0; from < rows; from += perBatch) {
    const batches = streams.map((_, turn) => tradeBatch(from + turn, from + perBatch, streams.length));
    const startedAt = performance.now();
    const before = process.cpuUsage();
    for (const [turn, entrance] of entrances.entries()) {
      const bytes = batches[turn]!;
      const columns = [decodeColumn(bytes, readBatchHeader(bytes), { codecs })];
      if (!entrance.take({ messages: [], columns })) throw new Error(`${one.name}: a message was refused`);
    }
    const written = out.flush();
    if (from >= fill) {
      const { user, system } = process.cpuUsage(before);
      cpuUs += user + system;
      ms += performance.now() - startedAt;
    }
    for (const row of written) counted += weight(row);
    rowsOut += written.length;
  }
  const measured = rows - fill;
  return {
    perSecond: measured / (ms / 1000),
    cpuUs: cpuUs / measured,
    rowsOut,
    lost: Math.max(0, expected(rows) - counted),
    doubled: Math.max(0, counted - expected(rows)),
    peakMb: process.resourceUsage().maxRSS / 1024,
  };
}

/** Collects rows, and makes them bytes as a topic would take them. */
function outputTopic(encode: RowEncoder): { readonly rows: Row[]; flush(): readonly Row[] } {
  const buffer = new BatchBuffer(1 << 20);
  const rows: Row[] = [];
  return {
    rows,
    flush() {
      const written = rows.splice(0);
      const records = encode(written);
      for (let from = 0; from < records.length; ) {
        buffer.clear();
        from += encodeBatch(records, from, buffer, { codecs, maxBytes: 1_000_000, nowMs: firstTimeMs }).count;
      }
      return written;
    },
  };
}

/** What a group of three aggregates takes, over many groups. */
function bytesPerGroup(type: 'LONG' | 'STRING', groupCount: number): number {
  const application = new Application(
    `CREATE STREAM In (k ${type}, v DOUBLE); INSERT INTO Out SELECT k, SUM(v) AS s, COUNT(*) AS n, MAX(v) AS m FROM In WINDOW LENGTHBATCH(100000000) GROUP BY k;`,
    { random: () => 0 },
  );
  const before = usedBytes();
  for (let i = 0; i < groupCount; i++) application.push('In', [type === 'LONG' ? i : `SYM${i}USDT`, i + 0.5]);
  const bytes = (usedBytes() - before) / groupCount;
  // Asked afterwards, so that the application is still there when its memory is measured.
  return application.statistics().looped === 0 ? bytes : Number.NaN;
}

export interface MemoryOptions {
  readonly json: boolean;
  readonly smoke: boolean;
  readonly runs: number;
  /** Without the floors. */
  readonly alone: boolean;
}

export function runInMemory({ json, smoke, runs, alone }: MemoryOptions): void {
  if (!json) console.log(`${method}\n${machineLine()}\n`);
  for (const one of cases) {
    if (!smoke) play(one, 4); // compiles what is the same for all
    const measured = smoke ? Math.round(one.measured / 100) : one.measured;
    const plays = Array.from({ length: runs }, () => play(one, smoke ? 100 : 1));
    const figures = {
      perSecond: spread(plays.map(({ perSecond }) => perSecond)),
      cpuUsPerMessage: spread(plays.map(({ cpuUs }) => cpuUs)),
      peakMb: spread(plays.map(({ peakMb }) => peakMb)),
    };
    const lost = plays.reduce((sum, each) => sum + each.lost, 0);
    const doubled = plays.reduce((sum, each) => sum + each.doubled, 0);
    const { rowsOut } = plays[0]!;
    if (json)
      console.log(
        JSON.stringify({
          benchmark: 'sql',
          case: one.name,
          count: measured,
          size,
          where,
          rowsOut,
          ...figures,
          lost,
          doubled,
          machine: machineLine(),
        }),
      );
    else console.log(lineOf(one, figures, measured, rowsOut, { lost, doubled }));
    if (lost + doubled > 0) process.exitCode = 1;
  }
  if (!alone) floors(json, smoke, runs);
  startsAndMemory(json, smoke);
}

/** What lies below every case: batches that are only checked and decoded; and what a row costs who parses each message. */
function floors(json: boolean, smoke: boolean, runs: number): void {
  const batches = Array.from({ length: smoke ? 2 : 100 }, (_, i) => tradeBatch(i * perBatch, (i + 1) * perBatch, 1));
  const rounds = smoke ? 1 : 3;
  const count = batches.length * perBatch * rounds;
  const decoded = (take: (column: RecordColumn) => number) => (): number => {
    let through = 0;
    for (let round = 0; round < rounds; round++)
      for (const bytes of batches) through += take(decodeColumn(bytes, readBatchHeader(bytes), { codecs }));
    return through;
  };
  const parsed = (column: RecordColumn): number => {
    let through = 0;
    for (let i = 0; i < column.length; i++) if (JSON.parse(column.value(i)!.toString()).T >= firstTimeMs) through++;
    return through;
  };
  const works: readonly (readonly [name: string, work: () => number])[] = [
    ['decoded alone', decoded(({ length }) => length)],
    ['JSON.parse alone', decoded(parsed)],
  ];
  for (const [subject, work] of works) {
    const about = { benchmark: 'sql', subject, beside: 'floor', count, size, where };
    const label = `${`floor: ${subject}`.padEnd(28)} ${showCount(count)} rows:`;
    reportIngest(measureRounds(runs, count, work), { about, label, unit: 'row', json });
  }
}

function lineOf(
  { name, wanted }: Case,
  { perSecond, cpuUsPerMessage, peakMb }: Readonly<Record<'perSecond' | 'cpuUsPerMessage' | 'peakMb', Spread>>,
  measured: number,
  rowsOut: number,
  { lost, doubled }: Losses,
): string {
  const cpu = showSpread(cpuUsPerMessage, (us) => us.toFixed(2));
  const rate = showSpread(perSecond, showCount);
  const memory = `${peakMb.max.toFixed(0)} MB so far`;
  return `${name.padEnd(28)} ${showCount(measured)} rows: ${rate} rows/s, ${cpu} µs of processor a row, ${memory}; ${rowsOut} rows out; lost ${lost}, doubled ${doubled}  (wanted: ${wanted})`;
}

function startsAndMemory(json: boolean, smoke: boolean): void {
  const startedAt = performance.now();
  const applications = Array.from(
    { length: smoke ? 10 : 1000 },
    () => new Application(cases[1]!.script, { random: () => 0 }),
  );
  const startMs = performance.now() - startedAt;
  const groupCount = smoke ? 1000 : 200_000;
  const [long, text] = (['LONG', 'STRING'] as const).map((type) => bytesPerGroup(type, groupCount)) as [number, number];
  if (json) {
    const one = (value: number): Spread => spread([value]);
    const figures = { startMs: one(startMs), bytesPerGroup: one(long), bytesPerTextGroup: one(text) };
    console.log(
      JSON.stringify({
        benchmark: 'sql',
        applications: applications.length,
        where,
        ...figures,
        machine: machineLine(),
      }),
    );
    return;
  }
  console.log(
    `a group of three aggregates takes ${Math.round(long)} bytes by a LONG, ${Math.round(text)} by a text of about ${symbolOf(999).length} characters, that text included (wanted: 200)`,
  );
  console.log(`${applications.length} applications made in ${Math.round(startMs)} ms (wanted: 2000)`);
}
