/**
 * From the arrival of a message to its acknowledgement, at 10 000 messages a second, as the connector's own histogram saw
 * it (a quantile is the upper bound of the bucket it falls in; the first fifth, in which the process warms up, is left out); from the start of the process to its first acknowledged
 * message, as seen from outside by asking every 10 ms; and the memory of a process that waits.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildTools, startFeed } from './support/feed.ts';
import { machineLine } from './support/machine.ts';
import { processUse } from './support/process.ts';
import { showCount, showSpread, spread } from './support/stats.ts';
import { benchTopic, openTarget } from './support/targets.ts';
import { type Buckets, quantile, startTributary } from './support/tributary.ts';

const rate = 10_000;
const size = 200;
const where = 'feed, Tributary and broker share all cores';
const histogram = 'tributary_source_receive_to_ack_seconds';
const acknowledged = 'kafka_connect_source_task_source_record_write_total';

export async function run(options: {
  readonly json: boolean;
  readonly smoke: boolean;
  readonly broker: string | undefined;
  readonly runs: number | undefined;
  /** To a sync on this machine, where it stands between the feed and a real Kafka. */
  readonly spool: boolean;
}): Promise<void> {
  buildTools();
  const count = options.smoke ? 2_000 : 100_000;
  const runs = options.runs ?? (options.smoke ? 1 : 3);
  if (!options.json)
    console.log(
      `latency: ${rate} messages/s of ${size} B, ${showCount(count)} of them, ${runs} runs each\n${machineLine()}\n${where}\n`,
    );
  const kinds = options.spool ? ['kafka'] : ['embedded', 'kafka'];
  for (const kind of options.broker === undefined ? kinds : [options.broker]) {
    const results = [];
    for (let i = 0; i < runs; i++) results.push(await once(kind, count, options.spool));
    const figures = {
      benchmark: 'latency',
      broker: kind,
      ...(options.spool ? { spool: true } : {}),
      p50Ms: spread(results.map((r) => r.p50Ms)),
      p99Ms: spread(results.map((r) => r.p99Ms)),
      firstRecordMs: spread(results.map((r) => r.firstRecordMs)),
      residentMb: spread(results.map((r) => r.residentMb)),
    };
    const lost = results.reduce((sum, { losses }) => sum + losses.lost, 0);
    const doubled = results.reduce((sum, { losses }) => sum + losses.doubled, 0);
    if (lost + doubled > 0) process.exitCode = 1;
    if (options.json) {
      console.log(JSON.stringify({ ...figures, count, size, where, lost, doubled, machine: machineLine() }));
      continue;
    }
    console.log(
      `${kind.padEnd(9)} p50 ≤ ${showSpread(figures.p50Ms, (v) => v.toFixed(2))} ms, p99 ≤ ${showSpread(figures.p99Ms, (v) => v.toFixed(2))} ms`,
    );
    console.log(`          start to first record ${showSpread(figures.firstRecordMs, (v) => v.toFixed(0))} ms`);
    console.log(
      `          resident afterwards, idle ${showSpread(figures.residentMb, (v) => v.toFixed(0))} MB; lost ${lost}, doubled ${doubled}\n`,
    );
  }
}

async function once(kind: string, count: number, spool: boolean) {
  const folder = mkdtempSync(join(tmpdir(), 'tributary-latency-'));
  try {
    await using target = await openTarget(kind, folder);
    await using feed = await startFeed({ rate, count, size });
    await using tributary = await startTributary({
      broker: target.address,
      connectors: {
        bench: {
          'connector.class': 'websocket',
          'websocket.url': feed.url,
          'kafka.topic': benchTopic,
          ...(spool ? { 'spool.mode': 'at-least-once' } : {}),
        },
      },
    });
    let firstRecordMs = 0;
    let warm: Buckets | undefined;
    for (let seen = 0; seen < count; ) {
      seen = await tributary.metric(acknowledged);
      if (seen > 0 && firstRecordMs === 0) firstRecordMs = performance.now() - tributary.startedAtMs;
      if (seen >= count / 5) warm ??= await tributary.buckets(histogram);
      if (performance.now() - tributary.startedAtMs > 60_000)
        throw new Error(`Only ${seen} of ${count} messages after a minute`);
      await new Promise((resolve) => setTimeout(resolve, firstRecordMs === 0 ? 10 : 200));
    }
    const buckets = since(warm ?? [], await tributary.buckets(histogram));
    const { residentMb } = processUse(tributary.pid);
    await tributary.stop();
    const losses = await target.check(benchTopic, count);
    return {
      p50Ms: quantile(buckets, 0.5) * 1000,
      p99Ms: quantile(buckets, 0.99) * 1000,
      firstRecordMs,
      residentMb,
      losses,
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** What was observed between two looks at a histogram. */
function since(before: Buckets, after: Buckets): Buckets {
  return after.map(({ le, count }) => ({ le, count: count - (before.find((bucket) => bucket.le === le)?.count ?? 0) }));
}
