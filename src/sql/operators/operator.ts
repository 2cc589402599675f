import type { Row } from '../values/value.ts';

/** Takes rows one by one, in order, at once. */
export interface Output {
  push(row: Row): void;
}

export interface Operator extends Output {
  /** An orderly stop: what is held back only for company goes out now. */
  end?(): void;
}

/** The time by which a window opens and closes: the clock, a watermark, or a column of the rows. */
export interface WindowClock {
  /** Calls `fire` when time reaches `dueMs`. Equal times fire upstream first, then in script order, then by `startMs`. */
  at(dueMs: number, startMs: number, fire: (dueMs: number) => void): void;
  /** Windows that end here or before are closed for good. */
  closedUpTo(): number;
}

/** The rows, groups and partial matches that a query may keep. A row that needs one more is refused and counted. */
export class StateBudget {
  size = 0;
  refused = 0;
  /** Rows whose windows were all closed when they came. */
  late = 0;
  readonly limit: number;

  constructor(limit: number) {
    this.limit = limit;
  }

  take(): boolean {
    if (this.size >= this.limit) {
      this.refused++;
      return false;
    }
    this.size++;
    return true;
  }

  release(count: number): void {
    this.size -= count;
  }
}
