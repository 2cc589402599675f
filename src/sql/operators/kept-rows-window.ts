import type { SortKey } from '../check/window.ts';
import type { StateReader } from '../state/state-reader.ts';
import type { StateWriter } from '../state/state-writer.ts';
import type { Forgetful } from '../state/stateful.ts';
import { mapKey } from '../values/compare.ts';
import type { Evaluate, Row, Value } from '../values/value.ts';
import { Aggregation } from './aggregation.ts';
import type { Operator, Output } from './operator.ts';
import { fill, type RowParts } from './row-window.ts';

interface Entry {
  readonly row: Row;
  readonly order: number;
  readonly group: unknown;
}

/** Aggregates over rows that leave in no order: each row's values are summed anew, over the rows kept in its group. */
abstract class KeptRows implements Operator, Forgetful {
  protected readonly parts: RowParts;
  private readonly aggregation: Aggregation;
  private readonly forever: Aggregation;
  private order = 0;

  constructor(parts: RowParts) {
    this.parts = parts;
    const { keys, aggregates } = parts.plan;
    this.aggregation = new Aggregation(
      keys,
      aggregates.map((plan) => ({ ...plan, forever: false })),
      parts.budget,
    );
    this.forever = new Aggregation(keys, aggregates, parts.budget);
  }

  /** False where there is no room for the row. */
  protected abstract keep(entry: Entry): boolean;
  protected abstract kept(): Iterable<Entry>;
  protected abstract takeBack(entries: readonly Entry[], reader: StateReader): void;

  get isEmpty(): boolean {
    return this.order === 0;
  }

  snapshot(writer: StateWriter): void {
    this.forever.snapshot(writer);
    writer.count(this.order);
    writer.list([...this.kept()], ({ row, order, group }) => {
      writer.row(row);
      writer.count(order);
      writer.key(group);
    });
  }

  restore(reader: StateReader): void {
    this.forever.restore(reader);
    this.order = reader.count();
    const entries = reader.list(() => ({ row: reader.row(), order: reader.count(), group: reader.key() }));
    this.takeBack(entries, reader);
  }

  push(row: Row): void {
    const { frame, plan, projection } = this.parts;
    fill(frame, row);
    if (!this.forever.admits(frame)) return;
    const group = this.aggregation.keyOf(frame);
    const order = this.order++;
    if (!this.keep({ row, order, group })) return;
    const forever = this.forever.create(group);
    this.forever.add(forever, frame, order);
    const states = this.aggregation.create(group);
    for (const entry of this.kept()) {
      if (entry.group !== group) continue;
      fill(frame, entry.row);
      this.aggregation.add(states, frame, entry.order);
    }
    fill(frame, row);
    frame.aggregates = plan.aggregates.map((aggregate, index) =>
      (aggregate.forever ? forever : states)[index]!.result(),
    );
    projection.push(frame);
  }
}

/** UNIQUE: the newest row of each key. */
export class UniqueWindow extends KeptRows {
  private readonly key: Evaluate;
  private readonly newest = new Map<unknown, Entry>();

  constructor(parts: RowParts, key: Evaluate) {
    super(parts);
    this.key = key;
  }

  protected keep(entry: Entry): boolean {
    const key = mapKey(this.key(this.parts.frame));
    if (!this.newest.delete(key) && !this.parts.budget.take()) return false;
    this.newest.set(key, entry);
    return true;
  }

  protected kept(): Iterable<Entry> {
    return this.newest.values();
  }

  override snapshot(writer: StateWriter): void {
    super.snapshot(writer);
    writer.list(this.newest, ([key]) => writer.key(key));
  }

  protected takeBack(entries: readonly Entry[], reader: StateReader): void {
    for (const [index, key] of reader.list(() => reader.key()).entries()) this.newest.set(key, entries[index]!);
  }
}

/** SORT: the n best rows; of equal ones the earlier. */
export class SortWindow extends KeptRows {
  private readonly count: number;
  private readonly keys: readonly SortKey[];
  private readonly best: { readonly entry: Entry; readonly values: readonly Value[] }[] = [];

  constructor(parts: RowParts, count: number, keys: readonly SortKey[]) {
    super(parts);
    this.count = count;
    this.keys = keys;
  }

  protected keep(entry: Entry): boolean {
    const values = this.keys.map(({ evaluate }) => evaluate(this.parts.frame));
    let index = this.best.length;
    while (index > 0 && this.compare(values, this.best[index - 1]!.values) < 0) index--;
    if (index >= this.count) return true;
    if (this.best.length < this.count && !this.parts.budget.take()) return false;
    this.best.splice(index, 0, { entry, values });
    if (this.best.length > this.count) this.best.pop();
    return true;
  }

  private compare(a: readonly Value[], b: readonly Value[]): number {
    for (const [index, { compare, descending }] of this.keys.entries()) {
      const [left, right] = [a[index]!, b[index]!];
      // NULL is the greatest.
      const order =
        left === null || right === null ? Number(left === null) - Number(right === null) : (compare(left, right) ?? 0);
      if (order !== 0) return descending ? -order : order;
    }
    return 0;
  }

  protected kept(): Iterable<Entry> {
    return this.best.map(({ entry }) => entry);
  }

  override snapshot(writer: StateWriter): void {
    super.snapshot(writer);
    writer.list(this.best, ({ values }) => writer.values(values));
  }

  protected takeBack(entries: readonly Entry[], reader: StateReader): void {
    for (const [index, values] of reader.list(() => reader.values()).entries())
      this.best.push({ entry: entries[index]!, values });
  }
}

/** FIRSTUNIQUE: lets the first row of each key through. */
export class FirstUnique implements Operator, Forgetful {
  private readonly parts: Pick<RowParts, 'frame' | 'budget'>;
  private readonly key: Evaluate;
  private readonly output: Output;
  private readonly seen = new Set<unknown>();

  constructor(parts: Pick<RowParts, 'frame' | 'budget'>, key: Evaluate, output: Output) {
    this.parts = parts;
    this.key = key;
    this.output = output;
  }

  push(row: Row): void {
    fill(this.parts.frame, row);
    const key = mapKey(this.key(this.parts.frame));
    if (this.seen.has(key) || !this.parts.budget.take()) return;
    this.seen.add(key);
    this.output.push(row);
  }

  get isEmpty(): boolean {
    return this.seen.size === 0;
  }

  snapshot(writer: StateWriter): void {
    writer.list(this.seen, (key) => writer.key(key));
  }

  restore(reader: StateReader): void {
    for (const key of reader.list(() => reader.key())) this.seen.add(key);
  }
}
