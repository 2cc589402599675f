/** A crowd of clients (crowd-child.ts), as the test that has started it sees it. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

export type CrowdOrder =
  | { readonly kind: 'begin'; readonly url: string; readonly topic: string; readonly clients: number }
  /** Asks for a report once all have been taken so many times, are there, and have read everything below this offset. */
  | { readonly kind: 'reach'; readonly times: number; readonly next: number };

/** What all of them have met since the last report. */
export interface CrowdReport {
  /** Subscriptions that were taken. */
  readonly comeBacks: number;
  /** Statuses of handshakes that were answered with something else than 101. */
  readonly refused: readonly number[];
  /** Gaps and errors. */
  readonly failures: number;
  readonly lost: number;
  readonly doubled: number;
  /** Clients that have read more than there was to be. */
  readonly beyond: number;
  /** When they were told to come back, in order. */
  readonly toldMs: readonly number[];
  /** From the time of a record to its client. */
  readonly p50Ms: number;
  readonly p99Ms: number;
}

export interface Crowd extends AsyncDisposable {
  /** Waits as long as it takes. */
  reach(times: number, next: number): Promise<CrowdReport>;
}

/** `clients` begin to dial at once. */
export function startCrowd(url: string, topic: string, clients: number): Crowd {
  const child: ChildProcess = fork(join(import.meta.dirname, 'crowd-child.ts'));
  const say = (order: CrowdOrder): void => void child.send(order);
  say({ kind: 'begin', url, topic, clients });
  return {
    async reach(times, next) {
      const answer = once(child, 'message');
      say({ kind: 'reach', times, next });
      const ended = once(child, 'exit').then(([code, signal]) => {
        throw new Error(`the crowd has ended (${signal ?? code})`);
      });
      const [report] = await Promise.race([answer, ended]);
      return report as CrowdReport;
    },
    async [Symbol.asyncDispose]() {
      if (child.exitCode !== null) return;
      child.kill('SIGKILL');
      await once(child, 'exit');
    },
  };
}
