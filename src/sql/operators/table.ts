import type { StateReader } from '../state/state-reader.ts';
import type { StateWriter } from '../state/state-writer.ts';
import type { Stateful } from '../state/stateful.ts';
import { mapKey, mapKeyOfAll } from '../values/compare.ts';
import { type Evaluate, type Frame, newFrame, type Value, type Values } from '../values/value.ts';
import type { StateBudget } from './operator.ts';

/** The rows of a table in the order of their insertion; one that replaces another goes to the end. */
export class Table implements Stateful {
  private readonly primaryKey: readonly number[];
  private readonly budget: StateBudget;
  private readonly byKey = new Map<unknown, Values>();
  private readonly rows = new Set<Values>();
  private readonly indexes: TableIndex[] = [];

  constructor(primaryKey: readonly number[], budget: StateBudget) {
    this.primaryKey = primaryKey;
    this.budget = budget;
  }

  /** Takes a row; false where the table is full. */
  insert(values: Values): boolean {
    if (this.primaryKey.length > 0) {
      const key = mapKeyOfAll(this.primaryKey.map((column) => values[column]!));
      const replaced = this.byKey.get(key);
      if (replaced === undefined && !this.budget.take()) return false;
      if (replaced !== undefined) this.delete(replaced);
      this.byKey.set(key, values);
    } else if (!this.budget.take()) return false;
    this.add(values);
    return true;
  }

  private add(values: Values): void {
    this.rows.add(values);
    for (const index of this.indexes) index.add(values);
  }

  private delete(values: Values): void {
    this.rows.delete(values);
    for (const index of this.indexes) index.delete(values);
  }

  snapshot(writer: StateWriter): void {
    writer.list(this.rows, (values) => writer.values(values));
  }

  restore(reader: StateReader): void {
    for (const values of reader.list(() => reader.values())) {
      if (this.primaryKey.length > 0)
        this.byKey.set(mapKeyOfAll(this.primaryKey.map((column) => values[column]!)), values);
      this.add(values);
    }
  }

  /** Finds rows by what expressions over them give; without any, all rows. */
  indexBy(keys: readonly Evaluate[]): TableIndex {
    // The instances of a partitioned query share one.
    const known = this.indexes.find((index) => index.keys === keys);
    if (known !== undefined) return known;
    const index = new TableIndex(keys);
    for (const values of this.rows) index.add(values);
    this.indexes.push(index);
    return index;
  }
}

export class TableIndex {
  readonly keys: readonly Evaluate[];
  private readonly frame: Frame = newFrame();
  private readonly rows = new Map<unknown, Set<Values>>();

  constructor(keys: readonly Evaluate[]) {
    this.keys = keys;
  }

  find(key: unknown): Iterable<Values> {
    return this.rows.get(key) ?? [];
  }

  add(values: Values): void {
    const key = this.keyOf(values);
    const found = this.rows.get(key);
    if (found === undefined) this.rows.set(key, new Set([values]));
    else found.add(values);
  }

  delete(values: Values): void {
    const key = this.keyOf(values);
    const found = this.rows.get(key);
    found?.delete(values);
    if (found?.size === 0) this.rows.delete(key);
  }

  private keyOf(values: Values): unknown {
    this.frame.values = values;
    return joinKey(this.keys, this.frame);
  }
}

/** What the two sides of a join must have equal; undefined where that is NULL, which equals nothing. */
export function joinKey(keys: readonly Evaluate[], frame: Frame): unknown {
  const [only] = keys;
  if (only === undefined) return 0;
  if (keys.length === 1) {
    const value = only(frame);
    return value === null ? undefined : mapKey(value);
  }
  const values: Value[] = keys.map((evaluate) => evaluate(frame));
  return values.includes(null) ? undefined : mapKeyOfAll(values);
}
