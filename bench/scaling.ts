/**
 * What a message costs as the work grows: more connectors, larger messages, more partitions. Each row is a run of its own; the
 * same number of bytes or messages passes, so that a row that costs more than the one above it costs more for its kind.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { acknowledged, type IngestOptions } from './ingest.ts';
import type { Run } from './support/ingest-report.ts';
import { machineLine } from './support/machine.ts';
import { timeUntil } from './support/measure.ts';
import { startSizedFeed } from './support/sized-feed.ts';
import { showCount, showSpread, spread } from './support/stats.ts';
import { benchTopic, feedConnector, openTarget } from './support/targets.ts';
import { startTributary } from './support/tributary.ts';

interface Row {
  readonly dimension: 'connectors' | 'bytes of a message' | 'partitions';
  readonly connectors: number;
  readonly size: number;
  readonly partitions: number;
  readonly messages: number;
}

const mostMessages = 2_000_000;
const mostBytes = 400_000_000;
/** Just below what Kafka takes as one batch by default. */
const largest = 999_000;

const base = { connectors: 1, size: 200, partitions: 1 };
const sized = (size: number): number => Math.min(mostMessages, Math.ceil(mostBytes / size));
const rows: readonly Row[] = [
  ...[1, 10, 100, 1000].map(
    (connectors): Row => ({ ...base, dimension: 'connectors', connectors, messages: mostMessages }),
  ),
  ...[10, 100, 1000, 10_000, 100_000, largest].map(
    (size): Row => ({ ...base, dimension: 'bytes of a message', size, messages: sized(size) }),
  ),
  ...[1, 8, 64].map((partitions): Row => ({ ...base, dimension: 'partitions', partitions, messages: mostMessages })),
];
const smokeRows: readonly Row[] = [
  { ...base, dimension: 'connectors', connectors: 3, partitions: 3, messages: 3000 },
  { ...base, dimension: 'bytes of a message', size: largest, messages: 10 },
];

export async function run({ json, smoke, broker = 'embedded', runs: wanted }: IngestOptions): Promise<void> {
  const runs = wanted ?? (smoke ? 1 : 3);
  if (!json) {
    console.log(
      `scaling: ${broker} broker, ${runs} runs each, at most ${showCount(mostMessages)} messages\n${machineLine()}`,
    );
    console.log('feed on core 0, Tributary on core 1\n');
    console.log(`${'what grows'.padEnd(32)} messages/s   µs of our processor time a message, and a KB; MB at most`);
  }
  let dimension = '';
  for (const row of smoke ? smokeRows : rows) {
    const results: Run[] = [];
    for (let i = 0; i < runs; i++) results.push(await once(row, broker));
    const figures = {
      benchmark: 'scaling',
      broker,
      ...row,
      perSecond: spread(results.map((r) => r.perSecond)),
      cpuUsPerMessage: spread(results.map((r) => r.cpuUsPerMessage)),
      cpuUsPerKb: spread(results.map((r) => (r.cpuUsPerMessage / row.size) * 1000)),
      peakMb: spread(results.map((r) => r.peakMb)),
      lost: results.reduce((sum, { losses }) => sum + losses!.lost, 0),
      doubled: results.reduce((sum, { losses }) => sum + losses!.doubled, 0),
    };
    if (figures.lost + figures.doubled > 0) process.exitCode = 1;
    if (json) console.log(JSON.stringify({ ...figures, machine: machineLine() }));
    else {
      if (row.dimension !== dimension) console.log('');
      show(figures, row);
    }
    dimension = row.dimension;
  }
}

type Figures = Readonly<
  Record<'perSecond' | 'cpuUsPerMessage' | 'cpuUsPerKb' | 'peakMb', ReturnType<typeof spread>>
> & {
  readonly lost: number;
  readonly doubled: number;
};

function show({ perSecond, cpuUsPerMessage, cpuUsPerKb, peakMb, lost, doubled }: Figures, row: Row): void {
  const grown = { connectors: row.connectors, 'bytes of a message': row.size, partitions: row.partitions }[
    row.dimension
  ];
  const cpu = `${showSpread(cpuUsPerMessage, (v) => (v < 100 ? v.toPrecision(3) : v.toFixed(0)))}   ${cpuUsPerKb.median.toFixed(2)}`;
  console.log(
    `${String(grown).padStart(9)} ${row.dimension.padEnd(20)} ${showSpread(perSecond, showCount).padEnd(26)} ${cpu}   ${peakMb.median.toFixed(0)} MB; lost ${lost}, doubled ${doubled}`,
  );
}

async function once(row: Row, kind: string): Promise<Run> {
  const folder = mkdtempSync(join(tmpdir(), 'tributary-scaling-'));
  const { connectors, size, partitions } = row;
  const each = Math.ceil(row.messages / connectors);
  const count = each * connectors;
  try {
    await using target = await openTarget(kind, folder);
    await using feed = await startSizedFeed(connectors, each, size);
    await using tributary = await startTributary({
      broker: target.address,
      core: 1,
      connectors: Object.fromEntries(
        Array.from({ length: connectors }, (_, index) => [
          `bench-${index}`,
          feedConnector(feed.url, {
            'topic.creation.default.partitions': `${partitions}`,
            'topic.creation.default.replication.factor': '1',
          }),
        ]),
      ),
    });
    const timed = await timeUntil(count, () => tributary.metric(acknowledged), tributary.pid);
    await tributary.stop();
    return { ...timed, losses: await target.check(benchTopic, count) };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
