import type { Run } from './ingest-report.ts';
import { processUse } from './process.ts';

/** A count that stands still for so long is a failure. A peer in Java is compiled and started in it, on a machine that does more. */
const patienceMs = 180_000;

interface Look {
  readonly atMs: number;
  readonly count: number;
  readonly cpuMs: number;
}

/** Polls the counter of messages that are through; rate and processor time are taken between its first and last change. */
export async function timeUntil(count: number, read: () => Promise<number> | number, pid: number): Promise<Run> {
  const look = async (): Promise<Look> => {
    const seen = await read();
    return { atMs: performance.now(), count: seen, cpuMs: processUse(pid).cpuMs };
  };
  let before = await look();
  let first: Look | undefined;
  let changed = before;
  for (;;) {
    // A look at the metrics costs the measured process a millisecond, too.
    await new Promise((resolve) => setTimeout(resolve, 100));
    const now = await look();
    if (now.count > changed.count) changed = now;
    // Where the first look at anything is the last one, the one before it has to do.
    if (now.count > 0) first ??= now.count < count ? now : before;
    if (now.count >= count) return runBetween(first!, now, pid);
    if (now.atMs - changed.atMs > patienceMs)
      throw new Error(`Only ${now.count} of ${count} messages came through, nothing for ${patienceMs / 1000} s`);
    before = now;
  }
}

function runBetween(first: Look, last: Look, pid: number): Run {
  const messages = last.count - first.count;
  return {
    perSecond: messages / ((last.atMs - first.atMs) / 1000),
    cpuUsPerMessage: ((last.cpuMs - first.cpuMs) * 1000) / messages,
    peakMb: processUse(pid).peakMb,
  };
}
