import { sleep } from '../../base/abort.ts';

/** Least time between two requests (`rate.limit.requests.per.second`). Turns are given out in the order they are asked for. */
export class RequestSpacing {
  readonly #intervalMs: number;
  readonly #monotonicMs: () => number;
  #nextAtMs = Number.NEGATIVE_INFINITY;

  constructor(requestsPerSecond: number | null, monotonicMs: () => number) {
    this.#intervalMs = requestsPerSecond === null ? 0 : 1000 / requestsPerSecond;
    this.#monotonicMs = monotonicMs;
  }

  /** Milliseconds until the next turn, 0 where it is now. */
  get waitMs(): number {
    return Math.max(this.#nextAtMs - this.#monotonicMs(), 0);
  }

  /** Resolves when it is the caller's turn, or at once when the signal aborts. */
  async turn(signal: AbortSignal): Promise<void> {
    if (this.#intervalMs === 0) return;
    const waitMs = this.waitMs;
    this.#nextAtMs = this.#monotonicMs() + waitMs + this.#intervalMs;
    if (waitMs > 0) await sleep(Math.ceil(waitMs), signal);
  }
}
