import type { StateReader } from '../state/state-reader.ts';
import type { StateWriter } from '../state/state-writer.ts';
import type { Forgetful } from '../state/stateful.ts';
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
export class Delay implements Operator, Forgetful {
  private readonly options: Options;
  private readonly waiting = new Fifo<{ readonly row: Row; readonly due: number }>();
  /** Of the oldest row. */
  private timer = 0;

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

  get isEmpty(): boolean {
    return this.waiting.length === 0;
  }

  snapshot(writer: StateWriter): void {
    writer.list(this.waiting, ({ row, due }) => {
      writer.row(row);
      writer.number(due);
    });
    writer.count(this.timer);
  }

  restore(reader: StateReader): void {
    for (const entry of reader.list(() => ({ row: reader.row(), due: reader.number() }))) this.waiting.push(entry);
    const timer = reader.count();
    const oldest = this.waiting.first;
    if (oldest !== undefined) this.setTimer(oldest.due, timer);
  }

  private setTimer(due: number, sequence?: number): void {
    this.timer = this.options.clock.at(due, due, () => this.release(due), sequence);
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
