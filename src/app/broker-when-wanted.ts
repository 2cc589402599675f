import { existsSync } from 'node:fs';
import { TributaryError } from '../base/errors.ts';
import type { Broker } from '../broker/broker.ts';

export interface BrokerWhenWanted extends AsyncDisposable {
  /** Opens it the first time. */
  readonly broker: () => Promise<Broker>;
}

/** Disposing it closes what was opened. */
export function brokerWhenWanted(open: () => Promise<Broker>): BrokerWhenWanted {
  let opened: Promise<Broker> | undefined;
  return {
    broker() {
      opened ??= open();
      return opened;
    },
    async [Symbol.asyncDispose]() {
      // One that could not be opened has told whoever wanted it.
      const broker = await opened?.catch(() => undefined);
      await broker?.close();
    },
  };
}

/** For a check, which makes no folder: where there is none yet, there are no topics (UNKNOWN_TOPIC). */
export function onlyWhereStored(address: string, broker: () => Promise<Broker>): () => Promise<Broker> {
  const folder = /^embedded:(.+)$/.exec(address)?.[1];
  if (folder === undefined || existsSync(folder)) return broker;
  const text = `There are no topics yet: nothing is stored in "${folder}"`;
  return () => Promise.reject(new TributaryError('UNKNOWN_TOPIC', text));
}
