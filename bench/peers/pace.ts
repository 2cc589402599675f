/** What one after the other takes at a rate that is not the limit. */
import { setTimeout as sleep } from 'node:timers/promises';

/** What such a script writes: one line of JSON. */
export interface Paced {
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly cpuUsPerMessage: number;
  readonly peakMb: number;
}

/** Does the work once a millisecond, a turn that is late at once; the first fifth is not measured. Writes the figures. */
export async function pace(turns: number, messagesPerTurn: number, work: () => Promise<void>): Promise<void> {
  const warm = Math.floor(turns / 5);
  const took: number[] = [];
  let cpu = process.cpuUsage();
  let sinceMs = performance.now();
  for (let turn = 0; turn < turns; turn++) {
    if (turn === warm) {
      took.length = 0;
      cpu = process.cpuUsage();
      sinceMs = performance.now();
    }
    const atMs = performance.now();
    const waitMs = sinceMs + (turn < warm ? turn : turn - warm) - atMs;
    if (waitMs > 1) await sleep(waitMs);
    const startMs = performance.now();
    await work();
    took.push(performance.now() - startMs);
  }
  const { user, system } = process.cpuUsage(cpu);
  const messages = took.length * messagesPerTurn;
  took.sort((a, b) => a - b);
  const figures: Paced = {
    perSecond: messages / ((performance.now() - sinceMs) / 1000),
    p50Ms: took[Math.floor(took.length * 0.5)]!,
    p99Ms: took[Math.floor(took.length * 0.99)]!,
    cpuUsPerMessage: (user + system) / messages,
    peakMb: process.resourceUsage().maxRSS / 1024,
  };
  process.stdout.write(`${JSON.stringify(figures)}\n`);
}
