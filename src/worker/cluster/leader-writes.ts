/**
 * What people change is written by the worker that leads, in transactions under an id that the whole group has, Kafka
 * Connect's: whoever leads anew takes the id over, and from then on Kafka refuses what a leader of before still writes,
 * however long that one was stopped between its last look at the clock and its write. (Its other safeguards can only look.)
 *
 * Changes that wait while a transaction is under way go together in the next one, as a transaction takes as long for one
 * change as for many. Each is told of its own end: where a group fails, they are written one by one.
 */
import { withTimeout } from '../../base/abort.ts';
import { CallsInTurn } from '../../base/calls-in-turn.ts';
import { describeError, isError, isRetriable, TributaryError } from '../../base/errors.ts';
import type { Broker, Producer } from '../../broker/broker.ts';
import type { Log } from '../../telemetry/log.ts';
import type { Metrics } from '../../telemetry/metrics.ts';
import type { Sent, Table, TableEntry } from '../table.ts';
import { openFenced } from '../task-fence.ts';
import { WriteRoom } from '../write-room.ts';

export interface LeaderWritesOptions {
  readonly broker: Broker;
  /** Absent: nobody else writes, and nothing is fenced. */
  readonly transactionalId: string | undefined;
  readonly table: Pick<Table, 'put' | 'send'>;
  readonly isLeading: () => boolean;
  /** A write was refused, or nobody knows what became of it: who leads still has to claim anew. */
  readonly onLost: (reason: string) => void;
  readonly log: Log;
  readonly metrics: Metrics;
  /** For the table to show what is written. */
  readonly showMs?: number;
  /** Characters of changes that may wait to be written. */
  readonly maxWaiting?: number;
}

/** As Kafka Connect names it. */
export function leadersTransactionalId(groupId: string): string {
  return `connect-cluster-${groupId}`;
}

/** Changes that are written by one transaction. Each is there as a whole, in the order in which they came. */
interface Together {
  readonly producer: Producer;
  readonly changes: Change[];
  bytes: number;
}

interface Change {
  readonly entries: readonly TableEntry[];
  readonly written: PromiseWithResolvers<Sent>;
}

/** Of the changes of one transaction, in characters. */
const maxTogether = 512 * 1024;
/** Of all changes that wait: more of them are refused. */
const defaultMaxWaiting = 64 * 1024 * 1024;
/** A write that takes longer fails. Whoever leads next need not wait for it: claiming ends what is open. */
const transactionTimeoutMs = 10_000;
const defaultShowMs = 10_000;
/** Whoever asked is told then that nobody knows. */
const unfencedMs = 30_000;

export class LeaderWrites {
  readonly #options: LeaderWritesOptions;
  readonly #turns = new CallsInTurn();
  #producer: Producer | undefined;
  /** Until a worker has led for the first time it writes what its own configuration file says, and nothing else. */
  #hasLed = false;
  /** Kafka does not let this worker have the id. */
  #isUnfenced = false;
  /** What the next transaction will write, while one is under way. */
  #next: Together | undefined;
  readonly #room: WriteRoom;

  constructor(options: LeaderWritesOptions) {
    this.#options = options;
    this.#room = new WriteRoom('the change', options.maxWaiting ?? defaultMaxWaiting);
    if (options.transactionalId === undefined) return;
    const help = '1 on the worker that leads, where Kafka refuses what a leader before it still writes';
    options.metrics.gauge('tributary_worker_leader_fenced', help, () => Number(this.#producer !== undefined));
  }

  /**
   * Whoever led before writes no more, and what it left open is undone. What the broker says, where that fails: nothing is
   * written until a later claim has succeeded.
   */
  async claim(signal: AbortSignal): Promise<void> {
    const { broker, transactionalId, log } = this.#options;
    this.#hasLed = true;
    if (this.#producer !== undefined || transactionalId === undefined) return;
    const producer = await openFenced(
      () => broker.producer({ transactionalId, transactionTimeoutMs, signal }),
      (reason) => {
        if (!this.#isUnfenced) log.warn('leader_not_fenced', { transactional_id: transactionalId, reason });
        this.#isUnfenced = true;
      },
    );
    if (producer === undefined) return;
    if (signal.aborted) return producer.close(); // nobody asks any more
    this.#producer = producer;
    if (this.#isUnfenced) log.info('leader_fenced', { transactional_id: transactionalId });
    this.#isUnfenced = false;
  }

  /** This worker leads no more: resolves when what was begun before has been written, or refused. */
  async release(): Promise<void> {
    const producer = this.#producer;
    this.#producer = undefined;
    this.#isUnfenced = false;
    await this.#turns.settled();
    await producer?.close().catch(() => {}); // what it could not end is ended by whoever claims next
  }

  /**
   * All entries or none, once the table shows them. CONFLICT where another worker leads, or may lead, by now; TIMEOUT where they
   * are written and the table does not show them in time.
   */
  async put(entries: readonly TableEntry[]): Promise<void> {
    const { isLeading, transactionalId, table } = this.#options;
    if (!this.#hasLed) return table.put(entries);
    if (transactionalId === undefined) return this.#putUnfenced(entries);
    if (!isLeading()) throw notLeading();
    const producer = this.#producer;
    if (producer === undefined && this.#isUnfenced) return this.#putUnfenced(entries);
    if (producer === undefined) throw notLeading();
    const sent = await this.#room.hold(entries, (size) => {
      const written = Promise.withResolvers<Sent>();
      this.#together(producer, size).changes.push({ entries, written });
      return written.promise;
    });
    // Outside its turn: a reader that is behind holds up no other write.
    await this.#shown(sent);
  }

  /** It is tried for ever, and may take effect behind the answer. */
  #putUnfenced(entries: readonly TableEntry[]): Promise<void> {
    const { table } = this.#options;
    return withTimeout(table.put(entries), unfencedMs, 'Writing the change, which may still take effect later,');
  }

  /** Where a change of this size goes: to those that wait for their transaction, or into a new one behind them. */
  #together(producer: Producer, bytes: number): Together {
    const known = this.#next;
    if (known !== undefined && known.producer === producer && known.bytes + bytes <= maxTogether) {
      known.bytes += bytes;
      return known;
    }
    const changes: Change[] = [];
    const next = { producer, changes, bytes };
    this.#next = next;
    void this.#turns.run('A write of who leads', undefined, () => {
      if (this.#next === next) this.#next = undefined;
      return this.#writeAll(producer, changes);
    });
    return next;
  }

  /** Tells each change how it ended; never rejects. */
  async #writeAll(producer: Producer, changes: readonly Change[]): Promise<void> {
    try {
      const all = changes.flatMap(({ entries }) => entries);
      const sent = await this.#write(producer, all);
      for (const { written } of changes) written.resolve(sent);
    } catch (error) {
      // One that Kafka refuses must not take the others along; a Kafka that is away takes all, and is not asked once more for each.
      const isOfOne = changes.length > 1 && this.#producer === producer && !isRetriable(error);
      for (const { entries, written } of changes)
        await (isOfOne ? this.#write(producer, entries) : Promise.reject(error)).then(written.resolve, written.reject);
    }
  }

  async #write(producer: Producer, entries: readonly TableEntry[]): Promise<Sent> {
    const { table, onLost } = this.#options;
    try {
      await producer.begin();
      const sent = await table.send(producer, entries);
      await producer.commit();
      return sent;
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
  }

  async #shown(sent: Sent): Promise<void> {
    const { showMs = defaultShowMs } = this.#options;
    try {
      await withTimeout(sent.shown(), showMs, 'Reading it back');
    } catch (cause) {
      throw new TributaryError(
        'TIMEOUT',
        'Cannot show the change yet: it is written, and takes effect once the worker reads it',
        { cause },
      );
    }
  }
}

function notLeading(cause?: unknown): TributaryError {
  return new TributaryError(
    'CONFLICT',
    'Cannot change connectors here any more: another worker of the group answers changes by now. Ask again',
    { cause },
  );
}
