/**
 * A table before its broker is there: it shows what this machine knows of it, until the real one is attached. For a worker that
 * begins while Kafka is away.
 */
import { abortable } from '../base/abort.ts';
import { TributaryError } from '../base/errors.ts';
import type { Table } from './table.ts';

export interface LaterTable extends Table {
  readonly isAttached: boolean;
  /** From now on this one is shown and written; what waited for it goes there. It is closed with this one, at once where that is over. */
  attach(table: Table): Promise<void>;
}

export interface LaterTableOptions {
  readonly topic: string;
  readonly known: Iterable<readonly [key: string, value: string]>;
  /**
   * What becomes of what is written before: it waits, or it is shown here at once and forgotten when the real table comes. The
   * second is for what is made anew from what the real table says.
   */
  readonly early: 'waits' | 'shown';
}

export function laterTable({ topic, known, early }: LaterTableOptions): LaterTable {
  const shown = new Map(known);
  const attached = Promise.withResolvers<Table>();
  attached.promise.catch(() => {}); // told to whoever waits for it
  let table: Table | undefined;
  let isGivenUp = false;

  const giveUp = (): void => {
    isGivenUp = true;
    attached.reject(new TributaryError('BROKER_CLOSED', `The table "${topic}" was closed before Kafka was there`));
  };
  return {
    topic,
    get isAttached() {
      return table !== undefined;
    },
    get isLost() {
      return table?.isLost ?? false;
    },
    get trouble() {
      return table === undefined ? 'Kafka was not there yet' : table.trouble;
    },
    get entries() {
      return table?.entries ?? shown;
    },
    put: async (entries, by) => {
      if (table !== undefined || early === 'waits') return (table ?? (await attached.promise)).put(entries, by);
      for (const [key, value] of entries) {
        if (value === null) shown.delete(key);
        else shown.set(key, value);
      }
    },
    send: async (producer, entries) => (await attached.promise).send(producer, entries),
    caughtUp: async (signal, key) => {
      const real = await abortable(attached.promise, signal, 'Waiting for Kafka');
      await real.caughtUp(signal, key);
    },
    caughtUpWithCommitted: async (signal) => {
      const real = await abortable(attached.promise, signal, 'Waiting for Kafka');
      await real.caughtUpWithCommitted(signal);
    },
    abandon: () => {
      if (table === undefined) giveUp();
      else table.abandon();
    },
    attach: async (real) => {
      if (isGivenUp) return real.close();
      table = real;
      attached.resolve(real);
    },
    close: async () => {
      giveUp();
      await table?.close();
    },
    async [Symbol.asyncDispose]() {
      await this.close();
    },
  };
}
