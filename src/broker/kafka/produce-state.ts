/**
 * What one partition of an idempotent producer has to send: the batches in flight, those that go again, and the calls that
 * wait. Nothing here sends, encodes or reads a clock. The rules:
 *
 * - A batch that failed goes again with the same bytes, after everything in flight has been answered and in the order of
 *   sequence numbers. The broker knows a batch that it stored already, and says "stored" again.
 * - OUT_OF_ORDER behind another batch that is not stored yet is an echo of that one's failure.
 * - A batch that was refused, and that no earlier attempt can have stored, leaves a gap. What stands behind it cannot have been stored
 *   either, so it is numbered anew under the next epoch; that also fences copies still on their way.
 * - A batch whose outcome nobody knows may have left a gap. What stands behind it goes on with its bytes: stored, there was
 *   none; OUT_OF_ORDER at the head, there was one.
 * - The first batch of an epoch travels alone: a broker that knows nothing of a producer takes any number as its first, also
 *   that of a second batch that overtook the first.
 *
 * One machine with one state, so one file, though a long one.
 */
import { describeError, TributaryError } from '../../base/errors.ts';
import { asList, type Records } from '../../record/value-column.ts';
import { Batch, type Identity, type Part, type SendCall, sequenceAfter } from './produce-batch.ts';

/** What became of an attempt. */
export type Outcome =
  /** baseOffset -1: stored before, at an offset that the broker has forgotten. */
  | { readonly kind: 'stored'; readonly baseOffset: number }
  /** Maybe stored, maybe not: to be sent again, not before `delayMs`. */
  | { readonly kind: 'retry'; readonly reason: string; readonly delayMs: number }
  | { readonly kind: 'out-of-order' }
  /** Certainly not stored, and too large as it is. */
  | { readonly kind: 'too-large'; readonly error: TributaryError }
  /** Certainly not stored. */
  | { readonly kind: 'rejected'; readonly error: TributaryError };

export interface PartitionEvents {
  done(call: SendCall): void;
  failed(call: SendCall, error: TributaryError): void;
  /** Something goes again. */
  retry(reason: string): void;
}

/** What the next batch may hold, and the numbers it gets. */
export interface FitRequest {
  readonly records: Records;
  readonly from: number;
  /** True where nothing of these records was sent yet. */
  readonly isFirst: boolean;
  readonly identity: Identity;
  readonly sequence: number;
}

/**
 * Encodes as many of `records[from..]` as fit into a batch and gives their number, and the wall clock's time for those
 * that have none. RECORD_TOO_LARGE, when `isFirst` also where one of those that do not fit any more would fit nowhere:
 * then nothing of the call is sent.
 */
export type Fit = (request: FitRequest) => { readonly count: number; readonly timeMs: number };

export interface PartitionOptions {
  readonly name: string;
  /** False in a transaction: there a gap ends the transaction, and the coordinator raises the epoch. */
  readonly mayRaiseEpoch: boolean;
  /** False where the next epoch has to be asked for, as after the last one: see `needsIdentity`. Default true. */
  readonly raisesAlone?: boolean;
  readonly events: PartitionEvents;
}

export const maxInFlight = 5;
const maxEpoch = 32_767;
/** Small calls that wait are put into one batch; a larger one fills its own. */
const mergeBelowRecords = 512;
const mergeUpToRecords = 4096;
/** After that long a broker may have forgotten the producer (producer.id.expiration.ms). */
const forgottenAfterMs = 600_000;

export class PartitionState {
  readonly #options: PartitionOptions;
  #identity: Identity | undefined;
  #nextSequence = 0;
  #nextNumber = 0;
  /** In the order of their sequence numbers. */
  readonly #pending: Batch[] = [];
  #waiting: SendCall[] = [];
  /** Calls that failed may still be waiting. */
  #someFailed = false;
  /** True once the broker has stored a batch of this epoch. */
  #isKnown = false;
  #lastStoredMs = Number.NEGATIVE_INFINITY;
  /** A batch before the first pending one may be missing. */
  #mayHaveGap = false;
  /** The head is certainly not stored under its numbers. */
  #raiseWhenSettled = false;
  /** All that failed may go again now, one after the other. */
  #resending = false;
  #retryAtMs = Number.NEGATIVE_INFINITY;
  #lastReason = 'no answer';

  constructor(options: PartitionOptions, identity: Identity) {
    this.#options = options;
    this.#identity = identity;
  }

  get isEmpty(): boolean {
    return this.#pending.length === 0 && this.#waiting.length === 0;
  }

  /** True while an attempt is out. */
  get hasSent(): boolean {
    return this.#pending.some(isSent);
  }

  /** True where the next epoch is not ours to take: `restart` with what was given. */
  get needsIdentity(): boolean {
    return this.#identity === undefined;
  }

  /** True where a batch may be missing and the epoch may not be raised here. */
  get hasGap(): boolean {
    return this.#mayHaveGap;
  }

  /** When `next` may have something that it has not now; undefined: only after an answer or a new call. */
  get wakeAtMs(): number | undefined {
    return !this.hasSent && !this.#resending && this.#pending.length > 0 ? this.#retryAtMs : undefined;
  }

  get nextDeadlineMs(): number {
    let deadline = Number.POSITIVE_INFINITY;
    for (const batch of this.#pending)
      for (const { call } of batch.parts) if (!call.isDone) deadline = Math.min(deadline, call.deadlineMs);
    for (const call of this.#waiting) if (!call.isDone) return Math.min(deadline, call.deadlineMs);
    return deadline;
  }

  add(call: SendCall): void {
    this.#waiting.push(call);
  }

  /** The batch to send now, if any; it counts as sent. */
  next(nowMs: number, fit: Fit): Batch | undefined {
    const batch = this.#pending.length > 0 && this.#hasFailed() ? this.#nextAgain(nowMs) : this.#nextNew(nowMs, fit);
    if (batch !== undefined) batch.status = 'sent';
    return batch;
  }

  answer(batch: Batch, outcome: Outcome, nowMs: number): void {
    const index = this.#pending.indexOf(batch);
    if (index < 0) return; // given up meanwhile
    switch (outcome.kind) {
      case 'stored':
        this.#stored(batch, index, outcome.baseOffset, nowMs);
        break;
      case 'retry':
        batch.isUncertain = true;
        this.#again(batch, outcome.reason, nowMs + outcome.delayMs);
        break;
      case 'out-of-order':
        this.#outOfOrder(batch, index, nowMs);
        break;
      case 'too-large':
        this.#tooLarge(batch, index, outcome.error);
        break;
      case 'rejected':
        this.#rejected(batch, index, outcome.error);
        break;
    }
    this.#settle();
  }

  /** Fails what has waited too long. Its outcome is unknown where it was sent. */
  expire(nowMs: number): void {
    for (const batch of this.#pending) {
      for (const { call } of batch.parts) if (call.deadlineMs <= nowMs) this.#fail(call, this.#timeout(call));
    }
    for (const call of this.#waiting) {
      if (call.isDone) continue;
      if (call.deadlineMs > nowMs) break;
      this.#fail(call, this.#timeout(call));
    }
    this.#dropDoneCalls();
    this.#settle();
  }

  /** Fails everything that is not stored. What is out is waited for, and what stands behind it gets a new epoch. */
  abandon(error: TributaryError): void {
    for (const batch of this.#pending) for (const { call } of batch.parts) this.#fail(call, error);
    for (const call of this.#waiting) this.#fail(call, error);
    this.#dropDoneCalls();
    this.#settle();
  }

  /** Goes on under another identity: only while nothing is pending, or where `needsIdentity` says so. */
  restart(identity: Identity): void {
    this.#identity = identity;
    this.#nextSequence = 0;
    this.#isKnown = false;
    this.#mayHaveGap = false;
    for (const batch of this.#pending) this.#number(batch, identity);
  }

  #nextAgain(nowMs: number): Batch | undefined {
    if (this.#identity === undefined || nowMs < this.#retryAtMs) return undefined;
    if (!this.#resending) {
      if (this.hasSent) return undefined;
      this.#resending = true;
    }
    for (let index = 0; index < Math.min(this.#window(nowMs), this.#pending.length); index++) {
      const batch = this.#pending[index]!;
      if (batch.status === 'dead' || batch.isGhost) return undefined;
      if (batch.status === 'again') return batch;
    }
    return undefined;
  }

  #nextNew(nowMs: number, fit: Fit): Batch | undefined {
    this.#resending = false;
    if (this.#waiting.length === 0) return undefined;
    if (this.#mayHaveGap && this.#pending.length > 0) return undefined;
    if (this.#mayHaveGap) this.#raise();
    const window = this.#window(nowMs);
    if (this.#identity === undefined || this.#pending.length >= window) return undefined;
    // A broker knows the last five batches again. With more stored behind one without an answer, it would take that one for a gap.
    if (this.#pending.length > 0 && this.#nextNumber - this.#pending[0]!.number >= window) return undefined;
    const batch = this.#fill(this.#identity, fit);
    if (batch === undefined) return undefined;
    batch.number = this.#nextNumber++;
    this.#pending.push(batch);
    return batch;
  }

  #window(nowMs: number): number {
    const isForgotten = this.#pending.length === 0 && nowMs - this.#lastStoredMs > forgottenAfterMs;
    if (isForgotten) this.#isKnown = false;
    return this.#isKnown ? maxInFlight : 1;
  }

  /** Takes records of the first call, and of small ones behind it. A call with a record that fits nowhere fails. */
  #fill(identity: Identity, fit: Fit): Batch | undefined {
    for (let call = this.#waiting[0]; call !== undefined; call = this.#waiting[0]) {
      const merged = this.#mergeable();
      try {
        return this.#take(merged, identity, fit);
      } catch (error) {
        try {
          if (merged.length > 1) return this.#take([call], identity, fit);
        } catch {
          // the first call itself: it fails with what was said first or now, which is the same kind of thing
        }
        this.#fail(call, asTributaryError(error));
        this.#dropDoneCalls();
      }
    }
    return undefined;
  }

  #mergeable(): SendCall[] {
    const calls: SendCall[] = [];
    let count = 0;
    for (const call of this.#waiting) {
      const records = call.records.length - call.next;
      if (calls.length > 0 && (records > mergeBelowRecords || count + records > mergeUpToRecords)) break;
      calls.push(call);
      count += records;
      if (records > mergeBelowRecords) break;
    }
    return calls;
  }

  #take(calls: readonly SendCall[], identity: Identity, fit: Fit): Batch {
    const [first] = calls as [SendCall, ...SendCall[]];
    const isAlone = calls.length === 1;
    const records = isAlone ? first.records : calls.flatMap((call) => asList(call.records.slice(call.next)));
    const from = isAlone ? first.next : 0;
    const sequence = this.#nextSequence;
    const { count, timeMs } = fit({ records, from, isFirst: from === 0, identity, sequence });
    const parts: Part[] = [];
    for (let left = count, index = 0; left > 0; index++) {
      const call = calls[index]!;
      const part = { call, count: Math.min(left, call.records.length - call.next) };
      call.next += part.count;
      left -= part.count;
      parts.push(part);
    }
    const last = parts.at(-1)!.call;
    this.#waiting.splice(0, last.next === last.records.length ? parts.length : parts.length - 1);
    this.#nextSequence = sequenceAfter(sequence, count);
    return new Batch(records, from, timeMs, parts, identity, sequence);
  }

  #stored(batch: Batch, index: number, baseOffset: number, nowMs: number): void {
    this.#pending.splice(index, 1);
    this.#isKnown = true;
    this.#lastStoredMs = nowMs;
    // What is stored behind a possible gap shows that there is none.
    this.#mayHaveGap = false;
    let offset = baseOffset;
    for (const { call, count } of batch.parts) {
      // The answers of two batches of a call may come in either order.
      call.baseOffset = call.stored === 0 ? offset : Math.min(call.baseOffset, offset);
      call.stored += count;
      if (baseOffset >= 0) offset += count;
      call.lastOffset = Math.max(call.lastOffset, baseOffset >= 0 ? offset - 1 : -1);
      if (call.stored < call.records.length || call.isDone) continue;
      call.isDone = true;
      this.#options.events.done(call);
    }
  }

  #again(batch: Batch, reason: string, atMs: number): void {
    batch.status = 'again';
    this.#resending = false;
    this.#retryAtMs = Math.max(this.#retryAtMs, atMs);
    this.#lastReason = reason;
    this.#options.events.retry(reason);
  }

  #outOfOrder(batch: Batch, index: number, nowMs: number): void {
    if (index > 0) {
      // An echo: the failure of the one before it is reported, this is not.
      batch.status = 'again';
      this.#resending = false;
      return;
    }
    const mayRaise = this.#options.mayRaiseEpoch && (this.#mayHaveGap || !batch.wasRaised);
    if (!mayRaise) {
      this.#rejected(batch, index, outOfOrderError(this.#options.name));
      return;
    }
    this.#again(batch, 'the broker misses a batch before this one', nowMs);
    batch.wasRaised = true;
    this.#raiseWhenSettled = true;
  }

  #tooLarge(batch: Batch, index: number, error: TributaryError): void {
    if (batch.count === 1) this.#rejected(batch, index, error);
    else this.#split(batch, index, Math.ceil(batch.count / 2));
  }

  #rejected(batch: Batch, index: number, error: TributaryError): void {
    // One call's bad record must not fail the others that share the batch; but where it may be stored as it is, its halves
    // would be unknown to the broker, and be stored once more.
    if (batch.parts.length > 1 && !batch.isUncertain) {
      this.#split(batch, index, batch.parts[0]!.count);
      return;
    }
    batch.status = 'dead';
    for (const { call } of batch.parts) this.#fail(call, error);
  }

  /** Two batches in its place, with the same sequence numbers between them. */
  #split(batch: Batch, index: number, at: number): void {
    this.#pending.splice(index, 1, ...batch.split(at));
    this.#resending = false;
    this.#options.events.retry('the batch is cut in two');
  }

  #fail(call: SendCall, error: TributaryError): void {
    if (call.isDone) return;
    call.isDone = true;
    this.#someFailed = true;
    this.#options.events.failed(call, error);
  }

  #dropDoneCalls(): void {
    if (!this.#someFailed) return;
    this.#someFailed = false;
    this.#waiting = this.#waiting.filter((call) => !call.isDone);
  }

  /** Once nothing is out any more: takes away what nobody waits for, and numbers anew where there is a gap. */
  #settle(): void {
    this.#dropDoneCalls();
    if (this.hasSent) return;
    let isCertain = this.#raiseWhenSettled;
    while (this.#pending.length > 0) {
      const [head] = this.#pending as [Batch];
      if (head.status === 'dead' && !head.isUncertain) isCertain = true;
      else if (head.status === 'dead' || head.isGhost) this.#mayHaveGap = true;
      else break;
      this.#pending.shift();
    }
    if (!isCertain) return;
    this.#raiseWhenSettled = false;
    const rest = this.#pending.filter((batch) => batch.status !== 'dead' && !batch.isGhost);
    this.#pending.splice(0, this.#pending.length, ...rest);
    this.#raise();
  }

  /** The next epoch, from sequence 0, for all that is pending. */
  #raise(): void {
    const { mayRaiseEpoch, raisesAlone = true } = this.#options;
    const before = this.#identity;
    this.#mayHaveGap = !mayRaiseEpoch;
    if (!mayRaiseEpoch || before === undefined) return;
    if (before.epoch >= maxEpoch || !raisesAlone) this.#identity = undefined;
    else this.restart({ producerId: before.producerId, epoch: before.epoch + 1 });
  }

  #number(batch: Batch, identity: Identity): void {
    batch.identity = identity;
    batch.sequence = this.#nextSequence;
    this.#nextSequence = sequenceAfter(this.#nextSequence, batch.count);
  }

  #hasFailed(): boolean {
    return this.#pending.some((batch) => batch.status !== 'sent');
  }

  #timeout(call: SendCall): TributaryError {
    const outcome = call.next === 0 ? 'it was not sent' : 'whether it is stored is unknown';
    return new TributaryError(
      'TIMEOUT',
      `Cannot send to ${this.#options.name}: not acknowledged in time (${this.#lastReason}); ${outcome}`,
      { retriable: true },
    );
  }
}

/** A record that is none fails its own call, and not the process. */
function asTributaryError(error: unknown): TributaryError {
  if (error instanceof TributaryError) return error;
  return new TributaryError('INTERNAL', `Cannot encode a record: ${describeError(error)}`, { cause: error });
}

function isSent(batch: Batch): boolean {
  return batch.status === 'sent';
}

function outOfOrderError(name: string): TributaryError {
  return new TributaryError(
    'BROKER_REJECTED',
    `Cannot send to ${name}: the broker misses a batch that it acknowledged (OUT_OF_ORDER_SEQUENCE_NUMBER)`,
  );
}
