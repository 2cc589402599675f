import { openEmbeddedBroker } from '../../broker/embedded/embedded.ts';
import { codecs } from '../codecs.ts';
import { localSpool } from './local-spool.ts';
import type { SpoolAccess } from './spool-access.ts';

/** The spool in a folder that no process has open; what is open of a transaction ends, as at the next start. BROKER_LOCKED. */
export async function openSpoolFolder(directory: string): Promise<SpoolAccess> {
  const broker = await openEmbeddedBroker({ directory, codecs });
  return localSpool(
    () => broker,
    () => broker.close(),
  );
}
