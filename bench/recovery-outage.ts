/**
 * Kafka is away and the spool keeps what the feed says. First at 5 000 messages/s, with Kafka and without: processor time.
 * Then as fast as the feed can, in place of a day: what memory does while the spool grows, how long a start takes until
 * something of what lies there is in Kafka, how fast the rest follows, and whether each message is there once.
 */
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startKafka } from '../test/support/kafka.ts';
import { buildTools, startFeed } from './support/feed.ts';
import { processUse } from './support/process.ts';
import { showCount, spread } from './support/stats.ts';
import { benchTopic, feedConnector, kafkaTarget } from './support/targets.ts';
import { startTributary, type Tributary } from './support/tributary.ts';

const liveRate = 5_000;
const received = 'kafka_connect_source_task_source_record_write_total';
const forwarded = 'tributary_spool_records_forwarded_total';

export async function recoverFromOutage({ json, smoke, count = 20_000_000 }: OutageOptions): Promise<void> {
  buildTools();
  const messages = smoke ? 40_000 : count;
  const cpu = await processorTime(smoke ? 1_000 : 20_000);
  const figures = { benchmark: 'recovery', broker: 'outage', count: messages, ...cpu, ...(await wholeDay(messages)) };
  if (json) console.log(JSON.stringify(figures));
  else show(figures);
  if (figures.lost + figures.doubled > 0) process.exitCode = 1;
}

interface OutageOptions {
  readonly json: boolean;
  readonly smoke: boolean;
  readonly count: number | undefined;
}

/** Shares of a core, with Kafka there and without. */
async function processorTime(ms: number) {
  await using kafka = await startKafka();
  await using feed = await startFeed({ rate: liveRate, count: 100_000_000, size: 200 });
  await using tributary = await startSpooled(`kafka://${kafka.bootstrap}`, feed.url);
  await reach(tributary, forwarded, 2 * liveRate);
  const livePercent = await percentOver(tributary, ms);
  await kafka.kill9();
  const from = await tributary.metric(received);
  await pause(Math.min(ms, 2_000)); // the first tries to reach it are over
  const outagePercent = await percentOver(tributary, ms);
  if ((await tributary.metric(received)) === from) throw new Error('Nothing was received while Kafka was away');
  return { livePercent, outagePercent };
}

async function wholeDay(count: number) {
  const folder = mkdtempSync(join(tmpdir(), 'tributary-outage-'));
  const spool = join(folder, 'spool');
  try {
    await using kafka = await startKafka();
    await using feed = await startFeed({ rate: 0, count, size: 200 });
    const address = `kafka://${kafka.bootstrap}`;
    let spooledPerSecond: number;
    let spoolBytes: number;
    const memory: number[] = [];
    {
      await using tributary = await startSpooled(address, feed.url, spool);
      await reach(tributary, received, 1);
      await kafka.kill9();
      const sinceMs = performance.now();
      const from = await tributary.metric(received);
      for (let seen = from; seen < count; ) {
        await pause(100);
        seen = await tributary.metric(received);
        // The first tenth warms up.
        if (seen > count / 10) memory.push(processUse(tributary.pid).residentMb);
      }
      spooledPerSecond = (count - from) / ((performance.now() - sinceMs) / 1000);
      await tributary.kill();
      spoolBytes = bytesIn(spool);
    }
    await kafka.restart();
    // The feed would begin anew.
    await using tributary = await startSpooled(address, 'ws://127.0.0.1:1/', spool);
    await reach(tributary, forwarded, 1);
    const restartMs = performance.now() - tributary.startedAtMs;
    const before = await tributary.metric(forwarded);
    const sinceMs = performance.now();
    while ((await tributary.metric('tributary_spool_records')) > 0) await pause(100);
    const caughtUp = (await tributary.metric(forwarded)) - before;
    const catchUpPerSecond = caughtUp / ((performance.now() - sinceMs) / 1000);
    await tributary.stop();
    const losses = await kafkaTarget(kafka).check(benchTopic, count);
    return { spooledPerSecond, spoolBytes, memoryMb: spread(memory), restartMs, catchUpPerSecond, ...losses };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function startSpooled(broker: string, url: string, spool?: string): Promise<Tributary> {
  return startTributary({
    broker,
    ...(spool === undefined ? {} : { spool }),
    connectors: {
      bench: feedConnector(url, { 'spool.mode': 'exactly-once', 'spool.max.bytes': `${100 * 2 ** 30}` }),
    },
  });
}

async function reach(tributary: Tributary, metric: string, count: number): Promise<void> {
  while ((await tributary.metric(metric)) < count) await pause(5);
}

async function percentOver({ pid }: Tributary, ms: number): Promise<number> {
  const before = processUse(pid).cpuMs;
  const sinceMs = performance.now();
  await pause(ms);
  return ((processUse(pid).cpuMs - before) / (performance.now() - sinceMs)) * 100;
}

function bytesIn(folder: string): number {
  return readdirSync(folder).reduce((sum, file) => sum + statSync(join(folder, file)).size, 0);
}

type Figures = Awaited<ReturnType<typeof processorTime>> &
  Awaited<ReturnType<typeof wholeDay>> & { readonly count: number };

function show({ count, livePercent, outagePercent, memoryMb, ...rest }: Figures): void {
  const { spooledPerSecond, spoolBytes, restartMs, catchUpPerSecond, lost, doubled } = rest;
  const { median, min, max } = memoryMb;
  console.log(`outage: ${showCount(count)} messages of 200 B, exactly-once, one run`);
  console.log(
    `processor at ${liveRate}/s   ${livePercent.toFixed(1)} % with Kafka, ${outagePercent.toFixed(1)} % without`,
  );
  console.log(`spooled meanwhile     ${showCount(spooledPerSecond)}/s, ${(spoolBytes / 2 ** 30).toFixed(2)} GiB`);
  console.log(`memory meanwhile      ${median.toFixed(0)} MB (${min.toFixed(0)} – ${max.toFixed(0)})`);
  console.log(`start to first record ${restartMs.toFixed(0)} ms in Kafka`);
  console.log(`caught up at          ${showCount(catchUpPerSecond)}/s`);
  console.log(`lost ${lost}, doubled ${doubled}`);
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
