import type { JoinPlan } from '../check/query-plan.ts';
import type { StateReader } from '../state/state-reader.ts';
import type { StateWriter } from '../state/state-writer.ts';
import type { Forgetful } from '../state/stateful.ts';
import type { Frame, Row, Value } from '../values/value.ts';
import type { Output, StateBudget, WindowClock } from './operator.ts';
import { joinKey } from './table.ts';
import type { Contents } from './window-content.ts';

interface Options {
  readonly plan: JoinPlan;
  readonly sizeMs: number;
  readonly frame: Frame;
  readonly clock: WindowClock;
  readonly budget: StateBudget;
  /** Where joined rows pass WHERE on their way into a content. */
  readonly filterInto: (content: Output) => Output;
  readonly contents: Contents;
}

interface Pair {
  readonly left: Row[];
  readonly right: Row[];
  readonly timer: number;
}

/** Two streams with equal tumbling windows: all pairs at the close, by left row and then right row. */
export class TumblingJoin implements Forgetful {
  private readonly options: Options;
  private readonly windows = new Map<number, Pair>();
  private readonly nulls: { readonly left: readonly Value[]; readonly right: readonly Value[] };

  constructor(options: Options) {
    this.options = options;
    const { left, right } = options.plan;
    this.nulls = { left: left.input.columns.map(() => null), right: right.input.columns.map(() => null) };
  }

  pushLeft(row: Row): void {
    this.windowOf(row)?.left.push(row);
  }

  pushRight(row: Row): void {
    this.windowOf(row)?.right.push(row);
  }

  private windowOf(row: Row): Pair | undefined {
    const { sizeMs, clock, budget } = this.options;
    const start = Math.floor(row.timestamp / sizeMs) * sizeMs;
    if (start + sizeMs <= clock.closedUpTo()) {
      budget.late++;
      return undefined;
    }
    if (!budget.take()) return undefined;
    return this.windows.get(start) ?? this.open(start);
  }

  private open(start: number, sequence?: number): Pair {
    const { sizeMs, clock } = this.options;
    const timer = clock.at(start + sizeMs, start, () => this.close(start), sequence);
    const pair: Pair = { left: [], right: [], timer };
    this.windows.set(start, pair);
    return pair;
  }

  get isEmpty(): boolean {
    return this.windows.size === 0 && this.options.contents.isEmpty;
  }

  snapshot(writer: StateWriter): void {
    this.options.contents.snapshot(writer);
    writer.list(this.windows, ([start, { left, right, timer }]) => {
      writer.number(start);
      writer.count(timer);
      for (const side of [left, right]) writer.list(side, (row) => writer.row(row));
    });
  }

  restore(reader: StateReader): void {
    this.options.contents.restore(reader);
    reader.list(() => {
      const start = reader.number();
      const { left, right } = this.open(start, reader.count());
      for (const side of [left, right]) {
        for (const row of reader.list(() => reader.row())) side.push(row);
      }
    });
  }

  private close(start: number): void {
    const pair = this.windows.get(start);
    if (pair === undefined) return;
    this.windows.delete(start);
    const { sizeMs, contents, filterInto, budget } = this.options;
    budget.release(pair.left.length + pair.right.length);
    const content = contents.create();
    let order = 0;
    this.join(pair, filterInto({ push: (row) => content.add(row, order++) }));
    content.close(start, start + sizeMs, start + sizeMs - 1);
  }

  private join({ left, right }: Pair, output: Output): void {
    const { plan, frame } = this.options;
    const byKey = new Map<unknown, Row[]>();
    for (const row of right) {
      frame.values = row.values;
      frame.timestamp = row.timestamp;
      const key = joinKey(plan.right.keys, frame);
      if (key === undefined) continue;
      const rows = byKey.get(key);
      if (rows === undefined) byKey.set(key, [row]);
      else rows.push(row);
    }
    const matched = new Set<Row>();
    for (const row of left) {
      frame.values = row.values;
      frame.timestamp = row.timestamp;
      const key = joinKey(plan.left.keys, frame);
      let isMatched = false;
      for (const other of key === undefined ? [] : (byKey.get(key) ?? [])) {
        const values = [...row.values, ...other.values];
        const timestamp = Math.max(row.timestamp, other.timestamp);
        frame.values = values;
        frame.timestamp = timestamp;
        if (plan.on(frame) !== true) continue;
        isMatched = true;
        matched.add(other);
        output.push({ values, timestamp });
      }
      if (!isMatched && (plan.type === 'left' || plan.type === 'full'))
        output.push({ values: [...row.values, ...this.nulls.right], timestamp: row.timestamp });
    }
    if (plan.type !== 'right' && plan.type !== 'full') return;
    for (const row of right) {
      if (!matched.has(row)) output.push({ values: [...this.nulls.left, ...row.values], timestamp: row.timestamp });
    }
  }
}
