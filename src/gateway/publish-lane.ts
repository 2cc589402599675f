/** Records on their way to one partition: what arrives while nothing can be sent becomes the next batch. */
import type { SendResult } from '../broker/broker.ts';
import type { PendingPublish } from './pending-publish.ts';

const maxInFlight = 3;
/** Well below the broker's own bound of a batch, so that one call is one batch and its offsets follow each other. */
const maxBytes = 500_000;

export interface LaneOwner {
  send(records: readonly PendingPublish[]): Promise<SendResult>;
  stored(batch: readonly PendingPublish[], baseOffset: number): void;
  failed(batch: readonly PendingPublish[], error: unknown): void;
  /** Nothing waits, and nothing is on its way. */
  idle(): void;
}

export class PublishLane {
  readonly #owner: LaneOwner;
  readonly #maxBytes: number;
  #waiting: PendingPublish[] = [];
  #inFlight = 0;
  #scheduled = false;

  /** `limit`: bytes that the topic takes in one batch. */
  constructor(owner: LaneOwner, limit: number) {
    this.#owner = owner;
    this.#maxBytes = Math.min(maxBytes, limit * 0.9);
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

  /** When the oldest of those that wait began; Infinity where none waits. */
  get oldestMs(): number {
    return this.#waiting[0]?.startedMs ?? Number.POSITIVE_INFINITY;
  }

  /** Those that have not been sent and began by then are taken out. */
  takeOverdue(startedMs: number): readonly PendingPublish[] {
    return takeOverdue(this.#waiting, startedMs);
  }

  /** Those that have not been sent. */
  takeAll(): readonly PendingPublish[] {
    return this.#waiting.splice(0);
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
      result = await this.#owner.send(batch);
    } catch (error) {
      failure = error;
    }
    this.#inFlight--;
    if (result === undefined) this.#owner.failed(batch, failure);
    else this.#owner.stored(batch, result.baseOffset);
    this.#flush();
    if (this.#waiting.length === 0 && this.#inFlight === 0) this.#owner.idle();
  }
}

/** Takes those off the front of a queue that began by then. Oldest first, so the others are younger. */
export function takeOverdue(queue: PendingPublish[], startedMs: number): readonly PendingPublish[] {
  let overdue = 0;
  while (overdue < queue.length && queue[overdue]!.startedMs <= startedMs) overdue++;
  return queue.splice(0, overdue);
}
