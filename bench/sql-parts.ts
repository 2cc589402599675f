/**
 * `npm run bench -- sql --broker kafka --parts N`: the tumbling average of a topic with N partitions, by one and by two workers, each a process;
 * once where the groups are the record's key, and once by way of a repartition topic. The topic is filled before.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { codecs } from '../src/app/codecs.ts';
import { openKafkaBroker } from '../src/broker/kafka/kafka.ts';
import { partitionForKey } from '../src/record/partitioner.ts';
import { machineLine } from './support/machine.ts';
import { processUse } from './support/process.ts';
import { showCount, showSpread, spread } from './support/stats.ts';
import { openTarget } from './support/targets.ts';
import { groups, symbolOf, tradeOf } from './support/trades.ts';
import { startTributary, type Tributary } from './support/tributary.ts';

const windowMs = 60_000;
const input = 'trades';
const patienceMs = 120_000;
const where = 'workers and broker share all cores';

const method = `Method: trades of 200 B, keyed by symbol, lie in a topic of several partitions; event time moves 1 ms a trade, ${groups} symbols. Workers of one group share
the parts of the application, which writes one row for each symbol and window of 60 s. The clock runs from the first trades that the query has
read to the last ones; processor time is that of the workers over the same time. The rows are then read: those that are missing or there twice count.`;

export interface PartsOptions {
  readonly json: boolean;
  readonly smoke: boolean;
  readonly parts: number;
  readonly runs: number;
}

interface Job {
  readonly address: string;
  readonly parts: number;
  readonly count: number;
}

interface Run {
  readonly perSecond: number;
  readonly cpuUs: number;
  /** Of all workers together. */
  readonly peakMb: number;
  readonly lost: number;
  readonly doubled: number;
}

export async function runInParts({ json, smoke, parts, runs }: PartsOptions): Promise<void> {
  const count = smoke ? 3 * windowMs : 40 * windowMs;
  if (!json) console.log(`${method}\n${machineLine()}\n\nkafka: ${where}\n`);
  const folder = mkdtempSync(join(tmpdir(), 'tributary-sql-parts-'));
  try {
    await using target = await openTarget('kafka', folder);
    const job: Job = { address: target.address, parts, count };
    await fill(job);
    for (const keyed of [true, false]) {
      for (const workers of [1, 2]) {
        const results: Run[] = [];
        for (let round = 0; round < runs; round++)
          results.push(await measure(job, workers, keyed, `${keyed ? 'keyed' : 'exchanged'}-${workers}-${round}`));
        report(results, { workers, keyed, parts, count, json });
      }
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function report(
  results: readonly Run[],
  about: { workers: number; keyed: boolean; parts: number; count: number; json: boolean },
): void {
  const { workers, keyed, parts, count, json } = about;
  const perSecond = spread(results.map((run) => run.perSecond));
  const cpuUsPerMessage = spread(results.map((run) => run.cpuUs));
  const peakMb = spread(results.map((run) => run.peakMb));
  const lost = results.reduce((sum, run) => sum + run.lost, 0);
  const doubled = results.reduce((sum, run) => sum + run.doubled, 0);
  const subject = `${workers} worker${workers === 1 ? '' : 's'}, ${keyed ? 'by the record key' : 'repartitioned'}`;
  if (json) {
    const named = { benchmark: 'sql', broker: 'kafka', case: 'parts', subject, parts, count, size: 200, where };
    console.log(
      JSON.stringify({ ...named, perSecond, cpuUsPerMessage, peakMb, lost, doubled, machine: machineLine() }),
    );
  } else {
    const cpu = showSpread(cpuUsPerMessage, (value) => value.toFixed(2));
    console.log(
      `${subject.padEnd(32)} ${showSpread(perSecond, showCount)} rows/s, ${cpu} µs a row, ${showSpread(peakMb, (value) => value.toFixed(0))} MB at most; lost ${lost}, doubled ${doubled}`,
    );
  }
  if (lost + doubled > 0) process.exitCode = 1;
}

async function fill({ address, parts, count }: Job): Promise<void> {
  const firstMs = Math.floor((Date.now() - count) / windowMs) * windowMs;
  await using broker = await openKafkaBroker({ bootstrap: [address.slice('kafka://'.length)], codecs });
  await broker.createTopic({ name: input, partitions: parts });
  await using producer = await broker.producer();
  for (let from = 0; from < count; from += 10_000) {
    const shares = Array.from(
      { length: parts },
      () => [] as { key: Buffer; value: Buffer; headers: []; timestampMs: null }[],
    );
    for (let index = from; index < Math.min(from + 10_000, count); index++) {
      const key = Buffer.from(symbolOf(index));
      shares[partitionForKey(key, parts)]!.push({
        key,
        value: tradeOf(index, firstMs),
        headers: [],
        timestampMs: null,
      });
    }
    await Promise.all(shares.map((records, partition) => producer.send(input, partition, records)));
  }
}

async function measure({ address, parts, count }: Job, workers: number, keyed: boolean, name: string): Promise<Run> {
  const key = keyed ? `kafka.key = 's', ` : '';
  const script = `
    CREATE STREAM Trades (s STRING NOT NULL, p DOUBLE, q DOUBLE, T LONG) WITH (type = 'source', extension = 'kafka', format = 'json',
      kafka.topic = '${input}', kafka.from = 'earliest', ${key}event.time.field = 'T');
    CREATE STREAM Out (symbol STRING, start LONG, vwap DOUBLE, n LONG) WITH (type = 'sink', extension = 'kafka', format = 'json',
      kafka.topic = '${name}', kafka.key = 'symbol');
    INSERT INTO Out SELECT s AS symbol, WINDOW_START() AS start, SUM(p * q) / SUM(q) AS vwap, COUNT(*) AS n
      FROM Trades WINDOW TUMBLING(60 sec) GROUP BY s;`;
  let run: Pick<Run, 'perSecond' | 'cpuUs'>;
  let peakMb: number;
  {
    await using all = new AsyncDisposableStack();
    const started: Tributary[] = [];
    for (let n = 0; n < workers; n++)
      started.push(all.use(await startTributary({ broker: address, connectors: {}, worker: { 'group.id': name } })));
    for (const worker of started)
      while (!(await worker.isUp())) await new Promise((resolve) => setTimeout(resolve, 100));
    const config = { 'connector.class': 'sql', 'tasks.max': String(parts), 'sql.text': script };
    const answer = await fetch(`${started[0]!.url}/connectors`, {
      method: 'POST',
      body: JSON.stringify({ name, config }),
      headers: { 'content-type': 'application/json' },
    });
    if (!answer.ok) throw new Error(`The connector was not made: ${await answer.text()}`);
    const look = async () => {
      const rows = await Promise.all(started.map((worker) => worker.metric('tributary_sql_query_rows_in')));
      const cpuMs = started.reduce((sum, { pid }) => sum + processUse(pid).cpuMs, 0);
      return { atMs: performance.now(), rows: rows.reduce((sum, one) => sum + one, 0), cpuMs };
    };
    run = await between(look, count);
    await waitForRows(address, name, expectedRows(count));
    peakMb = started.reduce((sum, { pid }) => sum + processUse(pid).peakMb, 0);
    for (const worker of started) await worker.stop();
  }
  return { ...run, peakMb, ...(await lossesOf(address, name, count)) };
}

interface Look {
  readonly atMs: number;
  readonly rows: number;
  readonly cpuMs: number;
}

async function between(look: () => Promise<Look>, count: number): Promise<Pick<Run, 'perSecond' | 'cpuUs'>> {
  const end = performance.now() + patienceMs;
  let first: Look | undefined;
  let before = await look();
  for (;;) {
    await new Promise((resolve) => setTimeout(resolve, 100));
    const now = await look();
    if (now.rows > 0) first ??= now.rows < count ? now : before;
    if (now.rows >= count) {
      const rows = now.rows - first!.rows;
      return { perSecond: rows / ((now.atMs - first!.atMs) / 1000), cpuUs: ((now.cpuMs - first!.cpuMs) * 1000) / rows };
    }
    if (performance.now() > end) throw new Error(`Only ${now.rows} of ${count} rows were read`);
    before = now;
  }
}

/** All windows but the last one are closed. */
function expectedRows(count: number): number {
  return (count / windowMs - 1) * groups;
}

async function rowsOf(address: string, topic: string): Promise<{ symbol: string; start: number; n: number }[]> {
  await using broker = await openKafkaBroker({ bootstrap: [address.slice('kafka://'.length)], codecs });
  const rows: { symbol: string; start: number; n: number }[] = [];
  for await (const { records } of broker.read({ topic, partition: 0, from: 'earliest', until: 'end' }))
    for (const { value } of records) rows.push(JSON.parse(Buffer.from(value!).toString()));
  return rows;
}

async function waitForRows(address: string, topic: string, wanted: number): Promise<void> {
  const end = performance.now() + patienceMs;
  while ((await rowsOf(address, topic)).length < wanted && performance.now() < end)
    await new Promise((resolve) => setTimeout(resolve, 500));
}

async function lossesOf(address: string, topic: string, count: number): Promise<Pick<Run, 'lost' | 'doubled'>> {
  const perWindow = windowMs / groups;
  const seen = new Set<string>();
  let doubled = 0;
  let short = 0;
  for (const { symbol, start, n } of await rowsOf(address, topic)) {
    const key = `${symbol} ${start}`;
    if (seen.has(key)) doubled++;
    else if (n !== perWindow) short += Math.abs(perWindow - n);
    seen.add(key);
  }
  return { lost: Math.max(0, expectedRows(count) - seen.size) + short, doubled };
}
