/**
 * Records and the offsets behind them in one transaction, one transaction after the other (KIP-618).
 *
 * A transaction that could not be committed is sent again as a whole: its batches are kept until then. Where nobody knows
 * whether a commit took place, the offset that is stored tells: it went with the records or did not. An offset that is
 * neither is somebody else's: this task has been replaced, and ends.
 */
import { sleep } from '../base/abort.ts';
import { backoffMs } from '../base/backoff.ts';
import type { Clock, Random } from '../base/clock.ts';
import { describeError, isError, isRetriable, TributaryError } from '../base/errors.ts';
import type { Producer } from '../broker/broker.ts';
import type { SourceMap } from '../connectors/contract.ts';
import type { Log } from '../telemetry/log.ts';
import type { Counter } from '../telemetry/metrics.ts';
import type { BatchDispatch } from './batch-dispatch.ts';
import { type Delivered, type Delivery, movesOffset, sendsNothing } from './delivery.ts';
import { canonicalJson } from './json.ts';
import type { OffsetTable } from './offset-table.ts';
import { Pipeline } from './pipeline.ts';
import type { TransactionBoundary } from './transaction-boundary.ts';

export interface ExactlyOnceOptions {
  readonly connector: string;
  readonly transactionalId: string;
  /** A producer with the transactional id; whoever had it is fenced, and what it left open is aborted. */
  readonly open: () => Promise<Producer>;
  readonly dispatch: BatchDispatch;
  readonly offsets: OffsetTable;
  readonly boundary: TransactionBoundary;
  readonly transactionTimeoutMs: number;
  /** False where another worker may run the task by now: it must not be fenced in return. */
  readonly mayCommit: () => boolean;
  readonly metrics: ExactlyOnceMetrics;
  readonly log: Log;
  readonly clock: Clock;
  readonly random: Random;
  /** Ends waiting for the broker, before the first batch and behind it. */
  readonly startSignal: AbortSignal;
  readonly signal: AbortSignal;
  /** Told of each batch in order, once its transaction is committed. */
  readonly onDelivered: (item: Delivered) => void;
}

export interface ExactlyOnceMetrics {
  readonly committed: Counter;
  readonly aborted: Counter;
  /** Given up on the connector's word. */
  readonly abortedRecords: Counter;
}

interface Position {
  readonly partition: SourceMap;
  readonly offset: SourceMap;
}

/** Bytes that one transaction may hold, so that it can be sent again. A longer one is committed early where it may be. */
const maxHeldBytes = 16 * 1024 * 1024;
const retry = { baseMs: 100, maxMs: 5_000, jitter: 0.25 };
/** In a row, without one commit. */
const maxTries = 10;

export class ExactlyOnce implements Delivery {
  readonly #options: ExactlyOnceOptions;
  #producer: Producer;
  #pipeline = newPipeline();
  #isOpen = false;
  #openedAtMs = 0;
  /** Batches of the open transaction. Those that are too many to be sent again have lost their records. */
  #held: Delivered[] = [];
  #heldBytes = 0;
  /** How many of them the producer has. */
  #sent = 0;
  #canResend = true;
  /** A commit was asked for, and nobody knows yet whether it took place. */
  #commitTried = false;
  /** Newest position of each part of the source in the open transaction, by its text. */
  #positions = new Map<string, Position>();
  /** As far as this task has committed them, as text. */
  readonly #committed = new Map<string, string>();
  #left = 0;

  /** Waits until the transactions that were open before are over and their offsets can be read. */
  static async start(options: ExactlyOnceOptions): Promise<ExactlyOnce> {
    const producer = await options.open();
    try {
      await options.offsets.caughtUp(options.startSignal);
    } catch (error) {
      await producer.close();
      throw error;
    }
    return new ExactlyOnce(options, producer);
  }

  private constructor(options: ExactlyOnceOptions, producer: Producer) {
    this.#options = options;
    this.#producer = producer;
  }

  get producer(): Producer {
    return this.#producer;
  }

  async submit(item: Delivered): Promise<void> {
    const { prepared, batch } = item;
    if (prepared.failure !== undefined) {
      this.#left += prepared.records; // half a batch has no offset: it comes again after the next start
      return;
    }
    if (!sendsNothing(prepared)) await this.#add(item);
    if (batch.transactionEnd === 'abort' && this.#options.boundary.kind === 'connector') await this.#giveUp();
    else if (this.#endsWith(item)) await this.#commit();
  }

  dueInMs(): number | undefined {
    const { boundary, clock } = this.#options;
    if (boundary.kind !== 'interval' || !this.#isOpen) return undefined;
    return Math.max(0, this.#openedAtMs + boundary.intervalMs - clock.monotonicMs());
  }

  async onDue(): Promise<void> {
    if (this.dueInMs() === 0) await this.#commit();
  }

  /** A transaction that the connector has not ended is not for us to commit. */
  drain(): Promise<void> {
    if (this.#options.boundary.kind !== 'connector') return this.#commit();
    this.#left += recordsOf(this.#held);
    return this.#giveUp();
  }

  unstored(): number {
    return recordsOf(this.#held) + this.#left;
  }

  abandon(): void {
    this.#producer.abandon();
  }

  closeProducer(): Promise<void> {
    return this.#producer.close(); // aborts what is open
  }

  async storeOffsets(): Promise<void> {}

  #endsWith({ batch }: Delivered): boolean {
    const { boundary } = this.#options;
    switch (boundary.kind) {
      case 'poll':
        return true;
      case 'interval':
        return this.dueInMs() === 0 || this.#heldBytes > maxHeldBytes;
      case 'connector':
        return batch.transactionEnd === 'commit';
    }
  }

  async #add(item: Delivered): Promise<void> {
    const { batch, prepared } = item;
    if (batch.offset !== undefined && movesOffset(prepared)) {
      const name = canonicalJson(batch.partition);
      this.#positions.set(name, { partition: batch.partition, offset: batch.offset });
      if (!this.#committed.has(name)) this.#committed.set(name, this.#storedText(batch.partition));
    }
    this.#held.push(item);
    this.#heldBytes += prepared.bytes;
    await this.#recovering(() => this.#sendHeld());
    if (this.#heldBytes > maxHeldBytes && this.#options.boundary.kind === 'connector') {
      // Too much to send again: if this transaction is aborted, the task fails and starts anew from its offset.
      this.#canResend = false;
      this.#held = this.#held.map(withoutRecords);
    }
  }

  /** What the producer does not have yet of the open transaction. */
  async #sendHeld(): Promise<void> {
    if (!this.#isOpen) {
      await this.#producer.begin();
      this.#isOpen = true;
      this.#openedAtMs = this.#options.clock.monotonicMs();
    }
    while (this.#sent < this.#held.length) {
      const item = this.#held[this.#sent++]!;
      await this.#pipeline.submit(item, this.#options.dispatch.send(this.#producer, item.prepared));
    }
  }

  async #commit(): Promise<void> {
    if (this.#held.length === 0) return;
    const { offsets, connector, metrics, onDelivered } = this.#options;
    await this.#recovering(async () => {
      await this.#sendHeld();
      await this.#pipeline.drain();
      const positions = [...this.#positions.values()];
      if (positions.length > 0) await offsets.send(this.#producer, connector, positions);
      this.#commitTried = true;
      await this.#producer.commit();
    });
    metrics.committed.value++;
    for (const [name, { offset }] of this.#positions) this.#committed.set(name, canonicalJson(offset));
    const delivered = this.#held;
    this.#clear();
    for (const item of delivered) onDelivered(item);
  }

  /** The connector's own word, or the end without one: nothing of the transaction shall be seen. */
  async #giveUp(): Promise<void> {
    if (!this.#isOpen) return;
    const { metrics, log } = this.#options;
    await this.#pipeline.drain();
    await this.#producer.abort();
    const records = recordsOf(this.#held);
    metrics.aborted.value++;
    metrics.abortedRecords.value += records;
    log.info('transaction_given_up', { records });
    this.#clear();
  }

  #clear(): void {
    this.#unsend();
    this.#held = [];
    this.#heldBytes = 0;
    this.#canResend = true;
    this.#positions.clear();
  }

  #unsend(): void {
    this.#isOpen = false;
    this.#sent = 0;
    this.#commitTried = false;
    this.#pipeline = newPipeline();
  }

  /** Does a step, and where the transaction breaks, begins it anew and repeats the step, a bounded number of times. */
  async #recovering(step: () => Promise<void>): Promise<void> {
    const { log, metrics, random, signal } = this.#options;
    let broken: unknown;
    for (let attempt = 1; ; attempt++) {
      try {
        if (broken !== undefined && (await this.#beginAnew(broken))) return;
        broken = undefined;
        await step();
        return;
      } catch (error) {
        if (attempt >= maxTries || !this.#canRecover(error)) throw this.#named(error);
        broken = error;
        metrics.aborted.value++;
        log.warn('transaction_aborted', { attempt, reason: describeError(error), detail: 'it is sent again' });
        await sleep(attempt === 1 ? 0 : backoffMs(attempt - 1, retry, random), signal);
        if (signal.aborted) throw error;
      }
    }
  }

  #canRecover(error: unknown): boolean {
    if (!this.#canResend || this.#options.signal.aborted || !this.#options.mayCommit()) return false;
    if (isError(error, 'PRODUCER_FENCED')) return this.#mayHaveTimedOut();
    return isError(error, 'TRANSACTION_ABORTED') ? !hasLastingCause(error) : isRetriable(error);
  }

  /** Brokers fence a producer whose transaction was open for too long, too. */
  #mayHaveTimedOut(): boolean {
    const { clock, transactionTimeoutMs } = this.#options;
    return this.#isOpen && clock.monotonicMs() - this.#openedAtMs >= transactionTimeoutMs;
  }

  /** Ends what broke, so that the step can be repeated. True: it was committed after all. */
  async #beginAnew(error: unknown): Promise<boolean> {
    const { offsets, signal, open } = this.#options;
    if (isError(error, 'TRANSACTION_ABORTED')) {
      await this.#producer.abort();
    } else {
      await this.#producer.close().catch(() => {}); // it has failed already; the new one says what is wrong
      this.#producer = await open();
      await offsets.caughtUp(signal);
      if (this.#wasCommitted()) return true;
    }
    this.#unsend();
    return false;
  }

  /** What the table says of the positions of this transaction, all or none of which went with its records. */
  #wasCommitted(): boolean {
    let moved = false;
    for (const [name, { partition, offset }] of this.#positions) {
      const stored = this.#storedText(partition);
      if (stored === this.#committed.get(name)) continue;
      if (!this.#commitTried || stored !== canonicalJson(offset)) throw this.#replaced();
      moved = true;
    }
    return moved;
  }

  #storedText(partition: SourceMap): string {
    return canonicalJson(this.#options.offsets.get(this.#options.connector, partition) ?? null);
  }

  #named(error: unknown): unknown {
    return isError(error, 'PRODUCER_FENCED') ? this.#replaced(error) : error;
  }

  #replaced(cause?: unknown): TributaryError {
    return new TributaryError(
      'PRODUCER_FENCED',
      `This task was fenced: another one with the transactional id "${this.#options.transactionalId}" has taken its place`,
      { cause },
    );
  }
}

function recordsOf(items: readonly Delivered[]): number {
  return items.reduce((sum, { prepared }) => sum + prepared.records, 0);
}

/** What is left to tell of a batch once it is committed. */
function withoutRecords({ batch, prepared }: Delivered): Delivered {
  const { partition, offset, receivedAtMs } = batch;
  const sends = prepared.sends.map(({ topic, partition: to }) => ({ topic, partition: to, records: [] }));
  return {
    batch: { partition, offset, receivedAtMs },
    prepared: { ...prepared, sends, letters: [], inputs: new Map() },
  };
}

function newPipeline(): Pipeline<Delivered> {
  return new Pipeline<Delivered>(() => {});
}

/** The transaction broke because of a record that will break it again. */
function hasLastingCause({ cause }: TributaryError): boolean {
  return cause instanceof TributaryError && !cause.retriable && cause.code !== 'ABORTED' && cause.code !== 'TIMEOUT';
}
