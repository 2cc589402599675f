/** Records on their way to one partition: what arrives while nothing can be sent becomes the next batch. */
import type { SendResult } from '../broker/broker.ts';
import type { ProduceRecord } from '../record/record.ts';
import { failOverdue, type PendingPublish } from './pending-publish.ts';

const maxInFlight = 3;
/** Well below the broker's own bound of a batch, so that one call is one batch and its offsets follow each other. */
const maxBytes = 500_000;

export class PublishLane {
  readonly #send: (records: readonly ProduceRecord[]) => Promise<SendResult>;
  readonly #maxBytes: number;
  readonly #onIdle: () => void;
  #waiting: PendingPublish[] = [];
  #inFlight = 0;
  #scheduled = false;

  /** `limit`: bytes that the topic takes in one batch. */
  constructor(send: (records: readonly ProduceRecord[]) => Promise<SendResult>, limit: number, onIdle: () => void) {
    this.#send = send;
    this.#maxBytes = Math.min(maxBytes, limit * 0.9);
    this.#onIdle = onIdle;
  }

  send(pending: PendingPublish): void {
    this.#waiting.push(pending);
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.#flush();
    });
  }

  /** When the oldest of those that wait is over its time; Infinity where none waits. */
  get deadlineMs(): number {
    return this.#waiting[0]?.deadlineMs ?? Number.POSITIVE_INFINITY;
  }

  failOverdue(nowMs: number): void {
    failOverdue(this.#waiting, nowMs);
  }

  /** Those that have not been sent. */
  giveUp(reason: unknown): void {
    for (const pending of this.#waiting.splice(0)) pending.failed(reason);
  }

  #flush(): void {
    while (this.#inFlight < maxInFlight && this.#waiting.length > 0) {
      let bytes = 0;
      let count = 0;
      // A record that is too large for its topic travels alone, so that it fails alone.
      while (count < this.#waiting.length && (count === 0 || bytes + this.#waiting[count]!.bytes <= this.#maxBytes)) {
        bytes += this.#waiting[count]!.bytes;
        count++;
      }
      void this.#sendBatch(this.#waiting.splice(0, count));
    }
  }

  async #sendBatch(batch: readonly PendingPublish[]): Promise<void> {
    this.#inFlight++;
    let result: SendResult | undefined;
    let failure: unknown;
    try {
      result = await this.#send(batch.map(({ record }) => record));
    } catch (error) {
      failure = error;
    }
    this.#inFlight--;
    let offset = result?.baseOffset ?? 0;
    for (const pending of batch) {
      if (result === undefined) pending.failed(failure);
      else pending.stored(offset++);
    }
    this.#flush();
    if (this.#waiting.length > 0 || this.#inFlight > 0) return;
    this.#onIdle();
  }
}
