import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { type TempFolder, tempFolder } from './temp-folder.ts';

const run = promisify(execFile);

/** A real filesystem of some MiB in a folder of its own, taken away with all it holds when it is disposed. */
export async function smallFilesystem(mebibytes: number): Promise<TempFolder> {
  const folder = await tempFolder('small');
  try {
    await run('mount', ['-t', 'tmpfs', '-o', `size=${mebibytes}m`, 'tmpfs', folder.path]);
  } catch (error) {
    await folder[Symbol.asyncDispose]();
    throw error;
  }
  return {
    path: folder.path,
    async [Symbol.asyncDispose]() {
      await run('umount', [folder.path]);
      await folder[Symbol.asyncDispose]();
    },
  };
}

/** Why tests with a filesystem of their own are skipped here, or false. */
export async function smallFilesystemMissing(): Promise<string | false> {
  try {
    await (await smallFilesystem(1))[Symbol.asyncDispose]();
    return false;
  } catch (error) {
    return `A small filesystem cannot be mounted here: ${(error as Error).message.split('\n').at(-2) ?? ''}`;
  }
}

/** Writes until nothing more fits. */
export function fill(path: string): void {
  for (let bytes = 2 ** 20; bytes >= 512; ) {
    try {
      writeFileSync(path, Buffer.alloc(bytes), { flag: 'a' });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
      bytes = Math.floor(bytes / 2);
    }
  }
}
