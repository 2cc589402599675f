import type { Row } from '../values/value.ts';
import type { Operator, StateBudget, WindowClock } from './operator.ts';
import type { WindowContent } from './window-content.ts';

interface GridOptions {
  readonly sizeMs: number;
  /** Undefined: the first row is where the grid begins. */
  readonly originMs?: number;
  readonly clock: WindowClock;
  readonly newContent: () => WindowContent;
  readonly budget: StateBudget;
}

/** Windows side by side: TUMBLING from the epoch on, TIMEBATCH from the first row on. */
export class GridWindow implements Operator {
  private readonly options: GridOptions;
  private readonly windows = new Map<number, WindowContent>();
  private originMs: number | undefined;
  private order = 0;

  constructor(options: GridOptions) {
    this.options = options;
    this.originMs = options.originMs;
  }

  push(row: Row): void {
    this.pushAt(row, row.timestamp);
  }

  /** Puts a row into the window of a time that need not be its own. */
  pushAt(row: Row, timeMs: number): void {
    const { sizeMs, clock, newContent, budget } = this.options;
    this.originMs ??= timeMs;
    const start = Math.floor((timeMs - this.originMs) / sizeMs) * sizeMs + this.originMs;
    const end = start + sizeMs;
    if (end <= clock.closedUpTo()) {
      budget.late++;
      return;
    }
    let content = this.windows.get(start);
    if (content === undefined) {
      content = newContent();
      this.windows.set(start, content);
      clock.at(end, start, () => this.close(start, end));
    }
    content.add(row, this.order++);
  }

  private close(start: number, end: number): void {
    const content = this.windows.get(start);
    this.windows.delete(start);
    content?.close(start, end, end - 1);
  }
}
