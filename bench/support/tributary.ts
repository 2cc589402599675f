/** Our program in a process of its own, as a user runs it, with one WebSocket connector. */

import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { freePort } from './feed.ts';

export interface TributaryOptions {
  /** `embedded:DIR` or `kafka://…`. */
  readonly broker: string;
  readonly connectors: Readonly<Record<string, Readonly<Record<string, string>>>>;
  /** Beside the address of its REST interface. */
  readonly worker?: Readonly<Record<string, string | number>>;
  /** Folder of the spool; without it one that goes with the process. */
  readonly spool?: string;
  readonly core?: number;
  /** Another checkout to run, for comparisons. */
  readonly root?: string;
}

export type Buckets = readonly { readonly le: number; readonly count: number }[];

export interface Tributary extends AsyncDisposable {
  readonly pid: number;
  readonly startedAtMs: number;
  /** Of its REST interface. */
  readonly url: string;
  /** Sum of a metric's series, or of those with a label (`connector="a"`); 0 while there are none. */
  metric(name: string, label?: string): Promise<number>;
  /** Buckets of a histogram, cumulated: upper bound in seconds and count. */
  buckets(name: string): Promise<Buckets>;
  /** True once it answers. */
  isUp(): Promise<boolean>;
  /** Ctrl-C, and the end of the process. */
  stop(): Promise<void>;
  /** kill -9. */
  kill(): Promise<void>;
}

export async function startTributary(options: TributaryOptions): Promise<Tributary> {
  const folder = mkdtempSync(join(tmpdir(), 'tributary-bench-'));
  const port = await freePort();
  const file = join(folder, 'bench.yaml');
  writeFileSync(
    file,
    stringify({
      broker: options.broker,
      ...(options.spool === undefined ? {} : { 'spool.dir': options.spool }),
      worker: { ...options.worker, listen: `127.0.0.1:${port}` },
      connectors: options.connectors,
    }),
  );
  const root = options.root ?? join(import.meta.dirname, '../..');
  const command = [process.execPath, join(root, 'bin/tributary.js'), 'start', file];
  const pinned = options.core === undefined ? command : ['taskset', '-c', `${options.core}`, ...command];
  const startedAtMs = performance.now();
  const child = spawn(pinned[0]!, pinned.slice(1), { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] });
  const output: string[] = [];
  for (const stream of [child.stdout, child.stderr])
    stream?.setEncoding('utf8').on('data', (text: string) => output.push(text));

  const scrape = async (): Promise<string> => {
    if (child.exitCode !== null)
      throw new Error(`Tributary ended with ${child.exitCode}:\n${output.join('').slice(-2000)}`);
    const answer = await fetch(`http://127.0.0.1:${port}/metrics`);
    return answer.ok ? answer.text() : '';
  };
  const stop = async (): Promise<void> => {
    await end(child, 'SIGINT');
    if (child.exitCode !== 0)
      throw new Error(`Tributary ended with ${child.exitCode}:\n${output.join('').slice(-2000)}`);
  };

  return {
    pid: child.pid!,
    startedAtMs,
    url: `http://127.0.0.1:${port}`,
    metric: async (name, label) => sumOf(await scrapeOrEmpty(scrape, child), name, label),
    buckets: async (name) => bucketsOf(await scrape(), name),
    isUp: async () => (await scrapeOrEmpty(scrape, child)) !== '',
    stop,
    kill: () => end(child, 'SIGKILL'),
    async [Symbol.asyncDispose]() {
      await end(child, 'SIGKILL');
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** While the listener is not there yet there are no metrics; a process that has ended is an error. */
async function scrapeOrEmpty(scrape: () => Promise<string>, child: ChildProcess): Promise<string> {
  try {
    return await scrape();
  } catch (error) {
    if (child.exitCode !== null) throw error;
    return '';
  }
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill(signal);
  await once(child, 'exit');
}

function sumOf(text: string, name: string, label?: string): number {
  const labels = label === undefined ? '(?:\\{[^}]*\\})?' : `\\{[^}]*${label}[^}]*\\}`;
  let sum = 0;
  for (const match of text.matchAll(new RegExp(`^${name}${labels} (\\S+)`, 'gm'))) sum += Number(match[1]);
  return sum;
}

function bucketsOf(text: string, name: string): { le: number; count: number }[] {
  const sums = new Map<number, number>();
  for (const match of text.matchAll(new RegExp(`^${name}_bucket\\{[^}]*le="([^"]+)"[^}]*\\} (\\S+)`, 'gm'))) {
    const le = match[1] === '+Inf' ? Number.POSITIVE_INFINITY : Number(match[1]);
    sums.set(le, (sums.get(le) ?? 0) + Number(match[2]));
  }
  return [...sums].map(([le, count]) => ({ le, count })).sort((a, b) => a.le - b.le);
}

/**
 * The quantile of a histogram as if what lies in a bucket were spread evenly over it, from 0 in the first one. What lies beyond the
 * last bound has none (`Infinity`). Of nothing it is NaN.
 */
export function quantile(buckets: Buckets, q: number): number {
  const wanted = (buckets.at(-1)?.count ?? 0) * q;
  if (wanted === 0) return Number.NaN;
  const at = buckets.findIndex(({ count }) => count >= wanted);
  const { le, count } = buckets[at]!;
  const { le: from, count: below } = buckets[at - 1] ?? { le: 0, count: 0 };
  if (le === Number.POSITIVE_INFINITY) return le;
  return from + (le - from) * ((wanted - below) / (count - below));
}
