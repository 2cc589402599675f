import type { Log } from './log.ts';

const quietMs = 10_000;

/** Warnings that may come a million times a second: one line in 10 s at most, with the number of times. */
export class BoundedLog {
  readonly #log: Log;
  readonly #event: string;
  #count = 0;
  #lastMs = -Infinity;

  constructor(log: Log, event: string) {
    this.#log = log;
    this.#event = event;
  }

  add(count: number, nowMs: number, fields: Readonly<Record<string, unknown>>): void {
    this.#count += count;
    if (nowMs - this.#lastMs >= quietMs) this.flush(nowMs, fields);
  }

  /** Says what has not been said yet. */
  flush(nowMs: number, fields: Readonly<Record<string, unknown>>): void {
    if (this.#count === 0) return;
    this.#log.warn(this.#event, { ...fields, count: this.#count });
    this.#count = 0;
    this.#lastMs = nowMs;
  }
}
