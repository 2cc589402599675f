/**
 * What the work costs as it grows: more connectors, larger messages, more partitions, more subscribers. Each row is a run of its
 * own; but for what grows the work is the same, so that a step can be held against linear growth.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TributaryError } from '../src/base/errors.ts';
import { acknowledged } from './ingest.ts';
import { measureSubscribers, subscribersWhere } from './scaling-subscribers.ts';
import { type Cost, describeStep, eachAbove, stepFrom } from './support/growth.ts';
import { type GrowthDimension, growthDimensions } from './support/growth-dimensions.ts';
import type { Run } from './support/ingest-report.ts';
import { machineLine } from './support/machine.ts';
import { timeUntil } from './support/measure.ts';
import { startSizedFeed } from './support/sized-feed.ts';
import { type Spread, showCount, showSpread, spread } from './support/stats.ts';
import { benchTopic, feedConnector, openTarget } from './support/targets.ts';
import { startTributary } from './support/tributary.ts';

interface ScalingOptions {
  readonly json: boolean;
  readonly smoke: boolean;
  readonly broker: string | undefined;
  readonly runs: number | undefined;
  readonly only: readonly string[] | undefined;
}

interface Row {
  readonly dimension: GrowthDimension;
  readonly grown: number;
  /** Messages that pass, or records of the topic that has subscribers. */
  readonly count: number;
}

const mostMessages = 2_000_000;
const mostBytes = 400_000_000;
/** Just below what Kafka takes as one batch by default. */
const largest = 999_000;
const usual = 200;

const numbers: Readonly<Record<GrowthDimension, readonly number[]>> = {
  connectors: [1, 10, 100, 1000],
  bytes: [10, 100, 1000, 10_000, 100_000, largest],
  partitions: [1, 8, 64],
  subscribers: [1, 10, 100, 1000, 10_000],
};
const counts: Readonly<Record<GrowthDimension, (grown: number) => number>> = {
  connectors: () => mostMessages,
  bytes: (size) => Math.min(mostMessages, Math.ceil(mostBytes / size)),
  partitions: () => mostMessages,
  subscribers: () => 500,
};
const rows: readonly Row[] = growthDimensions.flatMap((dimension) =>
  numbers[dimension].map((grown) => ({ dimension, grown, count: counts[dimension](grown) })),
);
const smokeRows: readonly Row[] = [
  { dimension: 'connectors', grown: 3, count: 3000 },
  { dimension: 'bytes', grown: largest, count: 10 },
  { dimension: 'subscribers', grown: 5, count: 20 },
];
const units: Readonly<Record<GrowthDimension, string>> = {
  connectors: 'connectors',
  bytes: 'bytes a message',
  partitions: 'partitions',
  subscribers: 'subscribers',
};

export async function run({
  json,
  smoke,
  broker = 'embedded',
  runs = smoke ? 1 : 3,
  only,
}: ScalingOptions): Promise<void> {
  const canSubscribe = broker === 'embedded';
  if (!canSubscribe && only?.includes('subscribers'))
    throw new TributaryError(
      'USAGE',
      `Cannot run scaling --only subscribers with --broker "${broker}": must be embedded`,
    );
  if (!json) {
    console.log(
      `scaling: ${broker} broker, ${runs} runs each, at most ${showCount(mostMessages)} messages of ${usual} B`,
    );
    console.log(
      `${machineLine()}\n${where}; ${canSubscribe ? subscribersWhere : 'subscribers with --broker embedded alone'}`,
    );
  }
  let last: { readonly dimension: string; readonly cost: Cost } | undefined;
  let base: { readonly grown: number; readonly mb: number } | undefined;
  for (const row of smoke ? smokeRows : rows) {
    const { dimension, grown, count } = row;
    if (only !== undefined && !only.includes(dimension)) continue;
    if (dimension === 'subscribers' && !canSubscribe) continue;
    const results: Result[] = [];
    for (let i = 0; i < runs; i++)
      results.push(dimension === 'subscribers' ? await measureSubscribers(grown, count) : await once(row, broker));
    const figures: Record<string, Spread> = {};
    for (const key of Object.keys(results[0]!.figures)) figures[key] = spread(results.map((one) => one.figures[key]!));
    // Above what one alone takes, which is the process itself most of all.
    if (dimension === 'connectors') {
      if (base === undefined) base = { grown, mb: figures['peakMb']!.median };
      else {
        const mb = results.map((one) => one.figures['peakMb']!);
        figures['mbPerConnector'] = eachAbove(base, grown, mb);
      }
    }
    const lost = results.reduce((sum, { losses }) => sum + losses.lost, 0);
    const doubled = results.reduce((sum, { losses }) => sum + losses.doubled, 0);
    if (lost + doubled > 0) process.exitCode = 1;
    // A delivery's is that of one subscriber: of all of them is what a record costs.
    const records = dimension === 'subscribers' ? grown : 1;
    const cpu = spread(results.map((one) => one.figures['cpuUs']! * records));
    const cost: Cost = { grown, runs, cpu, memoryMb: figures['peakMb']! };
    const step = last?.dimension === dimension ? stepFrom(last.cost, cost) : undefined;
    if (json) {
      const size = dimension === 'bytes' ? grown : usual;
      const place = dimension === 'subscribers' ? subscribersWhere : where;
      const about = { benchmark: 'scaling', broker, dimension, grown, count, size, where: place };
      console.log(JSON.stringify({ ...about, ...figures, step, lost, doubled, machine: machineLine() }));
    } else {
      if (last?.dimension !== dimension) console.log('');
      show(`${grown} ${units[dimension]}`, figures, `lost ${lost}, doubled ${doubled}`);
      if (step !== undefined) console.log(`    ${describeStep(step)}`);
    }
    last = { dimension, cost };
  }
}

const where = 'feed on core 0, Tributary on core 1';

/** `cpuUs`: of our process alone, for a message or a delivery. */
export interface Result {
  readonly figures: Readonly<Record<string, number>>;
  readonly losses: NonNullable<Run['losses']>;
}

function show(what: string, figures: Readonly<Record<string, Spread>>, losses: string): void {
  const shown = (value: number): string =>
    value >= 1e4 ? showCount(value) : value >= 100 ? value.toFixed(0) : value.toPrecision(3);
  const told = Object.entries(figures).map(([key, figure]) => `${key} ${showSpread(figure, shown)}`);
  console.log(`${what}: ${told.join(', ')}; ${losses}`);
}

async function once({ dimension, grown, count: wanted }: Row, kind: string): Promise<Result> {
  const folder = mkdtempSync(join(tmpdir(), 'tributary-scaling-'));
  const of = (one: GrowthDimension, otherwise: number): number => (dimension === one ? grown : otherwise);
  const connectors = of('connectors', 1);
  const size = of('bytes', usual);
  const each = Math.ceil(wanted / connectors);
  const count = each * connectors;
  try {
    await using target = await openTarget(kind, folder);
    await using feed = await startSizedFeed(connectors, each, size);
    const topic = {
      'topic.creation.default.partitions': `${of('partitions', 1)}`,
      'topic.creation.default.replication.factor': '1',
    };
    // One object for all would be an alias in the configuration.
    const named = (index: number) => [`bench-${index}`, feedConnector(feed.url, topic)] as const;
    await using tributary = await startTributary({
      broker: target.address,
      core: 1,
      connectors: Object.fromEntries(Array.from({ length: connectors }, (_, index) => named(index))),
    });
    const { perSecond, cpuUsPerMessage, peakMb } = await timeUntil(
      count,
      () => tributary.metric(acknowledged),
      tributary.pid,
    );
    await tributary.stop();
    const figures: Record<string, number> = { perSecond, cpuUs: cpuUsPerMessage, peakMb };
    if (dimension === 'bytes') figures['cpuUsPerKb'] = (cpuUsPerMessage / size) * 1000;
    return { figures, losses: await target.check(benchTopic, count) };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
