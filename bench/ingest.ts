/**
 * One WebSocket feed into one topic, with the feed, Tributary and the broker in processes of their own on the same cores.
 * The feed sends as fast as the socket takes it; the clock runs from the first acknowledged message seen to the last.
 * Losses, order and duplicates are checked in the topic by the feed's sequence numbers, after the run.
 *
 * In each round the physical floors are measured beside it, and with `--peers` what others would use.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { floorsOf, type IngestJob, peersOf, type Subject } from './peers/subjects.ts';
import { buildTools, startFeed } from './support/feed.ts';
import { type Run, reportIngest } from './support/ingest-report.ts';
import { machineLine } from './support/machine.ts';
import { timeUntil } from './support/measure.ts';
import { showCount } from './support/stats.ts';
import { benchTopic, feedConnector, openTarget } from './support/targets.ts';
import { startTributary } from './support/tributary.ts';

export interface IngestOptions {
  readonly json: boolean;
  readonly smoke: boolean;
  readonly broker: string | undefined;
  readonly runs: number | undefined;
  /** Also what others would use. */
  readonly peers?: boolean;
  /** Our program alone, without the floors. */
  readonly alone?: boolean;
}

const size = 200;
export const acknowledged = 'kafka_connect_source_task_source_record_write_total';
export const tributary: Subject = { name: 'tributary', measure: once };

export async function run(options: IngestOptions & { readonly spool: boolean }): Promise<void> {
  if (!options.spool) return ingest('ingest', false, options);
  const { ingestSpool } = await import('./ingest-spool.ts');
  return ingestSpool(options);
}

/** `deflate`: over permessage-deflate; the feed has compressed everything before (10 µs a message), and sends at the cost of a copy. */
export async function ingest(name: string, deflate: boolean, options: IngestOptions): Promise<void> {
  buildTools();
  const { smoke, json, peers = false, alone = false } = options;
  const count = smoke ? 20_000 : deflate ? 400_000 : 4_000_000;
  const runs = options.runs ?? (smoke ? 1 : 3);
  const kinds = options.broker === undefined ? (['embedded', 'null', 'kafka'] as const) : [options.broker];
  if (!json) {
    console.log(
      `${name}: ${showCount(count)} text messages of ${size} B over one WebSocket, ${runs} runs each\n${machineLine()}\n`,
    );
  }
  for (const kind of kinds) {
    const job: IngestJob = { kind, count, size, deflate, where: whereOf(kind) };
    const subjects = [tributary, ...(alone ? [] : floorsOf(job)), ...(peers ? peersOf(job) : [])];
    const results = subjects.map(() => [] as Run[]);
    if (!json) console.log(`${kind}: ${job.where}\n`);
    for (let round = 0; round < runs; round++) {
      for (const [at, subject] of subjects.entries()) results[at]!.push(await subject.measure(job));
    }
    for (const [at, subject] of subjects.entries()) {
      const { settings } = subject;
      const about = {
        ...{ benchmark: name, broker: kind, subject: subject.name, count, size, where: job.where },
        ...(settings === undefined ? {} : { settings }),
      };
      if (!json && settings !== undefined) console.log(`${subject.name}: ${settings}`);
      const isOurs = subject === tributary;
      reportIngest(results[at]!, { about, label: subject.name.padEnd(21), unit: 'message', json, isOurs });
    }
  }
}

/** An embedded broker or the stand-in leaves a core for each side; with a real Kafka three processes share the cores. */
function whereOf(kind: string): string {
  if (kind === 'kafka') return 'feed, reader and Kafka share all cores';
  return `feed${kind === 'null' ? ' and stand-in' : ''} on core 0, the reader on core 1`;
}

async function once(job: IngestJob): Promise<Run> {
  const { kind, count, deflate } = job;
  const folder = mkdtempSync(join(tmpdir(), 'tributary-ingest-'));
  try {
    await using target = await openTarget(kind, folder);
    const apart = kind !== 'kafka';
    await using feed = await startFeed({ rate: 0, count, size: job.size, deflate, ...(apart ? { core: 0 } : {}) });
    await using tributary = await startTributary({
      broker: target.address,
      ...(apart ? { core: 1 } : {}),
      connectors: {
        bench: feedConnector(feed.url),
      },
    });
    const timed = await timeUntil(count, () => tributary.metric(acknowledged), tributary.pid);
    await tributary.stop();
    return { ...timed, losses: await target.check(benchTopic, count) };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
