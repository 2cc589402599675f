/**
 * Receiving and forwarding share a thread, a disk and, at full speed, the processors. A forwarder that is left behind reads
 * everything from the disk again, which makes both slower: so each batch waits a moment for it, where that helps. Where Kafka is
 * what the forwarder waits for, it does not.
 */
import { sleep } from '../../base/abort.ts';

/** What a batch waits at most. A queue of 10,000 messages in that time is still 400,000 a second. */
export const paceMs = 25;

export class Pace {
  readonly #isNearlyUp: () => boolean;
  readonly #waiting = new Set<AbortController>();

  /** `isNearlyUp`: the forwarder is behind, and would come up if it had the time. */
  constructor(isNearlyUp: () => boolean) {
    this.#isNearlyUp = isNearlyUp;
  }

  async wait(signal: AbortSignal): Promise<void> {
    if (!this.#isNearlyUp()) return;
    const over = new AbortController();
    this.#waiting.add(over);
    await sleep(paceMs, AbortSignal.any([signal, over.signal]));
    this.#waiting.delete(over);
  }

  /** The forwarder has read something, or waits for Kafka. */
  moved(): void {
    if (this.#waiting.size > 0 && !this.#isNearlyUp()) for (const over of this.#waiting) over.abort();
  }
}
