/** What the kernel says of a process: its own use of the processor and its memory, threads included, children not. */
import { readFileSync, writeFileSync } from 'node:fs';

export interface ProcessUse {
  readonly cpuMs: number;
  readonly residentMb: number;
  readonly peakMb: number;
}

const tickMs = 10; // USER_HZ is 100 on every Linux that Node runs on

/** Linux only: /proc/PID/stat and status. */
export function processUse(pid: number): ProcessUse {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return {
    cpuMs: (Number(fields[11]) + Number(fields[12])) * tickMs,
    residentMb: kilobytes(status, 'VmRSS') / 1024,
    peakMb: kilobytes(status, 'VmHWM') / 1024,
  };
}

/** The most memory is counted anew from now on (proc(5): clear_refs). */
export function resetPeak(pid: number): void {
  writeFileSync(`/proc/${pid}/clear_refs`, '5');
}

function kilobytes(status: string, name: string): number {
  return Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(status)?.[1] ?? Number.NaN);
}
