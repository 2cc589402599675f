/**
 * One WebSocket feed into one topic, with the feed, Tributary and the broker in processes of their own on the same cores.
 * The feed sends as fast as the socket takes it; the clock runs from the first acknowledged message seen to the last.
 * Losses, order and duplicates are checked in the topic by the feed's sequence numbers, after the run.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildTools, startFeed } from './support/feed.ts';
import { type Run, reportIngest } from './support/ingest-report.ts';
import { machineLine } from './support/machine.ts';
import { processUse } from './support/process.ts';
import { showCount } from './support/stats.ts';
import { benchTopic, openTarget } from './support/targets.ts';
import { startTributary } from './support/tributary.ts';

export interface IngestOptions {
  readonly json: boolean;
  readonly smoke: boolean;
  readonly broker: string | undefined;
  readonly runs: number | undefined;
}

const size = 200;
export const acknowledged = 'kafka_connect_source_task_source_record_write_total';

export function run(options: IngestOptions): Promise<void> {
  return ingest('ingest', false, options);
}

/** `compressed`: the feed deflates each message as it sends it, at zlib's level 1. */
export async function ingest(name: string, compressed: boolean, options: IngestOptions): Promise<void> {
  buildTools();
  const count = options.smoke ? 20_000 : compressed ? 500_000 : 4_000_000;
  const runs = options.runs ?? (options.smoke ? 1 : 3);
  const kinds = options.broker === undefined ? (['embedded', 'null', 'kafka'] as const) : [options.broker];
  if (!options.json) {
    console.log(
      `${name}: ${showCount(count)} text messages of ${size} B over one WebSocket, ${runs} runs each\n${machineLine()}\n`,
    );
  }
  for (const kind of kinds) {
    const results: Run[] = [];
    for (let i = 0; i < runs; i++) results.push(await once(kind, count, compressed));
    const about = { benchmark: name, broker: kind, count, size };
    reportIngest(results, { about, label: kind.padEnd(9), unit: 'message', json: options.json });
  }
}

async function once(kind: string, count: number, deflate: boolean): Promise<Run> {
  const folder = mkdtempSync(join(tmpdir(), 'tributary-ingest-'));
  try {
    await using target = await openTarget(kind, folder);
    // An embedded target leaves a core for each side; with a real Kafka three processes share two cores.
    const apart = kind !== 'kafka';
    await using feed = await startFeed({ rate: 0, count, size, deflate, ...(apart ? { core: 0 } : {}) });
    await using tributary = await startTributary({
      broker: target.address,
      ...(apart ? { core: 1 } : {}),
      connectors: {
        bench: {
          'connector.class': 'websocket',
          'websocket.url': feed.url,
          'kafka.topic': benchTopic,
          'websocket.reconnect.enabled': 'false',
        },
      },
    });
    const timed = await timeUntil(count, () => tributary.metric(acknowledged), tributary.pid);
    await tributary.stop();
    const { lost, doubled } = await target.check(benchTopic, count);
    return { ...timed, lost, doubled };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Polls the counter of acknowledged messages; rate and processor time are taken between its first and last change. */
export async function timeUntil(
  count: number,
  read: () => Promise<number>,
  pid: number,
): Promise<Omit<Run, 'lost' | 'doubled'>> {
  let first: { atMs: number; count: number; cpuMs: number } | undefined;
  let lastSeen = 0;
  let lastChangeMs = performance.now();
  for (;;) {
    const seen = await read();
    const atMs = performance.now();
    if (seen > lastSeen) {
      lastSeen = seen;
      lastChangeMs = atMs;
    }
    const { cpuMs, peakMb } = processUse(pid);
    if (seen > 0 && first === undefined) first = { atMs, count: seen, cpuMs };
    if (seen >= count) {
      const messages = count - first!.count;
      return {
        perSecond: messages / ((atMs - first!.atMs) / 1000),
        cpuUsPerMessage: ((cpuMs - first!.cpuMs) * 1000) / messages,
        peakMb,
      };
    }
    if (atMs - lastChangeMs > 20_000)
      throw new Error(`Only ${seen} of ${count} messages were acknowledged, nothing for 20 s`);
    // A look at the metrics costs the measured process a millisecond, too.
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
