/** Memory and processor time of a process that waits: with no connector, with one, and with a hundred, each connected. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { machineLine } from './support/machine.ts';
import { processUse } from './support/process.ts';
import { startQuietServer } from './support/quiet-server.ts';
import { showSpread, spread } from './support/stats.ts';
import { openTarget } from './support/targets.ts';
import { startTributary } from './support/tributary.ts';

const where = 'quiet server, Tributary and broker share all cores';
const connected = 'tributary_websocket_connected';

export async function run(options: {
  readonly json: boolean;
  readonly smoke: boolean;
  readonly broker: string | undefined;
  readonly runs: number | undefined;
}): Promise<void> {
  const seconds = options.smoke ? 1 : 10;
  const runs = options.runs ?? (options.smoke ? 1 : 3);
  const sizes = options.smoke ? [0, 2] : [0, 1, 100];
  if (!options.json)
    console.log(`idle: ${seconds} s without a message, ${runs} runs each\n${machineLine()}\n${where}\n`);
  for (const kind of options.broker === undefined ? ['embedded', 'kafka'] : [options.broker]) {
    for (const connectors of sizes) {
      const results = [];
      for (let i = 0; i < runs; i++) results.push(await once(kind, connectors, seconds));
      const figures = {
        benchmark: 'idle',
        broker: kind,
        connectors,
        residentMb: spread(results.map((r) => r.residentMb)),
        cpuPercent: spread(results.map((r) => r.cpuPercent)),
        peakMb: spread(results.map((r) => r.peakMb)),
      };
      if (options.json) console.log(JSON.stringify({ ...figures, where, machine: machineLine() }));
      else
        console.log(
          `${kind.padEnd(9)} ${String(connectors).padStart(3)} connectors: ${showSpread(figures.residentMb, (v) => v.toFixed(0))} MB, ${showSpread(figures.cpuPercent, (v) => v.toFixed(2))} % of one core; ${showSpread(figures.peakMb, (v) => v.toFixed(0))} MB at most`,
        );
    }
  }
}

async function once(kind: string, connectors: number, seconds: number) {
  const folder = mkdtempSync(join(tmpdir(), 'tributary-idle-'));
  try {
    await using target = await openTarget(kind, folder);
    await using server = await startQuietServer();
    await using tributary = await startTributary({
      broker: target.address,
      connectors: Object.fromEntries(
        Array.from({ length: connectors }, (_, i) => [
          `quiet-${i}`,
          { 'connector.class': 'websocket', 'websocket.url': server.url, 'kafka.topic': `quiet-${i}` },
        ]),
      ),
    });
    const deadline = performance.now() + 60_000;
    while (!(await tributary.isUp()) || (await tributary.metric(connected)) < connectors) {
      if (performance.now() > deadline) throw new Error(`Not all of ${connectors} connectors came up within a minute`);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    // What the start has left is cleared away by then.
    await new Promise((resolve) => setTimeout(resolve, seconds * 500));
    const before = processUse(tributary.pid);
    await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
    const { cpuMs, residentMb, peakMb } = processUse(tributary.pid);
    await tributary.stop();
    return { residentMb, peakMb, cpuPercent: (cpuMs - before.cpuMs) / (seconds * 10) };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
