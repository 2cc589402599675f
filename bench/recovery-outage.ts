/**
 * Kafka is away and the spool keeps what the feed says. First at 5 000 messages/s, with Kafka and without: processor time. Then what
 * each answer to a full spool does (recovery-bounds.ts). Then as fast as the feed can, in place of a day: what memory does while the spool grows, how long a start takes until
 * something of what lies there is in Kafka, how fast the rest follows, and whether each message is there once.
 * `--only restart`: starts with much more in the spool (recovery-restart.ts).
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startKafka } from '../test/support/kafka.ts';
import { type BoundFigures, measureBounds, showBound } from './recovery-bounds.ts';
import { measureRestart } from './recovery-restart.ts';
import { bytesIn, forwarded, pause, reach, startSpooled } from './recovery-spool.ts';
import { buildTools, startFeed } from './support/feed.ts';
import { machineLine } from './support/machine.ts';
import { processUse } from './support/process.ts';
import { type Spread, showCount, showSpread, spread } from './support/stats.ts';
import { benchTopic, kafkaTarget } from './support/targets.ts';
import type { Tributary } from './support/tributary.ts';

const liveRate = 5_000;
const size = 200;
const received = 'kafka_connect_source_task_source_record_write_total';

export interface OutageOptions {
  readonly json: boolean;
  readonly smoke: boolean;
  readonly count: number | undefined;
  /** By default one: twenty million messages are written, read and looked for. */
  readonly runs: number | undefined;
  readonly only?: readonly string[] | undefined;
}

const patienceMs = 120_000;
/** Ten gigabytes. */
const restartCount = 50_000_000;

const where = 'feed, Tributary, spool and Kafka share all cores';

export async function recoverFromOutage(options: OutageOptions): Promise<void> {
  buildTools();
  const { json, smoke, count = 20_000_000, runs = 1 } = options;
  /** On its own stream: what takes minutes shall show that it lives. */
  const say = (text: string): void => void (smoke || process.stderr.write(`  ${text}\n`));
  if (options.only?.includes('restart') === true) return restart(options, say);
  // Of fewer the last would be there before Kafka is gone.
  const messages = smoke ? 200_000 : count;
  const results: Run[] = [];
  for (let i = 0; i < runs; i++) {
    say('processor time at the live rate, with Kafka and without');
    const live = await processorTime(smoke ? 1_000 : 20_000);
    say('answers to a full spool');
    const bounds = await measureBounds();
    results.push({ ...live, bounds, ...(await wholeDay(messages, say)) });
  }
  const figures = Object.fromEntries(
    figureNames.map((name) => [name, spread(results.map((one) => one[name]))]),
  ) as Figures;
  const lost = results.reduce((sum, one) => sum + one.lost, 0);
  const doubled = results.reduce((sum, one) => sum + one.doubled, 0);
  const memoryMb = spread(results.flatMap((one) => one.memoryMb));
  const bounds = results.flatMap((one) => one.bounds);
  const boundsMissing = bounds.reduce((sum, { missing }) => sum + Math.abs(missing), 0);
  if (lost + doubled + boundsMissing > 0) process.exitCode = 1;
  if (json) {
    const about = { benchmark: 'recovery', broker: 'outage', count: messages, size, where };
    console.log(
      JSON.stringify({
        ...about,
        ...figures,
        memoryMb,
        ...flat(bounds),
        boundsMissing,
        lost,
        doubled,
        machine: machineLine(),
      }),
    );
  } else {
    console.log(`outage: ${showCount(messages)} messages of ${size} B, exactly-once, ${runs} runs\n${where}`);
    show(figures, memoryMb);
    for (const bound of bounds) console.log(showBound(bound));
    console.log(`lost ${lost}, doubled ${doubled}`);
  }
}

/** Of each answer what is in Kafka and what was dropped, all runs together: `dropOldestDropped`. */
function flat(bounds: readonly BoundFigures[]): Readonly<Record<string, number>> {
  const sums: Record<string, number> = {};
  for (const { answer, delivered, dropped } of bounds) {
    const name = answer === 'drop-oldest' ? 'dropOldest' : answer;
    sums[`${name}Delivered`] = (sums[`${name}Delivered`] ?? 0) + delivered;
    sums[`${name}Dropped`] = (sums[`${name}Dropped`] ?? 0) + dropped;
  }
  return sums;
}

async function restart(
  { json, smoke, count = smoke ? 20_000 : restartCount, runs = smoke ? 1 : 3 }: OutageOptions,
  say: (text: string) => void,
): Promise<void> {
  const { gib, emptyMs, fullMs } = await measureRestart(count, runs, say);
  if (json) {
    const about = { benchmark: 'recovery', broker: 'outage', part: 'restart', count, size, where };
    console.log(JSON.stringify({ ...about, gib, emptyMs, fullMs, machine: machineLine() }));
    return;
  }
  const ms = (value: Spread): string => `${showSpread(value, (v) => v.toFixed(0))} ms`;
  console.log(`start to first record in Kafka, behind kill -9, ${runs} runs; ${where}`);
  console.log(`with ${gib.toFixed(2)} GiB in the spool ${ms(fullMs)}; with little in it ${ms(emptyMs)}`);
}

const figureNames = [
  'livePercent',
  'outagePercent',
  'outageMorePercent',
  'spooledPerSecond',
  'cpuUsPerMessage',
  'spoolBytes',
  'restartMs',
  'catchUpPerSecond',
  'peakMb',
] as const;
type Figures = Readonly<Record<(typeof figureNames)[number], Spread>>;

interface Run extends Readonly<Record<(typeof figureNames)[number], number>> {
  /** Each look while the spool grew. */
  readonly memoryMb: readonly number[];
  readonly bounds: readonly BoundFigures[];
  readonly lost: number;
  readonly doubled: number;
}

/** Shares of a core, with Kafka there and without. */
async function processorTime(ms: number) {
  await using kafka = await startKafka({}, { collector: 'G1' });
  await using feed = await startFeed({ rate: liveRate, count: 100_000_000, size });
  await using tributary = await startSpooled(`kafka://${kafka.bootstrap}`, feed.url);
  await reach(tributary, forwarded, 2 * liveRate);
  const livePercent = await percentOver(tributary, ms);
  await kafka.kill9();
  const from = await tributary.metric(received);
  await pause(Math.min(ms, 2_000)); // the first tries to reach it are over
  const outagePercent = await percentOver(tributary, ms);
  if ((await tributary.metric(received)) === from) throw new Error('Nothing was received while Kafka was away');
  return { livePercent, outagePercent, outageMorePercent: outagePercent - livePercent };
}

async function wholeDay(count: number, say: (text: string) => void) {
  const folder = mkdtempSync(join(tmpdir(), 'tributary-outage-'));
  const spool = join(folder, 'spool');
  try {
    await using kafka = await startKafka({}, { collector: 'G1' });
    await using feed = await startFeed({ rate: 0, count, size, seconds: 3_600 });
    const address = `kafka://${kafka.bootstrap}`;
    let spooledPerSecond: number;
    let cpuUsPerMessage: number;
    let peakMb: number;
    let spoolBytes: number;
    const memoryMb: number[] = [];
    {
      await using tributary = await startSpooled(address, feed.url, spool);
      await reach(tributary, received, 1);
      await kafka.kill9();
      const sinceMs = performance.now();
      const before = processUse(tributary.pid);
      const from = await tributary.metric(received);
      let told = 0;
      let changedAtMs = sinceMs;
      let last = from;
      for (let seen = from; seen < count || memoryMb.length === 0; ) {
        await pause(100);
        seen = await tributary.metric(received);
        if (seen > last) changedAtMs = performance.now();
        last = Math.max(last, seen);
        if (performance.now() - changedAtMs > patienceMs)
          throw new Error(`Only ${seen} of ${count} messages were received, nothing for ${patienceMs / 1000} s`);
        if (seen >= told + count / 10) {
          told = seen;
          say(`${showCount(seen)} of ${showCount(count)} messages in the spool`);
        }
        // The first tenth warms up.
        if (seen > count / 10) memoryMb.push(processUse(tributary.pid).residentMb);
      }
      spooledPerSecond = (count - from) / ((performance.now() - sinceMs) / 1000);
      const after = processUse(tributary.pid);
      cpuUsPerMessage = ((after.cpuMs - before.cpuMs) * 1000) / (count - from);
      peakMb = after.peakMb;
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
    for (let told = count; ; ) {
      const left = await tributary.metric('tributary_spool_records');
      if (left === 0) break;
      if (left <= told - count / 10) {
        told = left;
        say(`${showCount(left)} messages still to be forwarded`);
      }
      await pause(100);
    }
    const caughtUp = (await tributary.metric(forwarded)) - before;
    const catchUpPerSecond = caughtUp / ((performance.now() - sinceMs) / 1000);
    peakMb = Math.max(peakMb, processUse(tributary.pid).peakMb);
    await tributary.stop();
    say('looking for each message in Kafka');
    const losses = await kafkaTarget(kafka).check(benchTopic, count);
    return { spooledPerSecond, cpuUsPerMessage, spoolBytes, memoryMb, restartMs, catchUpPerSecond, peakMb, ...losses };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function percentOver({ pid }: Tributary, ms: number): Promise<number> {
  const before = processUse(pid).cpuMs;
  const sinceMs = performance.now();
  await pause(ms);
  return ((processUse(pid).cpuMs - before) / (performance.now() - sinceMs)) * 100;
}

function show(figures: Figures, memoryMb: Spread): void {
  const of = (name: keyof Figures, digits: number): string => showSpread(figures[name], (v) => v.toFixed(digits));
  const live = `${of('livePercent', 1)} % with Kafka, ${of('outagePercent', 1)} % without`;
  console.log(`processor at ${liveRate}/s   ${live}, ${of('outageMorePercent', 1)} points more`);
  console.log(
    `spooled meanwhile     ${showSpread(figures.spooledPerSecond, showCount)}/s, ${of('cpuUsPerMessage', 2)} µs each`,
  );
  console.log(`in the spool          ${showSpread(figures.spoolBytes, (bytes) => (bytes / 2 ** 30).toFixed(2))} GiB`);
  console.log(`memory meanwhile      ${showSpread(memoryMb, (v) => v.toFixed(0))} MB; ${of('peakMb', 0)} MB at most`);
  console.log(`start to first record ${of('restartMs', 0)} ms in Kafka`);
  console.log(`caught up at          ${showSpread(figures.catchUpPerSecond, showCount)}/s`);
}
