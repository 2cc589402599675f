/** The clients of bench/tools that load a gateway, on the core that it does not have. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { Losses } from '../support/targets.ts';
import { clientCore, spreadTopic, topic } from './places.ts';

const tools = join(import.meta.dirname, '../tools');
/** A subscriber reads on for so long when it has all: what comes twice may come at the end. */
const lingerMs = 200;

export interface Latencies {
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

/** The last line of fanclient. */
export interface FanResult {
  readonly connections: number;
  readonly open: number;
  readonly failed: number;
  readonly closed: number;
  readonly open_s: number;
  readonly messages: number;
  readonly frames: number;
  readonly bytes: number;
  /** From the first message to the last. */
  readonly active_s: number;
  /** From the first dial to the last message. */
  readonly last_s: number;
  readonly errors: number;
  readonly lat_ms: Latencies;
  readonly seq: {
    /** Records without a number. */
    readonly missing: number;
    /** Whose number was one that had been passed. */
    readonly dup_or_back: number;
  };
}

/** By the numbers of the records: each client has had each of them once, or it is missing, or too many. */
export function fanLosses({ connections, messages, seq }: FanResult, records: number): Losses {
  if (seq.missing > 0) throw new Error(`${seq.missing} records have come without a number: nothing can be checked`);
  return { lost: Math.max(0, connections * records - (messages - seq.dup_or_back)), doubled: seq.dup_or_back };
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
  /** An offset is that of the topic's one partition. */
  readonly from?: 'latest' | 'earliest' | number;
  /** Another server's stream of events. */
  readonly url?: string | undefined;
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
  const args = ['-u', url, '-n', connections, '-d', seconds, '-L', 'json:ts', '-Q', 'seq', '-i', dialing];
  if (messages !== undefined) args.push('-M', messages, '-x', lingerMs);
  if (isSse) args.push('-m', 'sse');
  else if (options.url === undefined) {
    const start = typeof from === 'number' ? { offsets: { [topic]: { 0: from } } } : from;
    const sub = { type: 'sub', id: 1, topics: [topic], format: 'json', from: start };
    args.push('-C', 'key', '-P', `tributary.v1.${form}`, '-f', JSON.stringify(sub));
  }
  const child = spawn('taskset', ['-c', `${clientCore}`, join(tools, 'fanclient'), ...args.map(String)], {
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

/** Of each connection the records count from 0 on, and say which one it was. */
export function publish({
  port,
  count,
  connections = 1,
  rate = 0,
  batch = 10,
  window = 200,
  partitions = 0,
}: PubOptions): Promise<PubResult> {
  const to = partitions === 0 ? topic : spreadTopic;
  const load = ['-n', connections, '-c', count, '-r', rate, '-b', batch, '-w', window, '-s', 200, '-P', partitions];
  const words = ['-c', clientCore, join(tools, 'pubclient'), '-p', port, '-t', to, ...load].map(String);
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
