/**
 * Batches of one producer for one partition, on their way to the store in order. Five are under way at most. When one
 * cannot be stored for now (the disk is full), those behind it are turned away as out of order: all settle, then the same
 * bytes are sent again from the first one on, until its time is over.
 */
import type { Clock } from '../../base/clock.ts';
import { TributaryError } from '../../base/errors.ts';
import type { Appended } from './protocol.ts';
import { errorOf } from './store-client.ts';

export interface Batch {
  /** The batch's bytes: kept until the answer, so that they can be sent again. */
  readonly bytes: Uint8Array;
  readonly deadlineMs: number;
  readonly done: (place: { readonly base: number; readonly last: number }) => void;
  readonly failed: (error: TributaryError) => void;
}

export interface QueueParts {
  readonly append: (bytes: Uint8Array) => Promise<Appended>;
  readonly clock: Clock;
  /** Waits before a retry. */
  readonly pause: () => Promise<void>;
  readonly onRetry: (error: TributaryError) => void;
  /** A batch failed for good: sequences behind it no longer fit. */
  readonly onLost: () => void;
}

const maxInFlight = 5;

export class PartitionQueue {
  readonly #parts: QueueParts;
  #queue: Batch[] = [];
  #inFlight = 0;
  #failed: { readonly batch: Batch; readonly error: TributaryError }[] = [];
  #idle: (() => void)[] = [];

  constructor(parts: QueueParts) {
    this.#parts = parts;
  }

  get isIdle(): boolean {
    return this.#inFlight === 0 && this.#queue.length === 0 && this.#failed.length === 0;
  }

  push(batch: Batch): void {
    this.#queue.push(batch);
    this.#pump();
  }

  /** Resolves when nothing is under way or waiting. */
  settled(): Promise<void> {
    return this.isIdle ? Promise.resolve() : new Promise((resolve) => this.#idle.push(resolve));
  }

  #pump(): void {
    // Behind a failure nothing new is sent: it could only be turned away.
    while (this.#failed.length === 0 && this.#inFlight < maxInFlight) {
      const batch = this.#queue.shift();
      if (batch === undefined) break;
      this.#inFlight++;
      this.#parts.append(batch.bytes).then(
        (appended) => this.#settle(batch, appended),
        (error: unknown) => this.#settle(batch, { kind: 'failed', failure: failureOf(error) }),
      );
    }
    if (this.isIdle) for (const resolve of this.#idle.splice(0)) resolve();
  }

  #settle(batch: Batch, appended: Appended): void {
    this.#inFlight--;
    if (appended.kind === 'stored') batch.done(appended);
    else this.#failed.push({ batch, error: appended.kind === 'failed' ? errorOf(appended.failure) : echo() });
    if (this.#failed.length === 0) this.#pump();
    else if (this.#inFlight === 0) void this.#retry();
  }

  /** All have settled: the first failure says what to do with it, the others follow it in order. */
  async #retry(): Promise<void> {
    const [{ batch, error }] = this.#failed as [{ batch: Batch; error: TributaryError }];
    const isOver = this.#parts.clock.monotonicMs() >= batch.deadlineMs;
    if (!error.retriable || isOver) {
      this.#failed.shift();
      const behind = this.#failed.map((failure) => failure.batch);
      this.#failed = [];
      batch.failed(error);
      this.#parts.onLost();
      // What stood behind it was numbered after it: its senders are told, and number anew.
      for (const other of [...behind, ...this.#queue.splice(0)]) other.failed(behindLost(error));
      this.#pump();
      return;
    }
    this.#parts.onRetry(error);
    await this.#parts.pause();
    this.#queue = [...this.#failed.map((failure) => failure.batch), ...this.#queue];
    this.#failed = [];
    this.#pump();
  }
}

function echo(): TributaryError {
  return new TributaryError('BROKER_REJECTED', 'Cannot store a batch: one before it failed', { retriable: true });
}

function behindLost(cause: TributaryError): TributaryError {
  return new TributaryError(cause.code, `Cannot store a batch: one before it failed: ${cause.message}`, {
    retriable: cause.retriable,
    cause,
  });
}

function failureOf(error: unknown): { code: TributaryError['code']; message: string; retriable: boolean } {
  if (error instanceof TributaryError) return { code: error.code, message: error.message, retriable: error.retriable };
  return { code: 'INTERNAL', message: String(error), retriable: false };
}
