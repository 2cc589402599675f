import { fork } from 'node:child_process';
import { once } from 'node:events';

export interface QuietServer extends AsyncDisposable {
  readonly url: string;
}

/** A WebSocket server in a process of its own that takes every connection and says nothing. */
export async function startQuietServer(): Promise<QuietServer> {
  const child = fork(new URL('./quiet-server-main.ts', import.meta.url));
  const [{ port }] = (await once(child, 'message')) as [{ port: number }];
  return {
    url: `ws://127.0.0.1:${port}/`,
    async [Symbol.asyncDispose]() {
      child.disconnect();
      if (child.exitCode === null) await once(child, 'exit');
    },
  };
}
