import type { Clock } from '../base/clock.ts';
import type { Log, LogFields } from './log.ts';

/** One warning an interval at most; the next one says how many were held back. For what may happen at the rate of records. */
export class LimitedWarning {
  readonly #log: Log;
  readonly #event: string;
  readonly #intervalMs: number;
  readonly #clock: Clock;
  #nextAtMs = Number.NEGATIVE_INFINITY;
  #heldBack = 0;

  constructor(log: Log, event: string, clock: Clock, intervalMs = 10_000) {
    this.#log = log;
    this.#event = event;
    this.#clock = clock;
    this.#intervalMs = intervalMs;
  }

  warn(fields: LogFields): void {
    const nowMs = this.#clock.monotonicMs();
    if (nowMs < this.#nextAtMs) {
      this.#heldBack++;
      return;
    }
    this.#log.warn(this.#event, this.#heldBack === 0 ? fields : { ...fields, held_back: this.#heldBack });
    this.#heldBack = 0;
    this.#nextAtMs = nowMs + this.#intervalMs;
  }
}
