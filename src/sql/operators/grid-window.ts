import type { StateReader } from '../state/state-reader.ts';
import type { StateWriter } from '../state/state-writer.ts';
import type { Forgetful } from '../state/stateful.ts';
import type { Row } from '../values/value.ts';
import type { Operator, StateBudget, WindowClock } from './operator.ts';
import type { Contents, WindowContent } from './window-content.ts';

interface GridOptions {
  readonly sizeMs: number;
  /** Undefined: the first row is where the grid begins. */
  readonly originMs?: number;
  readonly clock: WindowClock;
  readonly contents: Contents;
  readonly budget: StateBudget;
}

interface OpenWindow {
  readonly content: WindowContent;
  readonly timer: number;
}

/** Windows side by side: TUMBLING from the epoch on, TIMEBATCH from the first row on. */
export class GridWindow implements Operator, Forgetful {
  private readonly options: GridOptions;
  private readonly windows = new Map<number, OpenWindow>();
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
    const { sizeMs, clock, budget } = this.options;
    this.originMs ??= timeMs;
    const start = Math.floor((timeMs - this.originMs) / sizeMs) * sizeMs + this.originMs;
    const end = start + sizeMs;
    if (end <= clock.closedUpTo()) {
      budget.late++;
      return;
    }
    const known = this.windows.get(start);
    if (known === undefined && budget.refusesMore()) return;
    const { content } = known ?? this.open(start);
    content.add(row, this.order++);
  }

  private open(start: number, sequence?: number): OpenWindow {
    const { sizeMs, clock, contents } = this.options;
    const end = start + sizeMs;
    const timer = clock.at(end, start, () => this.close(start, end), sequence);
    const window = { content: contents.create(), timer };
    this.windows.set(start, window);
    return window;
  }

  private close(start: number, end: number): void {
    const window = this.windows.get(start);
    this.windows.delete(start);
    window?.content.close(start, end, end - 1);
  }

  get isEmpty(): boolean {
    return this.windows.size === 0 && this.originMs === this.options.originMs && this.options.contents.isEmpty;
  }

  snapshot(writer: StateWriter): void {
    this.options.contents.snapshot(writer);
    writer.count(this.order);
    writer.value(this.originMs ?? null);
    writer.list(this.windows, ([start, { content, timer }]) => {
      writer.number(start);
      writer.count(timer);
      content.snapshot(writer);
    });
  }

  restore(reader: StateReader): void {
    this.options.contents.restore(reader);
    this.order = reader.count();
    this.originMs = (reader.value() as number | null) ?? undefined;
    reader.list(() => {
      const start = reader.number();
      this.open(start, reader.count()).content.restore(reader);
    });
  }
}
