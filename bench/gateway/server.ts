/** Our gateway in a process of its own, with the embedded broker in it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { stringify } from 'yaml';
import { codecs } from '../../src/app/codecs.ts';
import type { Broker } from '../../src/broker/broker.ts';
import { openEmbeddedBroker } from '../../src/broker/embedded/embedded.ts';
import { freePorts } from '../../test/support/free-ports.ts';
import { gatewayCore, spreadTopic, topic } from './places.ts';

/** The client that never reads is to stay however long a busy machine takes: by default it would be cut off after 35 s. */
const longMs = 600_000;
const limits = { connections: 20_000, perIp: 20_000, perPrincipal: 20_000, stallMs: longMs };

export interface BenchGateway extends AsyncDisposable {
  readonly pid: number;
  readonly port: number;
  /** Value of a series of its metrics; 0 where there is none. */
  metric(series: string): Promise<number>;
  /** Next offset of a partition of its topics. */
  endOf(topic: string, partition: number): Promise<number>;
  /** kill -9, and the same again over the same topics. Meanwhile somebody else can look at what they hold. */
  restart(look?: (broker: Broker) => Promise<void>): Promise<void>;
}

export async function startBenchGateway(): Promise<BenchGateway> {
  const folder = mkdtempSync(join(tmpdir(), 'tributary-bench-'));
  const [port, adminPort] = (await freePorts(2)) as [number, number];
  const admin = `127.0.0.1:${adminPort}`;
  const gateway = { listen: `127.0.0.1:${port}`, admin, limits, pingMs: longMs };
  writeFileSync(join(folder, 'gateway.yaml'), stringify({ broker: 'embedded:./data', gateway }));
  const program = join(import.meta.dirname, '../../bin/tributary.js');
  {
    await using broker = await openEmbeddedBroker({ directory: join(folder, 'data'), codecs });
    await broker.createTopic({ name: topic, partitions: 1 });
    await broker.createTopic({ name: spreadTopic, partitions: 4 });
  }
  const flags = (process.env['BENCH_NODE_FLAGS'] ?? '').split(' ').filter((flag) => flag !== '');
  const start = async (): Promise<ChildProcess> => {
    const command = ['-c', `${gatewayCore}`, process.execPath, ...flags, program, 'gateway', 'gateway.yaml'];
    const started = spawn('taskset', command, { cwd: folder, stdio: ['ignore', 'ignore', 'inherit'] });
    await ready(admin, started);
    return started;
  };
  let child = await start();
  const kill = async (signal: NodeJS.Signals): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill(signal);
    await once(child, 'exit');
  };
  return {
    get pid() {
      return child.pid!;
    },
    port,
    async metric(series) {
      const lines = (await (await fetch(`http://${admin}/metrics`)).text()).split('\n');
      const start = `tributary_gateway_${series} `;
      return Number(lines.find((line) => line.startsWith(start))?.slice(start.length) ?? 0);
    },
    async endOf(name, partition) {
      const answer = await fetch(`http://127.0.0.1:${port}/v1/topics/${name}`);
      const { partitions } = (await answer.json()) as { partitions: { partition: number; end: number }[] };
      return partitions.find((one) => one.partition === partition)!.end;
    },
    async restart(look) {
      await kill('SIGKILL');
      if (look !== undefined) {
        await using broker = await openEmbeddedBroker({ directory: join(folder, 'data'), codecs });
        await look(broker);
      }
      child = await start();
    },
    async [Symbol.asyncDispose]() {
      await kill(flags.length > 0 ? 'SIGINT' : 'SIGKILL');
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/**
 * Not the port in the kernel's table, as with the feeds: before it opens its broker the gateway asks whether its addresses are
 * free, by listening on each for a moment. Its own word comes when it listens for good.
 */
async function ready(admin: string, child: ChildProcess): Promise<void> {
  const deadlineMs = performance.now() + 180_000;
  for (;;) {
    if (child.exitCode !== null || child.signalCode !== null)
      throw new Error(`The gateway ended with ${child.exitCode ?? child.signalCode}`);
    if (await isReady(admin)) return;
    if (performance.now() > deadlineMs)
      throw new Error(`The gateway with the admin address ${admin} does not get ready`);
    await sleep(10);
  }
}

async function isReady(admin: string): Promise<boolean> {
  try {
    const response = await fetch(`http://${admin}/readyz`, { signal: AbortSignal.timeout(5000) });
    await response.arrayBuffer();
    return response.ok;
  } catch {
    return false; // nobody listens yet, or only to ask for the address
  }
}
