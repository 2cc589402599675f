/** The broker that a spool lies in: opened when it is wanted, closed behind the worker. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describeError, isError, TributaryError } from '../base/errors.ts';
import type { LocalBroker } from '../broker/broker.ts';
import { type KnownWork, readKnownWork } from '../worker/spool/known-work.ts';
import type { SpoolSource } from '../worker/worker-options.ts';
import type { AppConfig, NamedConnector } from './config/app-config.ts';
import type { AppParts } from './wiring.ts';

export interface OpenSpoolSource extends SpoolSource {
  /** Undefined while nobody wanted it. */
  readonly broker: LocalBroker | undefined;
  /** What the worker kept there of its work; undefined where it never kept anything. Opens it where it is there. */
  readonly knownWork: () => Promise<KnownWork | undefined>;
  /** Where something may lie in it: opened while others are waited for. */
  readonly openAhead: () => void;
}

/** Whether something may lie in a spool here, or shall. */
export function wantsSpool({ worker, connectors }: AppConfig): boolean {
  const isSpooled = ({ config }: NamedConnector): boolean => (config['spool.mode'] ?? 'off') !== 'off';
  return connectors.some(isSpooled) || isThere(worker.spoolFolder);
}

function isThere(directory: string): boolean {
  return existsSync(join(directory, 'tributary.db'));
}

export function spoolSource({ config, log, metrics }: AppParts, opened: AsyncDisposableStack): OpenSpoolSource {
  const directory = config.worker.spoolFolder;
  let broker: LocalBroker | undefined;
  let opening: Promise<LocalBroker> | undefined;
  const open = async (): Promise<LocalBroker> => {
    const [{ codecs }, { openEmbeddedBroker }, { embeddedEvents }] = await Promise.all([
      import('./codecs.ts'),
      import('../broker/embedded/embedded.ts'),
      import('./embedded-events.ts'),
    ]);
    const own = log.child({ spool: directory }, 'tributary.spool');
    try {
      broker = await openEmbeddedBroker({ directory, codecs, onEvent: embeddedEvents(own, metrics.root()) });
      return broker;
    } catch (error) {
      opening = undefined; // whoever asks next tries again
      if (isError(error)) throw error;
      const message = `Cannot open the spool in "${directory}": ${describeError(error)}`;
      throw new TributaryError('BROKER_UNAVAILABLE', message, { cause: error, retriable: true });
    }
  };
  // Registered before the worker, and so closed behind it.
  opened.defer(async () => {
    await opening?.catch(() => {}); // told to whoever wanted it
    await broker?.close();
  });
  return {
    get broker() {
      return broker;
    },
    isThere: isThere(directory),
    open() {
      opening ??= open();
      return opening;
    },
    async knownWork() {
      if (!isThere(directory)) return undefined;
      return readKnownWork(await this.open(), log.child({ spool: directory }, 'tributary.spool'));
    },
    openAhead() {
      if (isThere(directory)) this.open().catch(() => {}); // told to whoever wants it
    },
  };
}
