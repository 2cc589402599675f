/** All aggregates side by side, so that what one does when it is empty or merged can be compared: long for their number only. */
import type { StateReader } from '../state/state-reader.ts';
import type { StateWriter } from '../state/state-writer.ts';
import type { Stateful } from '../state/stateful.ts';
import { compareNumbers, mapKey } from '../values/compare.ts';
import { type Long, longFromBig } from '../values/long.ts';
import { compareText } from '../values/text.ts';
import type { ExpressionType } from '../values/type.ts';
import type { Value } from '../values/value.ts';

/**
 * The state of one aggregate over some rows. States merge, so that windows can be put together from panes and sliding
 * windows never have to take a value out again: taking out is inexact for doubles and impossible for MIN and MAX.
 */
export interface Accumulator extends Stateful {
  /** `order` counts arrivals; FIRST and LAST follow it. NULLs are skipped. */
  add(value: Value, order: number): void;
  /** `other` is of the same kind and stays as it is. */
  merge(other: Accumulator): void;
  result(): Value;
}

export class Count implements Accumulator {
  private count = 0;

  add(value: Value): void {
    if (value !== null) this.count++;
  }

  merge(other: Count): void {
    this.count += other.count;
  }

  result(): number {
    return this.count;
  }

  snapshot(writer: StateWriter): void {
    writer.count(this.count);
  }

  restore(reader: StateReader): void {
    this.count = reader.count();
  }
}

/** Exact: a number as long as that is, then a bigint without bounds. NULL only while the total is outside LONG. */
export class SumLong implements Accumulator {
  private total: Long = 0;
  private isEmpty = true;

  add(value: Value): void {
    if (value === null) return;
    this.isEmpty = false;
    this.addTotal(value as Long);
  }

  merge(other: SumLong): void {
    if (other.isEmpty) return;
    this.isEmpty = false;
    this.addTotal(other.total);
  }

  private addTotal(value: Long): void {
    if (typeof value === 'number' && typeof this.total === 'number') {
      const sum = this.total + value;
      if (Number.isSafeInteger(sum)) {
        this.total = sum;
        return;
      }
    }
    this.total = BigInt(this.total) + BigInt(value);
  }

  result(): Long | null {
    if (this.isEmpty) return null;
    return typeof this.total === 'number' ? this.total : longFromBig(this.total);
  }

  snapshot(writer: StateWriter): void {
    writer.value(this.total);
    writer.boolean(this.isEmpty);
  }

  restore(reader: StateReader): void {
    this.total = reader.value() as Long;
    this.isEmpty = reader.boolean();
  }
}

export class SumDouble implements Accumulator {
  private total = 0;
  private isEmpty = true;

  add(value: Value): void {
    if (value === null) return;
    this.isEmpty = false;
    this.total += value as number;
  }

  merge(other: SumDouble): void {
    if (other.isEmpty) return;
    this.isEmpty = false;
    this.total += other.total;
  }

  result(): number | null {
    return this.isEmpty || !Number.isFinite(this.total) ? null : this.total;
  }

  snapshot(writer: StateWriter): void {
    writer.number(this.total);
    writer.boolean(this.isEmpty);
  }

  restore(reader: StateReader): void {
    this.total = reader.number();
    this.isEmpty = reader.boolean();
  }
}

export class Average implements Accumulator {
  private total: Long = 0;
  private count = 0;
  private readonly exact: boolean;

  constructor(exact: boolean) {
    this.exact = exact;
  }

  add(value: Value): void {
    if (value === null) return;
    this.count++;
    this.addTotal(value as Long);
  }

  merge(other: Average): void {
    this.count += other.count;
    this.addTotal(other.total);
  }

  private addTotal(value: Long): void {
    if (typeof value === 'number' && typeof this.total === 'number') {
      const sum = this.total + value;
      if (!this.exact || Number.isSafeInteger(sum)) {
        this.total = sum;
        return;
      }
    }
    this.total = BigInt(this.total) + BigInt(value);
  }

  result(): number | null {
    const average = Number(this.total) / this.count;
    return Number.isFinite(average) ? average : null;
  }

  snapshot(writer: StateWriter): void {
    writer.value(this.total);
    writer.count(this.count);
  }

  restore(reader: StateReader): void {
    this.total = reader.value() as Long;
    this.count = reader.count();
  }
}

/** Mean and squared distances, row by row (Welford) and merged (Chan et al.): no difference of two large sums. */
export class Variance implements Accumulator {
  private count = 0;
  private mean = 0;
  private squares = 0;
  private readonly sample: boolean;
  private readonly root: boolean;

  constructor(sample: boolean, root: boolean) {
    this.sample = sample;
    this.root = root;
  }

  add(value: Value): void {
    if (value === null) return;
    const number = Number(value);
    const distance = number - this.mean;
    this.mean += distance / ++this.count;
    this.squares += distance * (number - this.mean);
  }

  merge(other: Variance): void {
    if (other.count === 0) return;
    const count = this.count + other.count;
    const distance = other.mean - this.mean;
    this.mean += (distance * other.count) / count;
    this.squares += other.squares + (distance * distance * this.count * other.count) / count;
    this.count = count;
  }

  result(): number | null {
    const divisor = this.sample ? this.count - 1 : this.count;
    if (divisor <= 0) return null;
    const variance = this.squares / divisor;
    if (!Number.isFinite(variance)) return null;
    return this.root ? Math.sqrt(variance) : variance;
  }

  snapshot(writer: StateWriter): void {
    writer.count(this.count);
    writer.number(this.mean);
    writer.number(this.squares);
  }

  restore(reader: StateReader): void {
    this.count = reader.count();
    this.mean = reader.number();
    this.squares = reader.number();
  }
}

/** MIN (sign -1) and MAX (sign 1) of numbers or text. */
export class Extreme implements Accumulator {
  private best: Value = null;
  private readonly sign: 1 | -1;
  private readonly isText: boolean;

  constructor(sign: 1 | -1, type: ExpressionType) {
    this.sign = sign;
    this.isText = type === 'STRING';
  }

  add(value: Value): void {
    if (value === null) return;
    if (this.best === null || this.compare(value, this.best) * this.sign > 0) this.best = value;
  }

  merge(other: Extreme): void {
    this.add(other.best);
  }

  private compare(a: Value, b: Value): number {
    return this.isText ? compareText(a as string, b as string) : compareNumbers(a, b);
  }

  result(): Value {
    return this.best;
  }

  snapshot(writer: StateWriter): void {
    writer.value(this.best);
  }

  restore(reader: StateReader): void {
    this.best = reader.value();
  }
}

export class First implements Accumulator {
  private value: Value = null;
  private order = Number.POSITIVE_INFINITY;

  add(value: Value, order: number): void {
    if (value === null || order >= this.order) return;
    this.value = value;
    this.order = order;
  }

  merge(other: First): void {
    this.add(other.value, other.order);
  }

  result(): Value {
    return this.value;
  }

  snapshot(writer: StateWriter): void {
    writer.value(this.value);
    writer.number(this.order);
  }

  restore(reader: StateReader): void {
    this.value = reader.value();
    this.order = reader.number();
  }
}

export class Last implements Accumulator {
  private value: Value = null;
  private order = -1;

  add(value: Value, order: number): void {
    if (value === null || order < this.order) return;
    this.value = value;
    this.order = order;
  }

  merge(other: Last): void {
    this.add(other.value, other.order);
  }

  result(): Value {
    return this.value;
  }

  snapshot(writer: StateWriter): void {
    writer.value(this.value);
    writer.number(this.order);
  }

  restore(reader: StateReader): void {
    this.value = reader.value();
    this.order = reader.number();
  }
}

/** Lets equal values count once. Each value is kept with its count, so that sliding windows can also take one out. */
export class Distinct implements Accumulator {
  private readonly values = new Map<unknown, { readonly value: Value; count: number }>();
  private readonly create: () => Accumulator;

  constructor(create: () => Accumulator) {
    this.create = create;
  }

  /** How many values it keeps. */
  get size(): number {
    return this.values.size;
  }

  has(value: Value): boolean {
    return this.values.has(mapKey(value));
  }

  add(value: Value): void {
    if (value !== null) this.addTimes(value, 1);
  }

  merge(other: Distinct): void {
    for (const { value, count } of other.values.values()) this.addTimes(value, count);
  }

  /** Takes out what `other` holds; it has been added before. */
  remove(other: Distinct): void {
    for (const { value, count } of other.values.values()) this.addTimes(value, -count);
  }

  private addTimes(value: Value, count: number): void {
    const key = mapKey(value);
    const entry = this.values.get(key);
    if (entry === undefined) this.values.set(key, { value, count });
    else if (entry.count + count > 0) entry.count += count;
    else this.values.delete(key);
  }

  result(): Value {
    const inner = this.create();
    let order = 0;
    for (const { value } of this.values.values()) inner.add(value, order++);
    return inner.result();
  }

  snapshot(writer: StateWriter): void {
    writer.list(this.values, ([, { value, count }]) => {
      writer.value(value);
      writer.count(count);
    });
  }

  restore(reader: StateReader): void {
    reader.list(() => this.addTimes(reader.value(), reader.count()));
  }
}
