import type { StateReader } from '../state/state-reader.ts';
import type { StateWriter } from '../state/state-writer.ts';
import type { Forgetful } from '../state/stateful.ts';
import type { Evaluate, Frame, Row } from '../values/value.ts';
import { GridWindow } from './grid-window.ts';
import type { Operator, StateBudget } from './operator.ts';
import { Scheduler } from './scheduler.ts';
import type { Contents } from './window-content.ts';

interface Options {
  readonly time: Evaluate;
  readonly sizeMs: number;
  readonly frame: Frame;
  readonly contents: Contents;
  readonly budget: StateBudget;
}

/** TIMEBATCH over a column: a row at or behind a window's end closes it, and nothing else does. */
export class ExternalTimeBatch implements Operator, Forgetful {
  private readonly options: Options;
  private readonly scheduler = new Scheduler();
  private readonly grid: GridWindow;
  private greatest = Number.NEGATIVE_INFINITY;

  constructor(options: Options) {
    this.options = options;
    const clock = { ...this.scheduler.clockFor(0, 0), closedUpTo: () => this.greatest };
    this.grid = new GridWindow({ ...options, clock });
  }

  push(row: Row): void {
    const { frame, time, budget } = this.options;
    frame.values = row.values;
    frame.timestamp = row.timestamp;
    const value = time(frame);
    if (value === null) {
      budget.late++; // no time, no window
      return;
    }
    const timeMs = Number(value);
    this.scheduler.advance(timeMs);
    this.greatest = Math.max(this.greatest, timeMs);
    this.grid.pushAt(row, timeMs);
  }

  get isEmpty(): boolean {
    return this.greatest === Number.NEGATIVE_INFINITY;
  }

  snapshot(writer: StateWriter): void {
    writer.number(this.greatest);
    this.scheduler.snapshot(writer);
    this.grid.snapshot(writer);
  }

  restore(reader: StateReader): void {
    this.greatest = reader.number();
    this.scheduler.restore(reader);
    this.grid.restore(reader);
  }
}
