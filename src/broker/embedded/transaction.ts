/** The state of a producer's transaction: what it may do next, and what ends with it. */
import { TributaryError } from '../../base/errors.ts';
import type { TopicPartition } from '../../record/record.ts';
import type { GroupOffset } from './protocol.ts';

export interface TransactionParts {
  readonly isCurrent: () => boolean;
  /** Writes the end of the transaction, with the offsets that go with it. */
  readonly end: (commit: boolean, offsets: readonly GroupOffset[]) => Promise<void>;
}

type State = 'none' | 'open' | 'must-abort' | 'timed-out';

export class Transaction {
  readonly #id: string;
  readonly #timeoutMs: number;
  readonly #parts: TransactionParts;
  #state: State = 'none';
  #sends: Promise<unknown>[] = [];
  #offsets: GroupOffset[] = [];
  #failure: unknown;
  /** True while its end is on the way, which a send would miss. */
  #isEnding = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(id: string, timeoutMs: number, parts: TransactionParts) {
    this.#id = id;
    this.#timeoutMs = timeoutMs;
    this.#parts = parts;
  }

  get isOpen(): boolean {
    return this.#state === 'open' || this.#state === 'must-abort';
  }

  begin(): void {
    this.#mustBeCurrent();
    if (this.isOpen) throw this.#invalid('begin a transaction: one is open');
    this.#state = 'open';
    this.#sends = [];
    this.#offsets = [];
    this.#failure = undefined;
    this.#timer = setTimeout(() => void this.#timeOut(), this.#timeoutMs);
    this.#timer.unref();
  }

  mustBeOpen(): void {
    this.#mustBeCurrent();
    if (this.#state === 'timed-out') throw this.#timedOut();
    if (!this.isOpen) throw this.#invalid('send: no transaction is open');
    if (this.#isEnding) throw this.#invalid('send: the transaction is being ended');
  }

  /** A send that belongs to the transaction; if it fails the transaction can only be aborted. */
  track(send: Promise<unknown>): void {
    const tracked = send.catch((error: unknown) => {
      this.#failure ??= error;
      if (this.#state === 'open') this.#state = 'must-abort';
    });
    this.#sends.push(tracked);
  }

  addOffsets(groupId: string, offsets: readonly (TopicPartition & { readonly offset: number })[]): void {
    this.mustBeOpen();
    for (const { topic, partition, offset } of offsets) this.#offsets.push({ groupId, topic, partition, offset });
  }

  async commit(): Promise<void> {
    this.#mustBeCurrent();
    if (this.#state === 'timed-out') throw this.#timedOut();
    if (!this.isOpen) throw this.#invalid('commit: no transaction is open');
    await this.#ending(async () => {
      await Promise.all(this.#sends);
      this.#mustBeCurrent();
      if (this.#state !== 'open') {
        throw new TributaryError(
          'TRANSACTION_ABORTED',
          `Cannot commit the transaction of "${this.#id}": a send failed; abort it`,
          { cause: this.#failure },
        );
      }
      await this.#end(true);
    });
  }

  async abort(): Promise<void> {
    this.#mustBeCurrent();
    if (this.#state === 'timed-out') {
      this.#state = 'none';
      return;
    }
    if (!this.isOpen) throw this.#invalid('abort: no transaction is open');
    await this.#ending(async () => {
      await Promise.all(this.#sends);
      await this.#end(false);
    });
  }

  async #ending(end: () => Promise<void>): Promise<void> {
    this.#isEnding = true;
    try {
      await end();
    } finally {
      this.#isEnding = false;
    }
  }

  async #end(commit: boolean): Promise<void> {
    clearTimeout(this.#timer);
    await this.#parts.end(commit, commit ? this.#offsets : []);
    this.#state = 'none';
  }

  async #timeOut(): Promise<void> {
    if (!this.isOpen || !this.#parts.isCurrent()) return;
    this.#state = 'timed-out';
    await Promise.all(this.#sends);
    await this.#parts.end(false, []).catch((error: unknown) => {
      this.#failure = error; // the next call of the producer says that the transaction is over; the store aborts it at its next open
    });
  }

  #mustBeCurrent(): void {
    if (this.#parts.isCurrent()) return;
    throw new TributaryError(
      'PRODUCER_FENCED',
      `A newer producer with the transactional id "${this.#id}" has taken over`,
    );
  }

  #timedOut(): TributaryError {
    return new TributaryError(
      'TRANSACTION_ABORTED',
      `The transaction of "${this.#id}" was open for longer than ${this.#timeoutMs} ms and was aborted`,
      { cause: this.#failure },
    );
  }

  #invalid(what: string): TributaryError {
    return new TributaryError('TRANSACTION_INVALID_STATE', `Cannot ${what} (transactional id "${this.#id}")`);
  }
}
