/**
 * `ingest --spool`: the same feed through the spool into a real Kafka, in either mode. The clock ends when Kafka has
 * acknowledged the last message, not when it is synced here.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildTools, startFeed } from './support/feed.ts';
import { type Run, reportIngest } from './support/ingest-report.ts';
import { machineLine } from './support/machine.ts';
import { timeUntil } from './support/measure.ts';
import { showCount } from './support/stats.ts';
import { benchTopic, feedConnector, openTarget } from './support/targets.ts';
import { startTributary } from './support/tributary.ts';

const size = 200;
const forwarded = 'tributary_spool_records_forwarded_total';

export async function ingestSpool(options: {
  readonly json: boolean;
  readonly smoke: boolean;
  readonly runs: number | undefined;
}): Promise<void> {
  buildTools();
  const { smoke, json } = options;
  const count = smoke ? 20_000 : 4_000_000;
  const runs = options.runs ?? (smoke ? 1 : 3);
  const where = 'feed, reader, spool and Kafka share all cores';
  if (!json)
    console.log(`ingest --spool: ${showCount(count)} messages of ${size} B, ${runs} runs each\n${machineLine()}\n`);
  for (const mode of ['at-least-once', 'exactly-once']) {
    const results: Run[] = [];
    for (let round = 0; round < runs; round++) results.push(await once(mode, count));
    const about = { benchmark: 'ingest', broker: 'kafka', subject: `spool, ${mode}`, count, size, where };
    reportIngest(results, { about, label: about.subject.padEnd(21), unit: 'message', json, isOurs: true });
  }
}

async function once(mode: string, count: number): Promise<Run> {
  const folder = mkdtempSync(join(tmpdir(), 'tributary-ingest-spool-'));
  try {
    await using target = await openTarget('kafka', folder);
    await using feed = await startFeed({ rate: 0, count, size });
    await using tributary = await startTributary({
      broker: target.address,
      connectors: {
        bench: feedConnector(feed.url, { 'spool.mode': mode }),
      },
    });
    const timed = await timeUntil(count, () => tributary.metric(forwarded), tributary.pid);
    await tributary.stop();
    return { ...timed, losses: await target.check(benchTopic, count) };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
