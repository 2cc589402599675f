/**
 * A new configuration for several processes: all of them take it, or none. Each reads the files and checks them, and may find
 * something else than the others (a file that is changed meanwhile, keys that cannot be fetched); only when all have is it applied.
 */
import { TributaryError } from '../../base/errors.ts';

export interface Reloadable {
  readonly number: number;
  /** False once it has ended: the one that follows it reads the files as they are then. */
  readonly isServing: boolean;
  /** Gives why it cannot take the new configuration. Rejects where it does not answer. */
  prepareReload(): Promise<string | undefined>;
  /** Gives the keys that take a restart. */
  applyReload(): Promise<readonly string[]>;
  abandonReload(): void;
}

/** Gives the keys that take a restart. CONFIG_INVALID changes nothing; TIMEOUT names a process that has not said that it changed. */
export async function reloadTogether(processes: readonly Reloadable[]): Promise<readonly string[]> {
  const problems = await Promise.all(
    processes.map(async (each) => {
      try {
        return await each.prepareReload();
      } catch (error) {
        return each.isServing ? (error as Error).message : undefined;
      }
    }),
  );
  const at = problems.findIndex((problem) => problem !== undefined);
  if (at !== -1) {
    for (const each of processes) each.abandonReload();
    throw new TributaryError('CONFIG_INVALID', `${problems[at]} (process ${processes[at]!.number})`);
  }
  const keys = await Promise.all(
    processes.map(async (each) => {
      if (!each.isServing) return [];
      try {
        return await each.applyReload();
      } catch (error) {
        if (each.isServing) throw error;
        return [];
      }
    }),
  );
  return [...new Set(keys.flat())];
}
