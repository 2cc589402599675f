/** `npm run bench -- sql`: streaming SQL on one core, without network or disk. */
import { codecs } from '../src/app/codecs.ts';
import { BatchBuffer } from '../src/record/batch-buffer.ts';
import { readBatchHeader } from '../src/record/batch-header.ts';
import { decodeColumn } from '../src/record/decode.ts';
import { encodeBatch } from '../src/record/encode.ts';
import { type RowEncoder, rowEncoder } from '../src/sql/mapping/row-encoder.ts';
import { sourceMapper } from '../src/sql/mapping/source-mapper.ts';
import { Application } from '../src/sql/plan/application.ts';
import { Entrance } from '../src/sql/runtime/entrance.ts';
import type { Row } from '../src/sql/values/value.ts';
import { type Case, cases, perBatch, size, where } from './sql/cases.ts';
import { floors } from './sql/floors.ts';
import { startsAndMemory } from './sql/starts.ts';
import { machineLine } from './support/machine.ts';
import { type Spread, showCount, showSpread, spread } from './support/stats.ts';
import type { Losses } from './support/targets.ts';
import { firstTimeMs, groups, tradeBatch } from './support/trades.ts';

const method = `Method: one process, one thread, no network and no disk. 200-byte JSON trades of ${groups} symbols come as record batches of ${perBatch}, as
a topic holds them: checked, decoded, mapped to rows, pushed through the application; its rows become JSON and a record batch.
Event time moves 1 ms a trade. Processor time is that of the process, garbage collection included; trades are made between
the measured parts. What came out is counted and compared with what must come out.
The middle of the runs (least – most); each begins with a new application, and with rows that fill its windows, not measured.`;

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
