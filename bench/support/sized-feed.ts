import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

export interface SizedFeed extends AsyncDisposable {
  readonly url: string;
}

/** A feed of messages of any size to many clients, in a process of its own on the first core (sized-feed-main.ts). */
export async function startSizedFeed(clients: number, count: number, size: number): Promise<SizedFeed> {
  const child = fork(join(import.meta.dirname, 'sized-feed-main.ts'), [`${clients}`, `${count}`, `${size}`], {
    execPath: 'taskset',
    execArgv: ['-c', '0', process.execPath],
  });
  const [{ port }] = (await once(child, 'message')) as [{ port: number }];
  return {
    url: `ws://127.0.0.1:${port}/`,
    async [Symbol.asyncDispose]() {
      if (child.exitCode !== null) return;
      child.kill('SIGKILL');
      await once(child, 'exit');
    },
  };
}
