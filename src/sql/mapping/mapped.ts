import type { Values } from '../values/value.ts';

/** What becomes of a message: rows, and how many rows (or messages) were dropped and why the first of them was. */
export interface Mapped {
  readonly rows: readonly Values[];
  readonly dropped: number;
  readonly problem?: string;
  /** The message itself is not of its format, whatever values it may hold. */
  readonly isMalformed?: boolean;
}

/** Of a message that is not of its format. */
export function malformed(problem: string): Mapped {
  return { rows: [], dropped: 1, problem, isMalformed: true };
}
