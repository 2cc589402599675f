/**
 * The floor of an acknowledgement by a disk: a few records' bytes are appended to a file and synced, once a millisecond.
 * Arguments: folder, turns, records in each, bytes of a record.
 */
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { pace } from './pace.ts';

const [folder, turns, records, size] = process.argv.slice(2) as [string, string, string, string];
const bytes = Buffer.alloc(Number(records) * Number(size), 'x');
await using file = await open(join(folder, 'bare-sync'), 'a');
await pace(Number(turns), Number(records), async () => {
  await file.write(bytes);
  await file.datasync();
});
