/**
 * From the arrival of a message to its acknowledgement, at 10 000 messages a second, as the connector's own histogram saw
 * it (a quantile is interpolated in the bucket it falls in; the first fifth, in which the process warms up, is left out); from the
 * start of the process to its first acknowledged message, as seen from outside by asking every 10 ms; and the memory of a
 * process that waits.
 *
 * The floor is what acknowledges: as many bytes at the same rate, encoded before, by a bare Produce request to Kafka and its
 * answer, or by a file's sync. Its quantiles are exact.
 */
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { codecs } from '../src/app/codecs.ts';
import type { Paced } from './peers/pace.ts';
import { buildTools, startFeed } from './support/feed.ts';
import { machineLine } from './support/machine.ts';
import { processUse } from './support/process.ts';
import { type Spread, showCount, showSpread, spread } from './support/stats.ts';
import { benchTopic, feedConnector, type Losses, openTarget, type Target } from './support/targets.ts';
import { type Buckets, quantile, startTributary } from './support/tributary.ts';

const rate = 10_000;
const size = 200;
/** Of the floor: as many as come in a millisecond. */
const perTurn = rate / 1000;
const where = 'feed, Tributary and broker share all cores';
const histogram = 'tributary_source_receive_to_ack_seconds';
const acknowledged = 'kafka_connect_source_task_source_record_write_total';
const patienceMs = 60_000;

interface LatencyOptions {
  readonly json: boolean;
  readonly smoke: boolean;
  readonly broker: string | undefined;
  readonly runs: number | undefined;
  /** To a sync on this machine, where it stands between the feed and a real Kafka. */
  readonly spool: boolean;
  readonly alone: boolean;
}

interface Run extends Paced {
  readonly firstRecordMs: number;
  readonly residentMb: number;
  readonly losses: Losses;
}

export async function run(options: LatencyOptions): Promise<void> {
  buildTools();
  const { json, smoke, spool, alone, runs = smoke ? 1 : 3 } = options;
  const count = smoke ? 2_000 : 100_000;
  if (!json) {
    const load = `${rate} messages/s of ${size} B, ${showCount(count)} of them, ${runs} runs each`;
    console.log(`latency: ${load}\n${machineLine()}\n${where}\n`);
  }
  const kinds = spool ? ['kafka'] : ['embedded', 'kafka'];
  for (const kind of options.broker === undefined ? kinds : [options.broker]) {
    const ours: Run[] = [];
    const floors: Paced[] = [];
    for (let i = 0; i < runs; i++) {
      ours.push(await once(kind, count, spool));
      if (!alone) floors.push(await (kind === 'kafka' && !spool ? produceFloor(count) : syncFloor(count)));
    }
    const about = { benchmark: 'latency', broker: kind, ...(spool ? { spool: true } : {}) };
    const common = { count, size, where, machine: machineLine() };
    const figures = spreadsOf(ours, [...paced, 'firstRecordMs', 'residentMb']);
    const lost = ours.reduce((sum, { losses }) => sum + losses.lost, 0);
    const doubled = ours.reduce((sum, { losses }) => sum + losses.doubled, 0);
    if (lost + doubled > 0) process.exitCode = 1;
    const floor = {
      subject: kind === 'kafka' && !spool ? 'bare Produce request' : 'bare sync of a file',
      beside: 'floor',
    };
    if (json) {
      console.log(JSON.stringify({ ...about, subject: 'tributary', ...common, ...figures, lost, doubled }));
      if (!alone) console.log(JSON.stringify({ ...about, ...floor, ...common, ...spreadsOf(floors, paced) }));
      continue;
    }
    show(spool ? 'spool' : kind, figures, ', interpolated in their buckets of the histogram');
    console.log(`  start to first record  ${showSpread(figures['firstRecordMs']!, (v) => v.toFixed(0))} ms`);
    console.log(`  resident afterwards    ${showSpread(figures['residentMb']!, (v) => v.toFixed(0))} MB`);
    console.log(`  lost ${lost}, doubled ${doubled}\n`);
    if (!alone) show(`floor: ${floor.subject}, ${perTurn} messages each`, spreadsOf(floors, paced), ', exact');
  }
}

const paced = ['perSecond', 'p50Ms', 'p99Ms', 'cpuUsPerMessage', 'peakMb'] as const;

function spreadsOf<Key extends string>(
  runs: readonly Readonly<Record<Key, number>>[],
  keys: readonly Key[],
): Readonly<Record<string, Spread>> {
  return Object.fromEntries(keys.map((key) => [key, spread(runs.map((one) => one[key]))]));
}

function show(name: string, figures: Readonly<Record<string, Spread>>, how: string): void {
  const shown = (key: string, digits: number): string => showSpread(figures[key]!, (value) => value.toFixed(digits));
  console.log(name);
  console.log(`  p50 ${shown('p50Ms', 2)} ms, p99 ${shown('p99Ms', 2)} ms${how}`);
  console.log(`  ${showSpread(figures['perSecond']!, showCount)} messages/s`);
  console.log(`  ${shown('cpuUsPerMessage', 2)} µs of its processor time a message, ${shown('peakMb', 0)} MB at most`);
}

interface Look {
  readonly atMs: number;
  readonly seen: number;
  readonly cpuMs: number;
  readonly buckets: Buckets;
}

async function once(kind: string, count: number, spool: boolean): Promise<Run> {
  const folder = mkdtempSync(join(tmpdir(), 'tributary-latency-'));
  try {
    await using target = await openTarget(kind, folder);
    await using feed = await startFeed({ rate, count, size });
    const mode: Readonly<Record<string, string>> = spool ? { 'spool.mode': 'at-least-once' } : {};
    await using tributary = await startTributary({
      broker: target.address,
      connectors: { bench: feedConnector(feed.url, mode) },
    });
    const look = async (seen: number): Promise<Look> => {
      const { cpuMs } = processUse(tributary.pid);
      return { atMs: performance.now(), seen, cpuMs, buckets: await tributary.buckets(histogram) };
    };
    let firstRecordMs = 0;
    let warm: Look | undefined;
    const start: Look = { atMs: tributary.startedAtMs, seen: 0, cpuMs: 0, buckets: [] };
    for (let seen = 0; seen < count; ) {
      seen = await tributary.metric(acknowledged);
      if (seen > 0 && firstRecordMs === 0) firstRecordMs = performance.now() - tributary.startedAtMs;
      if (seen >= count / 5) warm ??= await look(seen);
      if (performance.now() - tributary.startedAtMs > patienceMs)
        throw new Error(`Only ${seen} of ${count} messages after a minute`);
      await new Promise((resolve) => setTimeout(resolve, firstRecordMs === 0 ? 10 : 200));
    }
    const end = await look(count);
    // Few messages may all have been observed at the first look.
    const isWarm = countIn(end.buckets) > countIn(warm!.buckets);
    const begin = isWarm ? warm! : start;
    const buckets = since(begin.buckets, end.buckets);
    if (countIn(buckets) === 0) throw new Error(`Nothing was observed in ${histogram}`);
    const { residentMb, peakMb } = processUse(tributary.pid);
    await tributary.stop();
    const messages = end.seen - begin.seen;
    return {
      perSecond: messages / ((end.atMs - begin.atMs) / 1000),
      p50Ms: quantile(buckets, 0.5) * 1000,
      p99Ms: quantile(buckets, 0.99) * 1000,
      cpuUsPerMessage: ((end.cpuMs - begin.cpuMs) * 1000) / messages,
      peakMb,
      firstRecordMs,
      residentMb,
      losses: await target.check(benchTopic, count),
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function countIn(buckets: Buckets): number {
  return buckets.at(-1)?.count ?? 0;
}

/** What was observed between two looks at a histogram. */
function since(before: Buckets, after: Buckets): Buckets {
  return after.map(({ le, count }) => ({ le, count: count - (before.find((bucket) => bucket.le === le)?.count ?? 0) }));
}

async function produceFloor(count: number): Promise<Paced> {
  await using target: Target = await openTarget('kafka', '');
  const bootstrap = target.address.slice('kafka://'.length);
  {
    const { openKafkaBroker } = await import('../src/broker/kafka/kafka.ts');
    await using broker = await openKafkaBroker({ bootstrap: [bootstrap], codecs });
    await broker.createTopic({ name: benchTopic });
  }
  return await floor('paced-produce.ts', [bootstrap, benchTopic], count);
}

async function syncFloor(count: number): Promise<Paced> {
  const folder = mkdtempSync(join(tmpdir(), 'tributary-latency-'));
  try {
    return await floor('paced-sync.ts', [folder], count);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function floor(script: string, args: readonly string[], count: number): Promise<Paced> {
  const words = [join(import.meta.dirname, 'peers', script), ...args, `${count / perTurn}`, `${perTurn}`, `${size}`];
  const { stdout } = await promisify(execFile)(process.execPath, words);
  return JSON.parse(stdout) as Paced;
}
