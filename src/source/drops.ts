import { BoundedLog } from '../telemetry/bounded-log.ts';
import type { Log } from '../telemetry/log.ts';
import type { Counter } from '../telemetry/metrics.ts';

/** Reasons that every source has: a full queue, and a task that ended before its records were taken. */
export type QueueDrop = 'drop_oldest' | 'drop_newest' | 'abandoned';

/** What did not become records, by reason: plain fields while a chunk is read, counters and the log once behind it. */
export class Drops<Reason extends string> {
  readonly #reasons: readonly Reason[];
  readonly #counts: Record<Reason, number>;
  readonly #logs: Readonly<Record<Reason, BoundedLog>>;
  readonly #silent: ReadonlySet<Reason>;

  /** `silent`: what was asked for, and is only counted. */
  constructor(reasons: readonly Reason[], log: Log, event: string, silent: readonly Reason[] = []) {
    const each = <Value>(value: () => Value) =>
      Object.fromEntries(reasons.map((reason) => [reason, value()])) as Record<Reason, Value>;
    this.#reasons = reasons;
    this.#counts = each(() => 0);
    this.#logs = each(() => new BoundedLog(log, event));
    this.#silent = new Set(silent);
  }

  add(reason: Reason, count = 1): void {
    this.#counts[reason] += count;
  }

  settle(counters: Readonly<Record<Reason, Counter>>, nowMs: number): void {
    for (const reason of this.#reasons) {
      const count = this.#counts[reason];
      if (count === 0) continue;
      this.#counts[reason] = 0;
      counters[reason].value += count;
      if (!this.#silent.has(reason)) this.#logs[reason].add(count, nowMs, fieldsOf(reason));
    }
  }

  /** Says what has not been said. */
  flush(nowMs: number): void {
    for (const reason of this.#reasons) this.#logs[reason].flush(nowMs, fieldsOf(reason));
  }
}

function fieldsOf(reason: string): Readonly<Record<string, string>> {
  return reason === 'drop_oldest' || reason === 'drop_newest' ? { reason: 'queue_full', dropped: reason } : { reason };
}
