/** Memory that a process may hold, kept by the kernel: a control group of its own (version 1 or 2), wherever this user may make one. */
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export interface MemoryLimit extends Disposable {
  /** Words before a command that put it under the limit: `sh -c … sh COMMAND ARGUMENTS`. */
  readonly prefix: readonly [string, ...string[]];
  /** The most that was held at one time, buffers of files that the kernel may take back included. */
  peakBytes(): number;
}

const forms = [
  { parent: '/sys/fs/cgroup/memory', limit: 'memory.limit_in_bytes', peak: 'memory.max_usage_in_bytes' },
  { parent: '/sys/fs/cgroup', limit: 'memory.max', peak: 'memory.peak' },
] as const;

export function memoryLimit(bytes: number): MemoryLimit {
  const form = forms.find(({ parent }) => existsSync(join(parent, 'cgroup.procs')));
  if (form === undefined) throw new Error('there are no control groups');
  const folder = join(form.parent, `tributary-test-${randomBytes(4).toString('hex')}`);
  mkdirSync(folder);
  try {
    writeFileSync(join(folder, form.limit), String(bytes));
  } catch (error) {
    rmdirSync(folder);
    throw error;
  }
  return {
    prefix: ['sh', '-c', `echo $$ > ${join(folder, 'cgroup.procs')} && exec "$@"`, 'sh'],
    peakBytes: () => Number(readFileSync(join(folder, form.peak), 'utf8')),
    [Symbol.dispose]: () => rmdirSync(folder),
  };
}

/** Why tests with a limit of memory are skipped here, or false. */
export function memoryLimitMissing(): string | false {
  try {
    memoryLimit(2 ** 27)[Symbol.dispose]();
    return false;
  } catch (error) {
    return `Memory cannot be limited here: ${(error as Error).message}`;
  }
}
