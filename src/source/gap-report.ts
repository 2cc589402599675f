/** What is told of gaps: a line in the log at a bounded rate, a sentence for the status, a record for a topic. */
import type { Clock } from '../base/clock.ts';
import { BoundedLog } from '../telemetry/bounded-log.ts';
import type { Log } from '../telemetry/log.ts';

export interface GapReportOptions<Gap> {
  readonly connector: string;
  readonly task: number;
  readonly clock: Clock;
  readonly log: Log;
  /** What is missing: `messages`. */
  readonly things: string;
  /** For the log: all of the gap that is short. */
  readonly fieldsOf: (gap: Gap) => Readonly<Record<string, unknown>>;
  /** For the status: `5 to 9`. */
  readonly describe: (gap: Gap) => string;
}

/** `missing`: how many; null where nobody knows. */
export class GapReport<Gap extends { readonly missing: number | null }> {
  readonly #options: GapReportOptions<Gap>;
  readonly #log: BoundedLog;
  #gaps = 0;
  #missing = 0;
  #isLeast = false;
  #last: Readonly<Record<string, unknown>> = {};
  /** A sentence for the status; undefined before the first gap. */
  summary: string | undefined;

  constructor(options: GapReportOptions<Gap>) {
    this.#options = options;
    this.#log = new BoundedLog(options.log, `${options.things}_missing`);
  }

  /** Text of the record about it. */
  note(gap: Gap): string {
    const { connector, task, clock, things, fieldsOf, describe } = this.#options;
    this.#gaps++;
    this.#missing += gap.missing ?? 0;
    this.#isLeast ||= gap.missing === null;
    const at = new Date(clock.nowMs()).toISOString();
    this.summary = `${this.#count()} ${things} missing in ${this.#gaps} gaps, last ${describe(gap)} at ${at}`;
    this.#last = fieldsOf(gap);
    this.#log.add(1, clock.monotonicMs(), this.#last);
    return JSON.stringify({ connector, task, ...gap, at });
  }

  /** Says what has not been said. */
  flush(): void {
    this.#log.flush(this.#options.clock.monotonicMs(), this.#last);
  }

  #count(): string {
    if (!this.#isLeast) return String(this.#missing);
    return this.#missing === 0 ? 'an unknown number of' : `at least ${this.#missing}`;
  }
}
