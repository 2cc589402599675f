/**
 * What one producer sends to one partition, on its way to the store in order. Five batches are under way at most; sends that
 * wait meanwhile share a batch. When one cannot be stored for now (the disk is full), those behind it are turned away as out
 * of order: all settle, then the same bytes are sent again from the first one on, until its time is over.
 */
import { backoffMs } from '../../base/backoff.ts';
import type { Clock } from '../../base/clock.ts';
import { TributaryError } from '../../base/errors.ts';
import type { KnownValues } from '../../record/column-reader.ts';
import { asList, type Records } from '../../record/value-column.ts';
import type { SendResult } from '../broker.ts';
import { type AppendAnswer, errorOf } from './store-client.ts';

export interface LaneParts {
  readonly clock: Clock;
  /** Encodes what fits of the records, about so many bytes, under these numbers. */
  readonly encode: (records: Records, numbers: Numbers, bytes: number) => EncodedForStore;
  /** Gives encoded bytes other numbers. */
  readonly renumber: (buffer: ArrayBuffer, length: number, numbers: Numbers) => void;
  readonly append: (buffer: ArrayBuffer, length: number) => Promise<AppendAnswer>;
  /** A batch is stored, from `base` on; its buffer is no longer needed here. */
  readonly stored: (batch: EncodedForStore, base: number) => void;
  readonly hasRoom: () => boolean;
  readonly onRoom: (callback: () => void) => void;
  /** Waits before a retry. False: the producer is closing, there is none. */
  readonly pause: (ms: number) => Promise<boolean>;
  readonly onRetry: (error: TributaryError) => void;
}

export interface Numbers {
  readonly epoch: number;
  readonly sequence: number;
}

export interface EncodedForStore {
  readonly buffer: ArrayBuffer;
  readonly length: number;
  readonly count: number;
  /** Where its records are values alone. */
  readonly values?: KnownValues | undefined;
}

/** A call of send. */
interface Send {
  readonly records: Records;
  readonly bytes: number;
  readonly deadlineMs: number;
  readonly done: (result: SendResult) => void;
  readonly failed: (error: TributaryError) => void;
  /** Records that are in a batch already. */
  encoded: number;
  stored: number;
  baseOffset: number;
  isOver: boolean;
}

interface Part {
  readonly send: Send;
  readonly count: number;
}

interface Batch {
  buffer: ArrayBuffer;
  readonly length: number;
  readonly count: number;
  readonly values: KnownValues | undefined;
  /** The how many-th batch of the lane it is. */
  readonly number: number;
  readonly deadlineMs: number;
  /** The sends whose records it holds, in order. */
  readonly parts: readonly Part[];
}

/** From the oldest batch without an answer on: the store knows the last five again, whichever of them are answered. */
const maxInFlight = 5;
const sequences = 2 ** 31;
const maxTimerMs = 2 ** 31 - 1;
/** How soon an expired send is looked at again while batches are being sent once more. */
const recheckMs = 100;
/** Sends are put together up to here; one that is larger goes alone. */
const maxMergedBytes = 512 * 1024;
const retryPolicy = { baseMs: 20, maxMs: 500, jitter: 0 };

export class Lane {
  readonly #parts: LaneParts;
  #epoch: number;
  #sequence = 0;
  #batches = 0;
  #waiting: Send[] = [];
  /** Sent and not answered, in order. */
  readonly #inFlight = new Set<Batch>();
  /** Looks for sends whose time is over while the store does not answer. */
  #deadline: NodeJS.Timeout | undefined;
  /** Batches that were turned away, in order, with the reason of the first. */
  #failed: { readonly batch: Batch; readonly error: TributaryError }[] = [];
  #attempts = 0;
  #isScheduled = false;
  #isRetrying = false;
  #onIdle: (() => void)[] = [];

  constructor(epoch: number, parts: LaneParts) {
    this.#epoch = epoch;
    this.#parts = parts;
  }

  get isIdle(): boolean {
    return this.#inFlight.size === 0 && this.#waiting.length === 0 && this.#failed.length === 0 && !this.#isRetrying;
  }

  send(records: Records, bytes: number, deadlineMs: number): Promise<SendResult> {
    return new Promise((done, failed) => {
      const progress = { encoded: 0, stored: 0, baseOffset: -1, isOver: false };
      this.#waiting.push({ records, bytes, deadlineMs, done, failed, ...progress });
      if (this.#deadline === undefined) this.#armDeadline(deadlineMs);
      if (this.#isScheduled) return;
      this.#isScheduled = true;
      // Sends of one turn of the event loop share a batch.
      queueMicrotask(() => {
        this.#isScheduled = false;
        this.#pump();
      });
    });
  }

  /** Resolves when nothing is under way or waiting. */
  settled(): Promise<void> {
    return this.isIdle ? Promise.resolve() : new Promise((resolve) => this.#onIdle.push(resolve));
  }

  #armDeadline(deadlineMs: number): void {
    if (deadlineMs === Number.POSITIVE_INFINITY) return;
    const ms = Math.min(Math.max(deadlineMs - this.#parts.clock.monotonicMs(), 0) + 1, maxTimerMs);
    this.#deadline = setTimeout(() => this.#expire(), ms);
    this.#deadline.unref();
  }

  /** What is with the store stays there: whether it will be stored nobody can say. What has not gone yet does not go. */
  #expire(): void {
    this.#deadline = undefined;
    const nowMs = this.#parts.clock.monotonicMs();
    // What was turned away is sent again, and knows its own time and a better reason.
    const isAnswered = this.#failed.length > 0 || this.#isRetrying;
    const sends = [...this.#inFlight].flatMap(({ parts }) => parts.map(({ send }) => send)).concat(this.#waiting);
    let next = Number.POSITIVE_INFINITY;
    for (const send of sends) {
      if (send.isOver) continue;
      if (isAnswered || send.deadlineMs > nowMs) next = Math.min(next, Math.max(send.deadlineMs, nowMs + recheckMs));
      else end(send, tookTooLong());
    }
    this.#waiting = this.#waiting.filter(({ isOver }) => !isOver);
    this.#armDeadline(next);
  }

  #pump(): void {
    // Behind a failure nothing new is sent: it could only be turned away.
    while (this.#failed.length === 0 && !this.#isRetrying && this.#isInWindow() && this.#waiting.length > 0) {
      if (!this.#parts.hasRoom()) {
        this.#parts.onRoom(() => this.#pump());
        break;
      }
      const batch = this.#nextBatch();
      if (batch !== undefined) this.#post(batch);
    }
    if (this.isIdle) for (const resolve of this.#onIdle.splice(0)) resolve();
  }

  #isInWindow(): boolean {
    const [oldest] = this.#inFlight;
    return oldest === undefined || this.#batches - oldest.number < maxInFlight;
  }

  #nextBatch(): Batch | undefined {
    const { sends, records, bytes } = this.#merged();
    let encoded: EncodedForStore;
    try {
      encoded = this.#parts.encode(records, { epoch: this.#epoch, sequence: this.#sequence }, bytes);
    } catch (error) {
      this.#waiting.splice(this.#waiting.indexOf(sends[0]!), 1);
      end(sends[0]!, internal(error));
      return undefined;
    }
    const { buffer, length, count, values } = encoded;
    this.#sequence = (this.#sequence + count) % sequences;
    const parts: Part[] = [];
    let deadlineMs = Number.POSITIVE_INFINITY;
    let left = count;
    for (const send of sends) {
      const taken = Math.min(left, send.records.length - send.encoded);
      if (taken === 0) break;
      send.encoded += taken;
      left -= taken;
      parts.push({ send, count: taken });
      deadlineMs = Math.min(deadlineMs, send.deadlineMs);
    }
    const done = parts.filter(({ send }) => send.encoded === send.records.length).length;
    this.#waiting.splice(0, done);
    return { buffer, length, count, values, number: this.#batches++, deadlineMs, parts };
  }

  /** The first sends that wait, as many as make a good batch, and their records that are still to be encoded. */
  #merged(): { readonly sends: readonly Send[]; readonly records: Records; readonly bytes: number } {
    const sends: Send[] = [];
    let bytes = 0;
    for (const send of this.#waiting) {
      if (sends.length > 0 && bytes + send.bytes > maxMergedBytes) break;
      sends.push(send);
      bytes += send.bytes;
    }
    const rest = ({ records, encoded }: Send): Records => (encoded === 0 ? records : records.slice(encoded));
    const records = sends.length === 1 ? rest(sends[0]!) : sends.flatMap((send) => asList(rest(send)));
    return { sends, records, bytes };
  }

  #post(batch: Batch): void {
    this.#inFlight.add(batch);
    const { buffer, length } = batch;
    this.#parts.append(buffer, length).then(
      (answer) => this.#settle(batch, answer),
      (error: unknown) => {
        // The thread is gone, and the buffer with it.
        this.#inFlight.delete(batch);
        this.#lose(batch, internal(error));
        this.#pump();
      },
    );
  }

  #settle(batch: Batch, { appended, buffer }: AppendAnswer): void {
    this.#inFlight.delete(batch);
    batch.buffer = buffer;
    if (appended.kind === 'stored') {
      this.#attempts = 0;
      this.#stored(batch, appended.base);
    } else {
      const error = appended.kind === 'failed' ? errorOf(appended.failure) : echo();
      this.#failed.push({ batch, error });
    }
    if (this.#failed.length === 0) this.#pump();
    else if (this.#inFlight.size === 0) void this.#retry();
  }

  #stored(batch: Batch, base: number): void {
    this.#parts.stored(batch, base);
    for (const { send, count } of batch.parts) {
      if (send.stored === 0) send.baseOffset = base;
      send.stored += count;
      base += count;
      if (send.isOver || send.stored < send.records.length) continue;
      send.isOver = true;
      send.done({ baseOffset: send.baseOffset, lastOffset: base - 1 });
    }
  }

  /** All have settled: the first says what is wrong; it is sent again, the others behind it in order. */
  async #retry(): Promise<void> {
    this.#isRetrying = true;
    const { error, batch: first } = this.#failed[0]!;
    const batches = this.#failed.map(({ batch }) => batch);
    this.#failed = [];
    const isLate = this.#parts.clock.monotonicMs() >= first.deadlineMs;
    let isLost = !error.retriable || isLate;
    if (!isLost) {
      this.#parts.onRetry(error);
      isLost = !(await this.#parts.pause(backoffMs(++this.#attempts, retryPolicy, () => 0)));
    }
    if (isLost) {
      batches.shift();
      this.#lose(first, error);
      // The numbers of what follows do not fit any more. Under a new epoch they begin at 0.
      this.#epoch++;
      this.#sequence = 0;
      for (const batch of batches) {
        this.#parts.renumber(batch.buffer, batch.length, { epoch: this.#epoch, sequence: this.#sequence });
        this.#sequence = (this.#sequence + batch.count) % sequences;
      }
    }
    this.#isRetrying = false;
    for (const batch of batches) this.#post(batch);
    this.#pump();
  }

  /** What is left of the sends in a batch that is given up is not sent. */
  #lose({ parts }: Batch, error: TributaryError): void {
    for (const { send } of parts) {
      end(send, error);
      const at = this.#waiting.indexOf(send);
      if (at !== -1) this.#waiting.splice(at, 1);
    }
  }
}

function end(send: Send, error: TributaryError): void {
  if (send.isOver) return;
  send.isOver = true;
  send.failed(error);
}

function tookTooLong(): TributaryError {
  return new TributaryError('TIMEOUT', 'The store did not answer in time: the records may be stored or not', {
    retriable: true,
  });
}

function echo(): TributaryError {
  return new TributaryError('BROKER_UNAVAILABLE', 'Cannot store a batch: one before it was not stored', {
    retriable: true,
  });
}

function internal(error: unknown): TributaryError {
  return error instanceof TributaryError
    ? error
    : new TributaryError('INTERNAL', 'A batch could not be sent', { cause: error });
}
