/**
 * A power cut, modelled: a process runs on files whose syncs are recorded (synced-copies.c), is killed, and its files are
 * made what a disk would have kept. What was synced is there; of what was written and not synced any page may be there,
 * or none.
 */
import { execFileSync } from 'node:child_process';
import { closeSync, ftruncateSync, mkdirSync, openSync, readdirSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { toolsMissing } from '../tools.ts';

const pageBytes = 4096;

/** Why there is no power cut here, or false. */
export function powerCutMissing(): string | false {
  return process.platform === 'linux' ? toolsMissing(['c']) : 'syncs are recorded on Linux only';
}

export interface PowerCut {
  /** The files that are cut off lie here, not in folders below it. */
  readonly folder: string;
  /** Of the process that writes them. */
  readonly env: Readonly<Record<string, string>>;
  /** From now on no sync begins. */
  hold(): void;
  release(): void;
  /**
   * To be called once the process has been killed: makes the files what the power cut left. Each page that was written and
   * not synced is kept where `keeps` says so.
   */
  cut(keeps: () => boolean): void;
}

/** Works in `home`, which must be there; `name` of the folder that the process writes to. */
export function preparePowerCut(home: string, name: string): PowerCut {
  const library = join(home, 'synced-copies.so');
  const source = join(import.meta.dirname, 'synced-copies.c');
  execFileSync('cc', ['-shared', '-fPIC', '-O1', '-Wall', '-Werror', '-o', library, source, '-ldl'], { stdio: 'pipe' });
  const folder = join(home, name);
  const synced = join(home, `${name}-synced`);
  const held = join(home, `${name}-hold`);
  for (const made of [folder, synced]) mkdirSync(made, { recursive: true });
  return {
    folder,
    env: { LD_PRELOAD: library, POWER_CUT_FOLDER: folder, POWER_CUT_SYNCED: synced, POWER_CUT_HOLD: held },
    hold: () => closeSync(openSync(held, 'w')),
    release: () => rmSync(held, { force: true }),
    cut(keeps) {
      rmSync(held, { force: true });
      const kept = new Set(readdirSync(synced).filter((file) => !file.endsWith('.part')));
      for (const file of readdirSync(folder)) {
        // The name of a file that was never synced may be gone as well.
        if (kept.has(file)) forget(join(folder, file), readFileSync(join(synced, file)), keeps);
        else rmSync(join(folder, file));
      }
    },
  };
}

/** Puts what was synced in the place of what was not, page by page. */
function forget(path: string, synced: Buffer, keeps: () => boolean): void {
  const written = readFileSync(path);
  const file = openSync(path, 'r+');
  try {
    let size = synced.length;
    for (let at = 0; at < Math.max(written.length, synced.length); at += pageBytes) {
      const before = synced.subarray(at, at + pageBytes);
      const now = written.subarray(at, at + pageBytes);
      if (before.equals(now)) continue;
      if (now.length > 0 && keeps()) size = Math.max(size, at + now.length);
      // Behind the end of what was synced a page that was not written back is a hole.
      else writeSync(file, before.length > 0 ? before : Buffer.alloc(now.length), 0, undefined, at);
    }
    ftruncateSync(file, size);
  } finally {
    closeSync(file);
  }
}
