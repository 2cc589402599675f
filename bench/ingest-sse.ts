/**
 * One event stream into one topic, with the feed, Tributary and the broker in processes of their own on the same cores. The
 * feed sends as fast as the socket takes it; the clock runs from the first acknowledged event seen to the last. Losses and
 * duplicates are checked in the topic by the events' numbers, after the run.
 */
import { spawn } from 'node:child_process';
import { once as happens } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { acknowledged, type IngestOptions } from './ingest.ts';
import { freePort, listening } from './support/feed.ts';
import { type Run, reportIngest } from './support/ingest-report.ts';
import { machineLine } from './support/machine.ts';
import { timeUntil } from './support/measure.ts';
import { showCount } from './support/stats.ts';
import { benchTopic, openTarget } from './support/targets.ts';
import { startTributary } from './support/tributary.ts';

const size = 200;
/** What a record's value is: a structure as JSON (the default), or the data alone. */
const values = ['struct', 'data'] as const;

export async function run(options: IngestOptions): Promise<void> {
  const count = options.smoke ? 20_000 : 2_000_000;
  const runs = options.runs ?? (options.smoke ? 1 : 3);
  const kinds = options.broker === undefined ? (['embedded', 'kafka'] as const) : [options.broker];
  if (!options.json) {
    console.log(
      `ingest-sse: ${showCount(count)} events of ${size} B over one stream (chunks of 64 KiB), ${runs} runs each\n${machineLine()}\n`,
    );
  }
  for (const kind of kinds) {
    const where =
      kind === 'kafka' ? 'feed, Tributary and Kafka share all cores' : 'feed on core 0, Tributary on core 1';
    if (!options.json) console.log(`${kind}: ${where}\n`);
    for (const value of values) {
      const results: Run[] = [];
      for (let i = 0; i < runs; i++) results.push(await once(kind, value, count));
      const about = { benchmark: 'ingest-sse', broker: kind, value, count, size, where };
      const label = `${kind} ${value}`.padEnd(16);
      reportIngest(results, { about, label, unit: 'event', json: options.json });
    }
  }
}

async function once(kind: string, value: string, count: number): Promise<Run> {
  const folder = mkdtempSync(join(tmpdir(), 'tributary-ingest-sse-'));
  try {
    await using target = await openTarget(kind, folder);
    const apart = kind !== 'kafka';
    await using feed = await startSseFeed(count, apart ? 0 : undefined);
    await using tributary = await startTributary({
      broker: target.address,
      ...(apart ? { core: 1 } : {}),
      connectors: {
        bench: {
          'connector.class': 'sse',
          'sse.uri': feed.url,
          topic: benchTopic,
          'sse.value': value,
          'sse.heartbeat.timeout.ms': '0',
        },
      },
    });
    const timed = await timeUntil(count, () => tributary.metric(acknowledged), tributary.pid);
    await tributary.stop();
    return { ...timed, losses: await target.check(benchTopic, count) };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function startSseFeed(
  count: number,
  core: number | undefined,
): Promise<AsyncDisposable & { readonly url: string }> {
  const port = await freePort();
  const script = join(import.meta.dirname, 'support/sse-feed-server.ts');
  const command = [process.execPath, script, `${port}`, `${count}`, `${size}`];
  const pinned = core === undefined ? command : ['taskset', '-c', `${core}`, ...command];
  const child = spawn(pinned[0]!, pinned.slice(1), { stdio: ['ignore', 'ignore', 'inherit'] });
  await listening(port, child);
  return {
    url: `http://127.0.0.1:${port}/`,
    async [Symbol.asyncDispose]() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill('SIGKILL');
      await happens(child, 'exit');
    },
  };
}
