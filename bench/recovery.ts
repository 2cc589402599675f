/**
 * kill -9 under load. The feed goes on as a public one would: what it says while nobody listens is gone. Told are the time
 * from the restart to the next acknowledged message; how many messages are missing from the topic between the last one
 * stored before the kill and the first one after it, which is what the feed said meanwhile and what was received and not
 * yet acknowledged; and holes or doubled messages anywhere else, of which there must be none. Then several workers
 * (recovery-workers.ts), and a Kafka that is away for long (recovery-outage.ts).
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { recoverFromOutage } from './recovery-outage.ts';
import { recoverWorkers, type WorkersFigures } from './recovery-workers.ts';
import { machineLine } from './support/machine.ts';
import { processUse } from './support/process.ts';
import { type Spread, showSpread, spread } from './support/stats.ts';
import { startSteadyFeed } from './support/steady-feed.ts';
import { benchTopic, openTarget } from './support/targets.ts';
import { startTributary } from './support/tributary.ts';

const acknowledged = 'kafka_connect_source_task_source_record_write_total';
const perSecond = 20_000;
const where = 'feed, Tributary and broker share all cores';

interface Run {
  readonly restartMs: number;
  /** Messages. */
  readonly gap: number;
  /** Of the second process, the start left out. */
  readonly cpuUsPerMessage: number;
  /** Of either process. */
  readonly peakMb: number;
  readonly acknowledgedLost: number;
  readonly otherHoles: number;
  readonly doubled: number;
}

export async function run(options: {
  readonly json: boolean;
  readonly smoke: boolean;
  readonly broker: string | undefined;
  readonly runs: number | undefined;
  readonly count: number | undefined;
  readonly only: readonly string[] | undefined;
}): Promise<void> {
  const runs = options.runs ?? (options.smoke ? 1 : 3);
  if (!options.json) console.log(`recovery\n${machineLine()}\n`);
  const all = options.only === undefined ? ['embedded', 'kafka', 'workers', 'outage'] : ['outage'];
  for (const kind of options.broker === undefined ? all : [options.broker]) {
    if (kind === 'outage') {
      await recoverFromOutage(options);
      continue;
    }
    if (kind === 'workers') {
      const figures = await recoverWorkers(options.smoke, runs);
      if (options.json) console.log(JSON.stringify({ ...figures, where, machine: machineLine() }));
      else showWorkers(figures);
      if (figures.interrupted > 0) process.exitCode = 1;
      continue;
    }
    await killed(kind, options.smoke, options.json, runs);
  }
}

async function killed(kind: string, smoke: boolean, json: boolean, runs: number): Promise<void> {
  const count = smoke ? 5_000 : 60_000;
  const results: Run[] = [];
  for (let i = 0; i < runs; i++) results.push(await once(kind, count));
  const spreadOf = (of: (run: Run) => number): Spread => spread(results.map(of));
  const sum = (of: (run: Run) => number): number => results.reduce((all, one) => all + of(one), 0);
  const figures = {
    restartMs: spreadOf((r) => r.restartMs),
    gapMs: spreadOf((r) => (r.gap / perSecond) * 1000),
    cpuUsPerMessage: spreadOf((r) => r.cpuUsPerMessage),
    peakMb: spreadOf((r) => r.peakMb),
  };
  const losses = {
    acknowledgedLost: sum((r) => r.acknowledgedLost),
    otherHoles: sum((r) => r.otherHoles),
    doubled: sum((r) => r.doubled),
  };
  if (losses.acknowledgedLost + losses.otherHoles + losses.doubled > 0) process.exitCode = 1;
  if (json) {
    const about = { benchmark: 'recovery', broker: kind, count, size: 200, rate: perSecond, where };
    console.log(JSON.stringify({ ...about, ...figures, ...losses, machine: machineLine() }));
    return;
  }
  const shown = (spread: Spread, digits = 0): string => showSpread(spread, (value) => value.toFixed(digits));
  const { acknowledgedLost, otherHoles, doubled } = losses;
  console.log(`${kind.padEnd(9)} kill -9 at ${perSecond} messages/s, ${runs} runs; ${where}`);
  console.log(
    `          restart to next record ${shown(figures.restartMs)} ms; feed's time that is missing ${shown(figures.gapMs)} ms`,
  );
  console.log(
    `          after it ${shown(figures.cpuUsPerMessage, 2)} µs of its processor time a message, ${shown(figures.peakMb)} MB at most`,
  );
  console.log(`          acknowledged and lost ${acknowledgedLost}, other holes ${otherHoles}, doubled ${doubled}\n`);
}

function showWorkers({
  workers,
  connectors,
  sessionTimeoutMs,
  movedBeside,
  interrupted,
  ...spreads
}: WorkersFigures): void {
  const ms = (value: Spread): string => `${showSpread(value, (v) => v.toFixed(0))} ms`;
  console.log(`workers   ${workers} share ${connectors} connectors, session timeout ${sessionTimeoutMs} ms`);
  console.log(`          furthest from the mean ${showSpread(spreads.unevenPercent, (v) => v.toFixed(1))} %`);
  console.log(
    `          one leaves: all moved after ${ms(spreads.leaveMs)}; a connector's gap ${ms(spreads.leaveGapMs)}`,
  );
  console.log(`          one is killed: all moved after ${ms(spreads.killMs)}`);
  console.log(
    `          a worker that stays: ${ms(spreads.moveCpuMs)} of its processor time meanwhile, ${showSpread(spreads.peakMb, (v) => v.toFixed(0))} MB at most`,
  );
  console.log(
    `          connections interrupted of connectors that stay: ${interrupted}; moved beside, for the balance: ${movedBeside}\n`,
  );
}

async function once(kind: string, count: number): Promise<Run> {
  const folder = mkdtempSync(join(tmpdir(), 'tributary-recovery-'));
  try {
    await using target = await openTarget(kind, folder);
    await using feed = await startSteadyFeed(perSecond);
    const options = {
      broker: target.address,
      connectors: { bench: { 'connector.class': 'websocket', 'websocket.url': feed.url, 'kafka.topic': benchTopic } },
    };
    let seen = 0;
    let peakMb: number;
    {
      await using first = await startTributary(options);
      while (seen < count) {
        seen = Math.max(seen, await first.metric(acknowledged));
        await pause(20);
      }
      peakMb = processUse(first.pid).peakMb;
      await first.kill();
    }
    await using second = await startTributary(options);
    while ((await second.metric(acknowledged)) === 0) await pause(5);
    const restartMs = performance.now() - second.startedAtMs;
    const again = await second.metric(acknowledged);
    const before = processUse(second.pid);
    let now = again;
    while (now < again + count / 2) {
      await pause(20);
      now = await second.metric(acknowledged);
    }
    const after = processUse(second.pid);
    await second.stop();

    let stored = 0;
    let doubled = 0;
    let last = -1;
    const gaps: number[] = [];
    for await (const sequence of target.sequences(benchTopic)) {
      if (sequence <= last) doubled++;
      else {
        if (stored > 0 && sequence > last + 1) gaps.push(sequence - last - 1);
        last = sequence;
      }
      stored++;
    }
    const total = stored - doubled;
    return {
      restartMs,
      cpuUsPerMessage: ((after.cpuMs - before.cpuMs) * 1000) / (now - again),
      peakMb: Math.max(peakMb, after.peakMb),
      doubled,
      gap: gaps[0] ?? 0,
      otherHoles: Math.max(gaps.length - 1, 0),
      acknowledgedLost: Math.max(seen + (again + count / 2) - total, 0),
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
