/** Whether the broker answers: a cheap question each second. */
import { withTimeout } from '../base/abort.ts';
import type { Clock } from '../base/clock.ts';
import type { Broker } from '../broker/broker.ts';

const everyMs = 1000;
/** An answer older than this says nothing any more. */
const freshMs = 2000;

export class BrokerProbe implements AsyncDisposable {
  readonly #broker: Broker;
  readonly #clock: Clock;
  #answeredAtMs = Number.NEGATIVE_INFINITY;
  #timer: NodeJS.Timeout | undefined;
  #isAsking = false;

  constructor(broker: Broker, clock: Clock) {
    this.#broker = broker;
    this.#clock = clock;
  }

  get isUp(): boolean {
    return this.#clock.monotonicMs() - this.#answeredAtMs <= freshMs + everyMs;
  }

  /** Resolves after the first answer, or the first failure to get one. */
  async start(): Promise<void> {
    this.#timer = setInterval(() => void this.#ask(), everyMs).unref();
    await this.#ask();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer);
  }

  async #ask(): Promise<void> {
    if (this.#isAsking) return;
    this.#isAsking = true;
    try {
      await withTimeout(this.#broker.listTopics(), freshMs, 'asking the broker whether it is there');
      this.#answeredAtMs = this.#clock.monotonicMs();
    } catch {
      // Not answering is the answer: isUp turns false by itself.
    } finally {
      this.#isAsking = false;
    }
  }
}
