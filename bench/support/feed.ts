import type { ChildProcess } from 'node:child_process';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';

const tools = new URL('../tools/', import.meta.url).pathname;

/** Builds the load tools where one is older than its source. Needs make, a C compiler, zlib and OpenSSL headers. */
export function buildTools(): void {
  try {
    execFileSync('make', ['-C', tools], { stdio: 'pipe' });
  } catch (error) {
    const said = String((error as { readonly stderr?: Buffer }).stderr ?? error).trim();
    throw new Error(
      `Cannot build bench/tools: make, a C compiler and the headers of zlib and OpenSSL are wanted:\n${said}`,
    );
  }
}

export interface FeedOptions {
  /** Messages a second; 0 is as fast as the socket takes them. */
  readonly rate: number;
  readonly count: number;
  readonly size: number;
  /** Over permessage-deflate with context takeover, at zlib's level 1, compressed before anybody can connect. */
  readonly deflate?: boolean;
  readonly core?: number;
  /** Until it ends by itself, whoever started it may be gone; default two minutes. */
  readonly seconds?: number;
}

export interface Feed extends AsyncDisposable {
  readonly url: string;
  readonly process: ChildProcess;
}

/** A feed server in a process of its own: each message is JSON with a sequence number that counts from 0. */
export async function startFeed(options: FeedOptions): Promise<Feed> {
  const port = await freePort();
  const args = [
    '-p',
    `${port}`,
    '-r',
    `${options.rate}`,
    '-n',
    `${options.count}`,
    '-s',
    `${options.size}`,
    '-k',
    '1',
    '-d',
    `${options.seconds ?? 120}`,
  ];
  if (options.deflate) args.push('-Y', '-l', '1');
  const child =
    options.core === undefined
      ? spawn(`${tools}feed`, args, { stdio: ['ignore', 'ignore', 'pipe'] })
      : spawn('taskset', ['-c', `${options.core}`, `${tools}feed`, ...args], { stdio: ['ignore', 'ignore', 'pipe'] });
  await listening(port, child);
  child.stderr?.resume();
  return {
    url: `ws://127.0.0.1:${port}/`,
    process: child,
    async [Symbol.asyncDispose]() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill('SIGKILL');
      await once(child, 'exit');
    },
  };
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('No TCP port to be had');
  return address.port;
}

/**
 * Waits for the port in the kernel's table: a connection made to try would already be served as a client. A feed that compresses
 * everything before it listens takes its time on a busy machine.
 */
export async function listening(port: number, child: ChildProcess): Promise<void> {
  const { readFileSync } = await import('node:fs');
  const wanted = `:${port.toString(16).toUpperCase().padStart(4, '0')} 00000000:0000 0A`;
  for (let tries = 0; tries < 18_000; tries++) {
    if (child.exitCode !== null) throw new Error(`The feed server ended with ${child.exitCode}`);
    if (readFileSync('/proc/net/tcp', 'utf8').includes(wanted)) return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error(`The feed server does not listen on ${port}`);
}
