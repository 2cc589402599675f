import { after, type Clock } from '../../base/clock.ts';

/** Least time between two requests (`rate.limit.requests.per.second`). Turns are given out in the order they are asked for. */
export class RequestSpacing {
  readonly #intervalMs: number;
  readonly #clock: Clock;
  #nextAtMs = Number.NEGATIVE_INFINITY;

  constructor(requestsPerSecond: number | null, clock: Clock) {
    this.#intervalMs = requestsPerSecond === null ? 0 : 1000 / requestsPerSecond;
    this.#clock = clock;
  }

  /** Milliseconds until the next turn, 0 where it is now. */
  get waitMs(): number {
    return Math.max(this.#nextAtMs - this.#clock.monotonicMs(), 0);
  }

  /** Resolves when it is the caller's turn, or at once when the signal aborts. */
  async turn(signal: AbortSignal): Promise<void> {
    if (this.#intervalMs === 0 || signal.aborted) return;
    const { waitMs } = this;
    this.#nextAtMs = this.#clock.monotonicMs() + waitMs + this.#intervalMs;
    if (waitMs === 0) return;
    await new Promise<void>((resolve) => {
      const done = (): void => {
        callOff();
        signal.removeEventListener('abort', done);
        resolve();
      };
      const callOff = after(this.#clock, waitMs, done);
      signal.addEventListener('abort', done, { once: true });
    });
  }
}
