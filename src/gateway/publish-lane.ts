/** Records on their way to one partition: what arrives while nothing can be sent becomes the next batch. */
import type { SendResult } from '../broker/broker.ts';
import type { ProduceRecord } from '../record/record.ts';

/** A record on its way, and who is told what became of it: no promise, and no closure, for a record. */
export interface PendingRecord {
  readonly record: ProduceRecord;
  readonly bytes: number;
  stored(offset: number): void;
  failed(error: unknown): void;
}

const maxInFlight = 3;
/** Well below the broker's own bound of a batch, so that one call is one batch and its offsets follow each other. */
const maxBytes = 500_000;

export class PublishLane {
  readonly #send: (records: readonly ProduceRecord[]) => Promise<SendResult>;
  readonly #maxBytes: number;
  readonly #onIdle: () => void;
  #waiting: PendingRecord[] = [];
  #inFlight = 0;
  #scheduled = false;
  #idle: (() => void)[] = [];

  /** `limit`: bytes that the topic takes in one batch. */
  constructor(send: (records: readonly ProduceRecord[]) => Promise<SendResult>, limit: number, onIdle: () => void) {
    this.#send = send;
    this.#maxBytes = Math.min(maxBytes, limit * 0.9);
    this.#onIdle = onIdle;
  }

  send(pending: PendingRecord): void {
    this.#waiting.push(pending);
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.#flush();
    });
  }

  idle(): Promise<void> {
    if (this.#waiting.length === 0 && this.#inFlight === 0) return Promise.resolve();
    return new Promise((resolve) => this.#idle.push(resolve));
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

  async #sendBatch(batch: readonly PendingRecord[]): Promise<void> {
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
    for (const done of this.#idle.splice(0)) done();
    this.#onIdle();
  }
}
