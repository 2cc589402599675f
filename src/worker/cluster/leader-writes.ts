/**
 * What people change is written by the worker that leads, in transactions under an id that the whole group has, Kafka
 * Connect's: whoever leads anew takes the id over, and from then on Kafka refuses what a leader of before still writes,
 * however long that one was stopped between its last look at the clock and its write. (Its other safeguards can only look.)
 */
import { CallsInTurn } from '../../base/calls-in-turn.ts';
import { describeError, isError, TributaryError } from '../../base/errors.ts';
import type { Broker, Producer } from '../../broker/broker.ts';
import type { Log } from '../../telemetry/log.ts';
import type { Table, TableEntry } from '../table.ts';

export interface LeaderWritesOptions {
  readonly broker: Broker;
  /** Absent: nobody else writes, and nothing is fenced. */
  readonly transactionalId: string | undefined;
  readonly table: Pick<Table, 'put' | 'send' | 'caughtUp'>;
  readonly isLeading: () => boolean;
  /** A write was refused, or nobody knows what became of it: who leads still has to claim anew. */
  readonly onLost: (reason: string) => void;
  readonly log: Log;
}

/** As Kafka Connect names it. */
export function leadersTransactionalId(groupId: string): string {
  return `connect-cluster-${groupId}`;
}

/** A write that takes longer fails. Whoever leads next need not wait for it: claiming ends what is open. */
const transactionTimeoutMs = 10_000;

export class LeaderWrites {
  readonly #options: LeaderWritesOptions;
  readonly #turns = new CallsInTurn();
  #producer: Producer | undefined;
  /** Until a worker has led for the first time it writes what its own configuration file says, and nothing else. */
  #hasLed = false;
  /** Kafka does not let this worker have the id, or has no coordinator for it. */
  #isUnfenced = false;

  constructor(options: LeaderWritesOptions) {
    this.#options = options;
  }

  /** Whoever led before writes no more, and what it left open is undone. What the broker says, where that fails. */
  async claim(signal: AbortSignal): Promise<void> {
    const { broker, transactionalId, log } = this.#options;
    this.#hasLed = true;
    if (this.#producer !== undefined || transactionalId === undefined) return;
    this.#isUnfenced = false;
    try {
      const producer = await broker.producer({ transactionalId, transactionTimeoutMs, signal });
      if (signal.aborted) await producer.close();
      else this.#producer = producer;
    } catch (error) {
      if (!isError(error, 'AUTHORIZATION_FAILED') && !isError(error, 'BROKER_UNAVAILABLE')) throw error;
      this.#isUnfenced = true;
      log.warn('leader_not_fenced', { transactional_id: transactionalId, reason: describeError(error) });
    }
  }

  /** This worker leads no more: resolves when what was begun before has been written, or refused. */
  async release(): Promise<void> {
    const producer = this.#producer;
    this.#producer = undefined;
    await this.#turns.settled();
    await producer?.close().catch(() => {}); // what it could not end is ended by whoever claims next
  }

  /** All entries or none, once the table shows them. CONFLICT where another worker leads, or may lead, by now. */
  put(entries: readonly TableEntry[]): Promise<void> {
    const { table, isLeading, transactionalId } = this.#options;
    if (!this.#hasLed || transactionalId === undefined) return table.put(entries);
    if (!isLeading()) return Promise.reject(notLeading());
    if (this.#isUnfenced) return table.put(entries);
    const producer = this.#producer;
    if (producer === undefined) return Promise.reject(notLeading());
    return this.#turns.run('A write of who leads', undefined, () => this.#write(producer, entries));
  }

  async #write(producer: Producer, entries: readonly TableEntry[]): Promise<void> {
    const { table, onLost } = this.#options;
    try {
      await producer.begin();
      await table.send(producer, entries);
      await producer.commit();
    } catch (error) {
      const isUndone = await producer.abort().then(
        () => true,
        () => false, // what it failed by stands in the first error
      );
      if (!isUndone && this.#producer === producer) {
        this.#producer = undefined;
        producer.close().catch(() => {}); // as above
        onLost(describeError(error));
      }
      throw isError(error, 'PRODUCER_FENCED') || isError(error, 'BROKER_CLOSED') ? notLeading(error) : error;
    }
    await table.caughtUp();
  }
}

function notLeading(cause?: unknown): TributaryError {
  return new TributaryError(
    'CONFLICT',
    'Cannot change connectors here any more: another worker of the group answers changes by now. Ask again',
    { cause },
  );
}
