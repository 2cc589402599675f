/**
 * What an application writes to topics between two checkpoints, and the checkpoint, in one transaction.
 *
 * All of it is kept until the commit. A transaction that breaks is begun anew and everything sent again, for as long as the
 * broker is away: the rows exist nowhere else. A record that breaks it by itself is looked for, sending one by one, and
 * handed back. Where nobody knows whether a commit took place, the checkpoint that is stored tells.
 */
import { abortable, sleep } from '../../base/abort.ts';
import { backoffMs } from '../../base/backoff.ts';
import type { Clock } from '../../base/clock.ts';
import { describeError, isError, isRetriable, TributaryError } from '../../base/errors.ts';
import type { Producer } from '../../broker/broker.ts';
import type { ProduceRecord } from '../../record/record.ts';
import { asList, type Records, ValueColumn } from '../../record/value-column.ts';
import type { Log } from '../../telemetry/log.ts';

export interface OutputTransactionOptions {
  readonly transactionalId: string;
  readonly transactionTimeoutMs: number;
  /** A producer with the transactional id; whoever had it is fenced, and what it left open is aborted. */
  readonly open: () => Promise<Producer>;
  /** The id of the checkpoint that is stored; undefined where there is none. */
  readonly storedId: () => Promise<string | undefined>;
  /** Ends waiting for a broker that is away. */
  readonly signal: AbortSignal;
  readonly clock: Clock;
  readonly log: Log;
  readonly onAborted: () => void;
}

/** Records for one partition, with whoever wants those back that can never be stored. */
export interface Parcel {
  readonly topic: string;
  readonly partition: number;
  readonly records: Records;
  /** `place`: of the record among these. */
  readonly refused: (record: ProduceRecord, error: unknown, place: number) => void;
}

const retry = { baseMs: 100, maxMs: 5_000, jitter: 0 };

export class OutputTransaction {
  private readonly options: OutputTransactionOptions;
  private producer: Producer;
  private held: Parcel[] = [];
  private bytes = 0;
  /** How many of them the producer has been given. */
  private sent = 0;
  private sends: Promise<unknown>[] = [];
  private pumping: Promise<void> | undefined;
  private opening: Promise<void> | undefined;
  private openedAtMs = 0;
  /** The checkpoint that this application knows to be the last one. */
  private lastId: string | undefined;
  /** The one whose commit was asked for without an answer so far. */
  private triedId: string | undefined;

  /** `producer` has the transactional id already. */
  constructor(producer: Producer, lastId: string | undefined, options: OutputTransactionOptions) {
    this.producer = producer;
    this.lastId = lastId;
    this.options = options;
  }

  /** Bytes of what is not committed, about. */
  get heldBytes(): number {
    return this.bytes;
  }

  partitionCount(topic: string): Promise<number> {
    return this.producer.partitionCount(topic);
  }

  /** Takes records and begins to send them. What fails is seen to by `settle`, which has the time to wait. */
  add(parcel: Parcel): void {
    this.held.push(parcel);
    this.bytes += bytesOf(parcel.records);
    this.pumping ??= this.sendHeld()
      .catch(() => {})
      .finally(() => {
        this.pumping = undefined;
      });
  }

  /** Resolves once the broker has everything that was added, or its records have been handed back. */
  settle(): Promise<void> {
    return this.recovering((isCareful) => this.deliver(isCareful));
  }

  /** Commits what was added together with the records of a checkpoint, which go to one partition. */
  async commit(topic: string, partition: number, checkpoint: readonly ProduceRecord[], id: string): Promise<void> {
    await this.recovering(async (isCareful) => {
      if (this.triedId === id && (await this.isStored(id))) return;
      await this.deliver(isCareful);
      await this.begin();
      await this.producer.send(topic, partition, checkpoint).catch((error: unknown) => {
        throw isLasting(error) ? new Hopeless(error) : error;
      });
      this.triedId = id;
      await this.producer.commit();
    });
    this.lastId = id;
    this.held = [];
    this.bytes = 0;
    this.forgetSends();
  }

  /** What is not committed is aborted. */
  async close(): Promise<void> {
    await abortable(this.producer.close(), this.options.signal, 'Closing a producer');
  }

  private async deliver(isCareful: boolean): Promise<void> {
    if (isCareful) return this.sendOneByOne();
    await this.pumping;
    await this.sendHeld();
    await Promise.all(this.sends);
  }

  private begin(): Promise<void> {
    this.opening ??= this.producer.begin().then(() => {
      this.openedAtMs = this.options.clock.monotonicMs();
    });
    return this.opening;
  }

  private async sendHeld(): Promise<void> {
    while (this.sent < this.held.length) {
      await this.begin();
      const { topic, partition, records } = this.held[this.sent++]!;
      const sending = this.producer.send(topic, partition, records);
      sending.catch(() => {}); // whoever waits for all sends is told
      this.sends.push(sending);
    }
  }

  /** Hands back the record that the broker will never take. The transaction is broken by it, and is begun anew without it. */
  private async sendOneByOne(): Promise<void> {
    await this.begin();
    for (const [index, { topic, partition, records, refused }] of this.held.entries()) {
      const list = asList(records);
      for (const [place, record] of list.entries()) {
        const error = await failureOf(this.producer.send(topic, partition, [record]));
        if (error === undefined) continue;
        if (!isLasting(error)) throw error;
        const rest: Parcel = {
          topic,
          partition,
          records: list.toSpliced(place, 1),
          refused: (other, reason, at) => refused(other, reason, at < place ? at : at + 1),
        };
        this.held.splice(index, 1, ...(rest.records.length === 0 ? [] : [rest]));
        refused(record, error, place);
        throw new Refused(error);
      }
    }
    this.sent = this.held.length;
  }

  /** Does a step; where the transaction breaks, begins it anew and does the step again. */
  private async recovering(step: (isCareful: boolean) => Promise<void>): Promise<void> {
    const { log, signal, onAborted } = this.options;
    let isCareful = false;
    let broken: unknown;
    for (let attempt = 1; ; attempt++) {
      try {
        if (broken !== undefined) await abortable(this.beginAnew(broken), signal, 'Beginning a transaction anew');
        broken = undefined;
        await abortable(step(isCareful), signal, 'Writing to topics');
        return;
      } catch (failure) {
        const error = failure instanceof Hopeless || failure instanceof Refused ? failure.cause : failure;
        // A lasting failure is looked into once; one that is no record's is not helped by that.
        const wasLookedInto = (broken !== undefined || isCareful) && !(failure instanceof Refused);
        if (failure instanceof Hopeless || (wasLookedInto && isLasting(error))) throw error;
        if (isError(error, 'PRODUCER_FENCED') && !this.mayHaveTimedOut()) throw this.replaced(error);
        isCareful = isLasting(error) || (isCareful && broken !== undefined);
        broken = error;
        onAborted();
        log.warn('sql_transaction_aborted', { attempt, reason: describeError(error), detail: 'it is sent again' });
        if (!isLasting(error))
          await sleep(
            backoffMs(attempt, retry, () => 0),
            signal,
          );
        if (signal.aborted) throw error;
      }
    }
  }

  /** Brokers fence a producer whose transaction was open for too long, too. */
  private mayHaveTimedOut(): boolean {
    const { clock, transactionTimeoutMs } = this.options;
    return this.opening !== undefined && clock.monotonicMs() - this.openedAtMs >= transactionTimeoutMs;
  }

  private async beginAnew(error: unknown): Promise<void> {
    await Promise.allSettled(this.sends);
    const wasAborted = isError(error, 'TRANSACTION_ABORTED') || isLasting(error);
    if (wasAborted && this.opening !== undefined && (await failureOf(this.producer.abort())) === undefined) {
      this.triedId = undefined;
      this.forgetSends();
      return;
    }
    await this.producer.close().catch(() => {}); // it has failed already; the new one says what is wrong
    this.producer = await this.options.open();
    this.forgetSends();
    await this.isStored(this.triedId);
  }

  private forgetSends(): void {
    this.sends = [];
    this.sent = 0;
    this.opening = undefined;
  }

  /** Whether the checkpoint of that id is the one that is stored. PRODUCER_FENCED where it is somebody else's. */
  private async isStored(id: string | undefined): Promise<boolean> {
    const stored = await this.options.storedId();
    if (stored !== this.lastId && stored !== id) throw this.replaced();
    return stored === id;
  }

  private replaced(cause?: unknown): TributaryError {
    const { transactionalId } = this.options;
    return new TributaryError(
      'PRODUCER_FENCED',
      `This application was fenced: another one with the transactional id "${transactionalId}" has taken its place`,
      { cause },
    );
  }
}

/** What records take in memory, about. */
function bytesOf(records: Records): number {
  if (records instanceof ValueColumn) return records.valueBytes + records.length * 16;
  let sum = 0;
  for (const { key, value } of asList(records)) sum += 64 + (key?.length ?? 0) + (value?.length ?? 0);
  return sum;
}

/** One record fewer is held: everything else is to be sent again at once. */
class Refused {
  readonly cause: unknown;
  constructor(cause: unknown) {
    this.cause = cause;
  }
}

/** Sending again would give the same, and no record can be left out. */
class Hopeless {
  readonly cause: unknown;
  constructor(cause: unknown) {
    this.cause = cause;
  }
}

async function failureOf(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise;
    return undefined;
  } catch (error) {
    return error;
  }
}

/** Trying again will not help: it is the record, or a right that is missing. */
function isLasting(error: unknown): boolean {
  if (isError(error, 'TRANSACTION_ABORTED')) return error.cause !== undefined && isLasting(error.cause);
  if (!(error instanceof TributaryError) || isRetriable(error)) return false;
  return !['ABORTED', 'TIMEOUT', 'PRODUCER_FENCED', 'TRANSACTION_INVALID_STATE', 'BROKER_CLOSED'].includes(error.code);
}
