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
import { coresOf, feedOf, floorsOf, type IngestJob, peersOf, whereOf } from './peers/beside-ingest.ts';
import { buildTools } from './support/feed.ts';
import type { Run } from './support/ingest-report.ts';
import { machineLine } from './support/machine.ts';
import { timeUntil } from './support/measure.ts';
import { showCount } from './support/stats.ts';
import { measureSubjects, type Subject } from './support/subjects.ts';
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

/** What is measured by one name. */
export interface IngestBenchmark {
  readonly name: string;
  readonly protocol: IngestJob['protocol'];
  readonly count: number;
  /** Where no broker is named. */
  readonly brokers: readonly string[];
  readonly spool?: boolean;
  /** Our program, in one way or in several. */
  readonly ours: readonly Subject<IngestJob>[];
}

const size = 200;
export const acknowledged = 'kafka_connect_source_task_source_record_write_total';

export async function run(options: IngestOptions & { readonly spool: boolean }): Promise<void> {
  if (options.spool) await (await import('./ingest-spool.ts')).ingestSpool(options);
  else await ingest({ name: 'ingest', protocol: 'websocket', count: 4_000_000, brokers, ours: [ourProgram] }, options);
}

export const brokers: readonly string[] = ['embedded', 'null', 'kafka'];
export const ourProgram: Subject<IngestJob> = {
  name: 'tributary',
  measure: (job) => throughTributary(job, acknowledged, feedConnector),
};

export async function ingest(benchmark: IngestBenchmark, options: IngestOptions): Promise<void> {
  buildTools();
  const { name, protocol, ours, spool = false } = benchmark;
  const { json, smoke, peers = false, alone = false } = options;
  const count = smoke ? 20_000 : benchmark.count;
  const runs = options.runs ?? (smoke ? 1 : 3);
  const unit = protocol === 'sse' ? 'event' : 'message';
  if (!json) {
    const load = `${showCount(count)} ${unit}s of ${size} B over one ${protocol === 'sse' ? 'stream' : 'WebSocket'}`;
    console.log(`${name}: ${load}, ${runs} runs each\n${machineLine()}\n`);
  }
  for (const kind of options.broker === undefined ? benchmark.brokers : [options.broker]) {
    const job: IngestJob = { kind, count, size, protocol, spool };
    const where = whereOf(kind);
    const subjects = [...ours, ...(alone ? [] : floorsOf(job)), ...(peers ? peersOf(job) : [])];
    if (!json) console.log(`${kind}: ${where}\n`);
    const about = { benchmark: name, broker: kind, count, size, where };
    await measureSubjects(subjects, job, { about, runs, unit, json });
  }
}

/** `metric` counts what is through; `connector` is what takes the feed of this address to the topic. */
export async function throughTributary(
  job: IngestJob,
  metric: string,
  connector: (url: string) => Readonly<Record<string, string>>,
): Promise<Run> {
  const { kind, count } = job;
  const folder = mkdtempSync(join(tmpdir(), 'tributary-ingest-'));
  const cores = coresOf(kind);
  try {
    await using target = await openTarget(kind, folder);
    await using feed = await feedOf(job);
    await using tributary = await startTributary({
      broker: target.address,
      ...(cores === undefined ? {} : { core: cores.reader }),
      connectors: { bench: connector(feed.url) },
    });
    const timed = await timeUntil(count, () => tributary.metric(metric), tributary.pid);
    await tributary.stop();
    return { ...timed, losses: await target.check(benchTopic, count) };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
