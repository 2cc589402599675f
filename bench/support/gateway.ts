/** Our gateway in a process of its own, and the clients of bench/tools that load it from the other core. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { stringify } from 'yaml';
import { freePorts } from '../../test/support/free-ports.ts';

const tools = join(import.meta.dirname, '../tools');
/** With one partition, for subscribers; with four, for publishers. */
export const topic = 'bench';
export const spreadTopic = 'spread';
export const gatewayCore = 1;
export const clientCore = 0;

/** The client that never reads is to stay however long a busy machine takes: by default it would be cut off after 35 s. */
const longMs = 600_000;
const limits = { connections: 20_000, perIp: 20_000, perPrincipal: 20_000, stallMs: longMs };

export interface BenchGateway extends AsyncDisposable {
  readonly pid: number;
  readonly port: number;
  /** Value of a series of its metrics; 0 where there is none. */
  metric(series: string): Promise<number>;
  /** kill -9, and the same again over the same topics. */
  restart(): Promise<void>;
}

export async function startBenchGateway(): Promise<BenchGateway> {
  const folder = mkdtempSync(join(tmpdir(), 'tributary-bench-'));
  const [port, adminPort] = (await freePorts(2)) as [number, number];
  const admin = `127.0.0.1:${adminPort}`;
  const gateway = { listen: `127.0.0.1:${port}`, admin, limits, pingMs: longMs };
  writeFileSync(join(folder, 'gateway.yaml'), stringify({ broker: 'embedded:./data', gateway }));
  const program = join(import.meta.dirname, '../../bin/tributary.js');
  for (const [name, partitions] of [
    [topic, 1],
    [spreadTopic, 4],
  ] as const) {
    const create = ['topics', 'create', name, '--partitions', `${partitions}`, '--broker', 'embedded:./data'];
    await once(spawn(process.execPath, [program, ...create], { cwd: folder, stdio: 'ignore' }), 'exit');
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
    async restart() {
      await kill('SIGKILL');
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

export interface Latencies {
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

/** The last line of fanclient. */
export interface FanResult {
  readonly open: number;
  readonly failed: number;
  readonly closed: number;
  readonly open_s: number;
  readonly messages: number;
  readonly frames: number;
  readonly bytes: number;
  /** From the first message to the last. */
  readonly active_s: number;
  readonly min_per_conn: number;
  readonly errors: number;
  readonly lat_ms: Latencies;
  readonly seq: { readonly gaps: number; readonly lost: number; readonly dup_or_back: number };
}

export interface Fan {
  readonly process: ChildProcess;
  /** Resolves when all its connections are open. */
  readonly open: Promise<void>;
  readonly result: Promise<FanResult>;
}

export type Form = 'bin' | 'json' | 'sse';

export interface FanOptions {
  readonly port: number;
  readonly form: Form;
  readonly connections: number;
  /** It ends after so many messages over all connections, or so many seconds. */
  readonly messages?: number;
  readonly seconds: number;
  readonly from?: 'latest' | 'earliest';
  /** Another server's stream of events. */
  readonly url?: string;
  readonly dialing?: number;
}

/** Subscribers of the topic; each record is found by its time and number, wherever it stands in a frame. */
export function startFan(options: FanOptions): Fan {
  const { port, form, connections, messages, seconds, from = 'latest', dialing = 256 } = options;
  const isSse = form === 'sse';
  const url =
    options.url ??
    (isSse
      ? `http://127.0.0.1:${port}/v1/sse?topic=${topic}&format=json&from=${from}`
      : `ws://127.0.0.1:${port}/v1/ws`);
  const args = [
    '-u',
    url,
    '-n',
    `${connections}`,
    '-d',
    `${seconds}`,
    '-L',
    'json:ts',
    '-Q',
    'seq',
    '-i',
    `${dialing}`,
  ];
  if (messages !== undefined) args.push('-M', `${messages}`);
  if (isSse) args.push('-m', 'sse');
  else if (options.url === undefined) {
    const sub = { type: 'sub', id: 1, topics: [topic], format: 'json', from };
    args.push('-C', 'key', '-P', `tributary.v1.${form}`, '-f', JSON.stringify(sub));
  }
  const child = spawn('taskset', ['-c', `${clientCore}`, join(tools, 'fanclient'), ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const opened = Promise.withResolvers<void>();
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    if (/ open, /.test(text)) opened.resolve();
    else process.stderr.write(text);
  });
  return { process: child, open: opened.promise, result: lastLine<FanResult>(child) };
}

export interface PubResult {
  readonly published: number;
  readonly seconds: number;
  readonly per_s: number;
}

export interface PubOptions {
  readonly port: number;
  readonly count: number;
  readonly connections?: number;
  /** Records a second, in batches; 0: as many as are answered. */
  readonly rate?: number;
  readonly batch?: number;
  readonly window?: number;
  readonly partitions?: number;
}

export function publish({
  port,
  count,
  connections = 1,
  rate = 0,
  batch = 10,
  window = 200,
  partitions = 0,
}: PubOptions): Promise<PubResult> {
  const args = [
    '-p',
    port,
    '-t',
    partitions === 0 ? topic : spreadTopic,
    '-n',
    connections,
    '-c',
    count,
    '-r',
    rate,
    '-b',
    batch,
    '-w',
    window,
    '-s',
    200,
  ];
  const words = ['-c', `${clientCore}`, join(tools, 'pubclient'), ...args.map(String), '-P', `${partitions}`];
  return lastLine<PubResult>(spawn('taskset', words, { stdio: ['ignore', 'pipe', 'inherit'] }));
}

async function lastLine<T>(child: ChildProcess): Promise<T> {
  let text = '';
  child.stdout!.setEncoding('utf8').on('data', (more: string) => {
    text += more;
  });
  const [code] = await once(child, 'close');
  const line = text.trim().split('\n').at(-1);
  if (line === undefined || line === '') throw new Error(`${child.spawnargs.join(' ')} ended with ${code}`);
  return JSON.parse(line) as T;
}
