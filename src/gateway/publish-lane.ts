/** Records on their way to one partition: what arrives while nothing can be sent becomes the next batch. */
import type { SendResult } from '../broker/broker.ts';
import type { ProduceRecord } from '../record/record.ts';

interface Waiting {
  readonly record: ProduceRecord;
  readonly bytes: number;
  readonly resolve: (offset: number) => void;
  readonly reject: (error: unknown) => void;
}

const maxInFlight = 3;
/** Well below the broker's own bound of a batch, so that one call is one batch and its offsets follow each other. */
const maxBytes = 500_000;

export class PublishLane {
  readonly #send: (records: readonly ProduceRecord[]) => Promise<SendResult>;
  readonly #maxBytes: number;
  readonly #onIdle: () => void;
  #waiting: Waiting[] = [];
  #inFlight = 0;
  #scheduled = false;
  #idle: (() => void)[] = [];

  /** `limit`: bytes that the topic takes in one batch. */
  constructor(send: (records: readonly ProduceRecord[]) => Promise<SendResult>, limit: number, onIdle: () => void) {
    this.#send = send;
    this.#maxBytes = Math.min(maxBytes, limit * 0.9);
    this.#onIdle = onIdle;
  }

  /** Resolves with the record's offset. */
  send(record: ProduceRecord, bytes: number): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ record, bytes, resolve, reject });
      if (this.#scheduled) return;
      this.#scheduled = true;
      setImmediate(() => {
        this.#scheduled = false;
        this.#flush();
      });
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

  async #sendBatch(batch: readonly Waiting[]): Promise<void> {
    this.#inFlight++;
    try {
      const { baseOffset } = await this.#send(batch.map(({ record }) => record));
      for (const [at, { resolve }] of batch.entries()) resolve(baseOffset + at);
    } catch (error) {
      for (const { reject } of batch) reject(error);
    }
    this.#inFlight--;
    this.#flush();
    if (this.#waiting.length > 0 || this.#inFlight > 0) return;
    for (const done of this.#idle.splice(0)) done();
    this.#onIdle();
  }
}
