import { readFileSync } from 'node:fs';
import { availableParallelism, release, totalmem } from 'node:os';

/** One line about where a figure was taken. */
export function machineLine(): string {
  const model = /model name\s*:\s*(.+)/.exec(readFileSync('/proc/cpuinfo', 'utf8'))?.[1] ?? process.arch;
  const memory = Math.round(totalmem() / 2 ** 30);
  return `${availableParallelism()} cores (${model}), ${memory} GiB, Linux ${release()}, Node ${process.versions.node}`;
}
