import type { Row } from '../values/value.ts';
import { Fifo } from './fifo.ts';
import type { Operator, Output, StateBudget, WindowClock } from './operator.ts';

interface Options {
  readonly ms: number;
  /** The clock, whatever time the rows have. */
  readonly clock: Pick<WindowClock, 'at'>;
  readonly now: () => number;
  readonly output: Output;
  readonly budget: StateBudget;
}

/** DELAY: each row goes on after so much time on the clock, with its own timestamp. */
export class Delay implements Operator {
  private readonly options: Options;
  private readonly waiting = new Fifo<{ readonly row: Row; readonly due: number }>();

  constructor(options: Options) {
    this.options = options;
  }

  push(row: Row): void {
    const { ms, now, budget } = this.options;
    if (!budget.take()) return;
    const due = now() + ms;
    this.waiting.push({ row, due });
    if (this.waiting.length === 1) this.setTimer(due);
  }

  private setTimer(due: number): void {
    this.options.clock.at(due, due, () => this.release(due));
  }

  private release(due: number): void {
    for (let next = this.waiting.first; next !== undefined && next.due <= due; next = this.waiting.first) {
      this.waiting.shift();
      this.options.budget.release(1);
      this.options.output.push(next.row);
    }
    const next = this.waiting.first;
    if (next !== undefined) this.setTimer(next.due);
  }
}
