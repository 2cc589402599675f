/** A process beside which ours is measured: a script of this folder that tells how far it has come. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

export interface Peer extends AsyncDisposable {
  readonly pid: number;
  /** Messages that are through. */
  seen(): number;
}

export async function startPeer(script: string, args: readonly string[], core: number | undefined): Promise<Peer> {
  const path = join(import.meta.dirname, script);
  const pinned = core === undefined ? {} : { execPath: 'taskset', execArgv: ['-c', `${core}`, process.execPath] };
  const child = fork(path, args, pinned);
  let seen = 0;
  child.on('message', (message: { readonly seen: number }) => {
    seen = message.seen;
  });
  await once(child, 'spawn');
  return {
    pid: child.pid!,
    seen() {
      if (child.exitCode !== null) throw new Error(`${script} ended with ${child.exitCode}`);
      return seen;
    },
    async [Symbol.asyncDispose]() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill('SIGKILL');
      await once(child, 'exit');
    },
  };
}

const tellMs = 20;

/** In the process of such a script: tells its parent, and ends with it. */
export function tell(seen: () => number): void {
  let told = -1;
  setInterval(() => {
    if (seen() === told) return;
    told = seen();
    process.send?.({ seen: told });
  }, tellMs);
  process.on('disconnect', () => process.exit());
}
