import type { Evaluate, Frame, Row } from '../values/value.ts';
import type { Operator, Output } from './operator.ts';
import { fill } from './row-window.ts';

/** Keeps rows whose condition is true. False and NULL are dropped alike. */
export function filter(condition: Evaluate, frame: Frame, output: Output): Operator {
  return {
    push(row: Row) {
      fill(frame, row);
      if (condition(frame) === true) output.push(row);
    },
  };
}
