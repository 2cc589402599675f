import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { freePort, listening } from './feed.ts';

export interface SseFeedOptions {
  readonly count: number;
  /** Bytes of an event, its name and id included. */
  readonly size: number;
  readonly core?: number;
}

/** A stream of events from a server in a process of its own (sse-feed-server.ts), as fast as the socket takes them. */
export async function startSseFeed({
  count,
  size,
  core,
}: SseFeedOptions): Promise<AsyncDisposable & { readonly url: string }> {
  const port = await freePort();
  const script = join(import.meta.dirname, 'sse-feed-server.ts');
  const command = [process.execPath, script, `${port}`, `${count}`, `${size}`];
  const pinned = core === undefined ? command : ['taskset', '-c', `${core}`, ...command];
  const child = spawn(pinned[0]!, pinned.slice(1), { stdio: ['ignore', 'ignore', 'inherit'] });
  await listening(port, child);
  return {
    url: `http://127.0.0.1:${port}/`,
    async [Symbol.asyncDispose]() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill('SIGKILL');
      await once(child, 'exit');
    },
  };
}
