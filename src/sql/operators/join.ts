import type { JoinPlan, JoinSide } from '../check/query-plan.ts';
import type { StateReader } from '../state/state-reader.ts';
import type { StateWriter } from '../state/state-writer.ts';
import type { Forgetful } from '../state/stateful.ts';
import type { Evaluate, Frame, Row, Value } from '../values/value.ts';
import { Fifo } from './fifo.ts';
import type { Output, StateBudget } from './operator.ts';
import { joinKey } from './table.ts';

interface Options {
  readonly plan: JoinPlan;
  readonly frame: Frame;
  readonly output: Output;
  readonly budget: StateBudget;
}

/**
 * Two streams with LENGTH or TIME windows: an arrival meets the rows that are present on the other side, in their arrival
 * order, and then enters its own window. An outer join pads an arrival that meets nothing at once, and for good.
 */
export class RowJoin implements Forgetful {
  private readonly options: Options;
  private readonly left: SideRows;
  private readonly right: SideRows;

  constructor(options: Options) {
    this.options = options;
    const { plan, budget, frame } = options;
    this.left = new SideRows(plan.left, frame, budget);
    this.right = new SideRows(plan.right, frame, budget);
  }

  pushLeft(row: Row): void {
    const { type } = this.options.plan;
    this.push(row, this.left, this.right, true, type === 'left' || type === 'full');
  }

  pushRight(row: Row): void {
    const { type } = this.options.plan;
    this.push(row, this.right, this.left, false, type === 'right' || type === 'full');
  }

  private push(row: Row, own: SideRows, other: SideRows, isLeft: boolean, pads: boolean): void {
    const { plan, frame, output } = this.options;
    const key = own.keyOf(row);
    let isMatched = false;
    for (const found of other.matching(key, row.timestamp)) {
      const values = isLeft ? [...row.values, ...found.values] : [...found.values, ...row.values];
      frame.values = values;
      frame.timestamp = Math.max(row.timestamp, found.timestamp);
      if (plan.on(frame) !== true) continue;
      isMatched = true;
      output.push({ values, timestamp: frame.timestamp });
    }
    if (!isMatched && pads) {
      const values = isLeft ? [...row.values, ...other.nulls] : [...other.nulls, ...row.values];
      output.push({ values, timestamp: row.timestamp });
    }
    own.add(row, key);
  }

  get isEmpty(): boolean {
    return this.left.isEmpty && this.right.isEmpty;
  }

  snapshot(writer: StateWriter): void {
    this.left.snapshot(writer);
    this.right.snapshot(writer);
  }

  restore(reader: StateReader): void {
    this.left.restore(reader);
    this.right.restore(reader);
  }
}

/** The rows of one side's window, found by key. */
class SideRows implements Forgetful {
  readonly nulls: readonly Value[];
  private readonly keys: readonly Evaluate[];
  private readonly frame: Frame;
  private readonly budget: StateBudget;
  private readonly count: number;
  private readonly ms: number;
  private readonly all = new Fifo<{ readonly row: Row; readonly key: unknown }>();
  private readonly byKey = new Map<unknown, Fifo<Row>>();
  private greatest = Number.NEGATIVE_INFINITY;

  constructor({ input, keys, window }: JoinSide, frame: Frame, budget: StateBudget) {
    this.nulls = input.columns.map(() => null);
    this.keys = keys;
    this.frame = frame;
    this.budget = budget;
    this.count = window.kind === 'length' ? window.count : Number.POSITIVE_INFINITY;
    this.ms = window.kind === 'time' ? window.ms : Number.POSITIVE_INFINITY;
  }

  keyOf(row: Row): unknown {
    this.frame.values = row.values;
    this.frame.timestamp = row.timestamp;
    return joinKey(this.keys, this.frame);
  }

  /** Those of a key that are in the window at a time. */
  matching(key: unknown, timestamp: number): Row[] {
    this.forgetUpTo(timestamp - this.ms);
    const found = key === undefined ? undefined : this.byKey.get(key);
    if (found === undefined) return [];
    const rows = [...found];
    // Rows of event time may have come out of order: the oldest need not be in front.
    return this.ms === Number.POSITIVE_INFINITY ? rows : rows.filter((row) => row.timestamp > timestamp - this.ms);
  }

  add(row: Row, key: unknown): void {
    this.greatest = Math.max(this.greatest, row.timestamp);
    this.forgetUpTo(this.greatest - this.ms);
    if (this.all.length >= this.count) this.forgetOldest();
    if (this.budget.take()) this.keep(row, key);
  }

  private keep(row: Row, key: unknown): void {
    this.all.push({ row, key });
    if (key === undefined) return;
    const found = this.byKey.get(key);
    if (found !== undefined) found.push(row);
    else {
      const rows = new Fifo<Row>();
      rows.push(row);
      this.byKey.set(key, rows);
    }
  }

  private forgetUpTo(timestamp: number): void {
    for (
      let oldest = this.all.first;
      oldest !== undefined && oldest.row.timestamp <= timestamp;
      oldest = this.all.first
    )
      this.forgetOldest();
  }

  private forgetOldest(): void {
    const oldest = this.all.shift();
    if (oldest === undefined) return;
    this.budget.release(1);
    const rows = this.byKey.get(oldest.key);
    rows?.shift();
    if (rows?.length === 0) this.byKey.delete(oldest.key);
  }

  /** Rows leave when others come, so that one is always left. */
  get isEmpty(): boolean {
    return this.greatest === Number.NEGATIVE_INFINITY;
  }

  snapshot(writer: StateWriter): void {
    writer.number(this.greatest);
    writer.list(this.all, ({ row, key }) => {
      writer.row(row);
      writer.key(key);
    });
  }

  restore(reader: StateReader): void {
    this.greatest = reader.number();
    for (const { row, key } of reader.list(() => ({ row: reader.row(), key: reader.key() }))) this.keep(row, key);
  }
}
