/** Who has the directory open, for the message to the one who may not: SQLite's lock decides, this only tells. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isError, TributaryError } from '../../base/errors.ts';

const file = 'owner.pid';

export function writeOwner(directory: string): void {
  writeFileSync(join(directory, file), `${process.pid}\n`);
}

/** BROKER_LOCKED with the directory and the process that has it; any other error as it is. */
export function lockedBy(error: unknown, directory: string): unknown {
  if (!isError(error, 'BROKER_LOCKED')) return error;
  return new TributaryError(
    'BROKER_LOCKED',
    `Cannot open "${directory}": another process${ownerOf(directory)} has it open. Stop it, or name another directory`,
    { cause: error },
  );
}

function ownerOf(directory: string): string {
  try {
    return ` (pid ${readFileSync(join(directory, file), 'utf8').trim()})`;
  } catch {
    return ''; // it has opened the store and not written its number yet
  }
}
