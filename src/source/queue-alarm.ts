import { BoundedLog } from '../telemetry/bounded-log.ts';
import type { Log } from '../telemetry/log.ts';

/** Share of the queue at which a warning is due. */
const highUtilization = 0.8;

/** Warns once when the queue is 80 % full; again when it has been less full meanwhile, or after a reconnect. */
export class QueueAlarm {
  readonly #log: BoundedLog;
  readonly #maxRecords: number;
  readonly #maxBytes: number;
  #warned = false;

  constructor(log: Log, { maxRecords, maxBytes }: { readonly maxRecords: number; readonly maxBytes: number }) {
    this.#log = new BoundedLog(log, 'queue_high_utilization');
    this.#maxRecords = maxRecords;
    this.#maxBytes = maxBytes;
  }

  look({ length, bytes }: { readonly length: number; readonly bytes: number }, nowMs: number): void {
    const utilization = Math.max(length / this.#maxRecords, bytes / this.#maxBytes);
    if (utilization < highUtilization) this.#warned = false;
    else if (!this.#warned) {
      this.#warned = true;
      this.#log.add(1, nowMs, {
        queue_size: length,
        queue_capacity: this.#maxRecords,
        queue_utilization_percent: Math.round(utilization * 100),
      });
    }
  }

  /** A new connection: the warning may come again. */
  rearm(): void {
    this.#warned = false;
  }
}
