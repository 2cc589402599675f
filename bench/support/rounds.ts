/** Work within this process: what each of several rounds took. */
import type { Run } from './ingest-report.ts';

/**
 * `work` goes over `count` records and gives how many of them came through. A first round, which compiles, is not counted. The
 * most memory is that of the process so far, the records themselves and earlier work included.
 */
export function measureRounds(rounds: number, count: number, work: () => number): Run[] {
  const runs: Run[] = [];
  for (let round = -1; round < rounds; round++) {
    const startedMs = performance.now();
    const before = process.cpuUsage();
    const through = work();
    const { user, system } = process.cpuUsage(before);
    const seconds = (performance.now() - startedMs) / 1000;
    if (round === -1) continue;
    runs.push({
      perSecond: count / seconds,
      cpuUsPerMessage: (user + system) / count,
      peakMb: process.resourceUsage().maxRSS / 1024,
      losses: { lost: Math.max(0, count - through), doubled: Math.max(0, through - count) },
    });
  }
  return runs;
}
