/** The bare writer of frames (bare-fan-main.ts), on the gateway's core. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { gatewayCore } from '../gateway/places.ts';
import { freePort, listening } from '../support/feed.ts';

export interface BareFan extends AsyncDisposable {
  readonly pid: number;
  readonly port: number;
  write(count: number, rate: number, batch: number): Promise<void>;
}

export async function startBareFan(): Promise<BareFan> {
  const port = await freePort();
  const words = ['-c', `${gatewayCore}`, process.execPath, join(import.meta.dirname, 'bare-fan-main.ts'), `${port}`];
  const child = spawn('taskset', words, { stdio: ['ignore', 'ignore', 'inherit'] });
  await listening(port, child);
  return {
    pid: child.pid!,
    port,
    async write(count, rate, batch) {
      await (await fetch(`http://127.0.0.1:${port}/write?count=${count}&rate=${rate}&batch=${batch}`)).arrayBuffer();
    },
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL');
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
    },
  };
}
