import { fork } from 'node:child_process';
import { once } from 'node:events';

export interface SteadyFeed extends AsyncDisposable {
  readonly url: string;
}

/**
 * A WebSocket feed in a process of its own that goes on whether somebody listens or not, as a public one does: its
 * sequence numbers follow the clock, and whoever connects hears those that are due from then on.
 */
export async function startSteadyFeed(perSecond: number): Promise<SteadyFeed> {
  const child = fork(new URL('./steady-feed-main.ts', import.meta.url), [`${perSecond}`]);
  const [{ port }] = (await once(child, 'message')) as [{ port: number }];
  return {
    url: `ws://127.0.0.1:${port}/`,
    async [Symbol.asyncDispose]() {
      child.disconnect();
      if (child.exitCode === null) await once(child, 'exit');
    },
  };
}
