import type { StateReader } from '../state/state-reader.ts';
import type { StateWriter } from '../state/state-writer.ts';
import type { Stateful } from '../state/stateful.ts';
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
  /**
   * Calls `fire` when time reaches `dueMs`. Equal times fire upstream first, then in script order, then by `startMs`, then
   * in the order in which they were set. The number that comes back is that order's: whoever sets the timer again after a
   * restart hands it in.
   */
  at(dueMs: number, startMs: number, fire: (dueMs: number) => void, sequence?: number): number;
  /** As `at`, for what gives nothing out, so that its place among equal times is no matter. The answer calls it off. */
  later(dueMs: number, fire: (dueMs: number) => void): () => void;
  /** Windows that end here or before are closed for good. */
  closedUpTo(): number;
}

/** Fits the heap that Node takes by itself, 2 GB and more, with the dearest kind: `docs/sql.md` has the bytes of each. */
export const defaultMaxState = 250_000;

/**
 * The rows, groups, distinct values and partial matches that a query may keep. A row that needs one more is refused and
 * counted; where only a distinct value does, the aggregate goes without it.
 */
export class StateBudget implements Stateful {
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

  /** Asked before something is made that would stay empty where nothing more can be taken; then the row is counted. */
  refusesMore(): boolean {
    if (this.size < this.limit) return false;
    this.refused++;
    return true;
  }

  release(count: number): void {
    this.size -= count;
  }

  snapshot(writer: StateWriter): void {
    writer.count(this.size);
    writer.count(this.refused);
    writer.count(this.late);
  }

  restore(reader: StateReader): void {
    this.size = reader.count();
    this.refused = reader.count();
    this.late = reader.count();
  }
}
