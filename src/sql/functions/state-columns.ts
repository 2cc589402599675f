/** One column beside the other, as the accumulators are that they must equal to the last bit: long for their number only. */
import type { StateReader } from '../state/state-reader.ts';
import type { StateWriter } from '../state/state-writer.ts';
import { type Long, longFromBig } from '../values/long.ts';
import type { Value } from '../values/value.ts';
import type { Accumulator } from './accumulators.ts';

/**
 * The states of one aggregate over many groups, side by side: a group is a slot of some arrays of numbers, where an object
 * for each would be ten times as large. Each kind does what the Accumulator of its aggregate does, to the last bit.
 */
export interface StateColumn {
  /** Makes room for so many slots. */
  resize(slots: number): void;
  /** A slot that is used from now on is empty. */
  clear(slot: number): void;
  add(slot: number, value: Value, order: number): void;
  /** `from` is a column of the same aggregate. */
  merge(slot: number, from: StateColumn, fromSlot: number): void;
  result(slot: number): Value;
  snapshot(slot: number, writer: StateWriter): void;
  restore(slot: number, reader: StateReader): void;
}

type Numbers = Float64Array<ArrayBuffer>;

function resized(numbers: Numbers, slots: number): Numbers {
  const larger = new Float64Array(slots);
  larger.set(numbers.length > slots ? numbers.subarray(0, slots) : numbers);
  return larger;
}

export class CountColumn implements StateColumn {
  private counts = new Float64Array(0);

  resize(slots: number): void {
    this.counts = resized(this.counts, slots);
  }

  clear(slot: number): void {
    this.counts[slot] = 0;
  }

  add(slot: number, value: Value): void {
    if (value !== null) this.counts[slot]!++;
  }

  merge(slot: number, from: CountColumn, fromSlot: number): void {
    this.counts[slot]! += from.counts[fromSlot]!;
  }

  result(slot: number): number {
    return this.counts[slot]!;
  }

  snapshot(slot: number, writer: StateWriter): void {
    writer.count(this.counts[slot]!);
  }

  restore(slot: number, reader: StateReader): void {
    this.counts[slot] = reader.count();
  }
}

/** A total that begins with 0 is never −0: that marks one without any value. */
const noTotal = -0;

export class SumDoubleColumn implements StateColumn {
  private totals = new Float64Array(0);

  resize(slots: number): void {
    this.totals = resized(this.totals, slots);
  }

  clear(slot: number): void {
    this.totals[slot] = noTotal;
  }

  add(slot: number, value: Value): void {
    // Adding 0 takes the mark away, and changes nothing else.
    if (value !== null) this.totals[slot] = this.totals[slot]! + 0 + (value as number);
  }

  merge(slot: number, from: SumDoubleColumn, fromSlot: number): void {
    const total = from.totals[fromSlot]!;
    if (!Object.is(total, noTotal)) this.totals[slot] = this.totals[slot]! + 0 + total;
  }

  total(slot: number): number {
    return this.totals[slot]!;
  }

  result(slot: number): number | null {
    const total = this.totals[slot]!;
    return Object.is(total, noTotal) || !Number.isFinite(total) ? null : total;
  }

  snapshot(slot: number, writer: StateWriter): void {
    writer.number(this.totals[slot]!);
  }

  restore(slot: number, reader: StateReader): void {
    this.totals[slot] = reader.number();
  }
}

/** Exact totals: numbers as long as that is exact, bigints from then on. */
class LongTotals {
  private totals = new Float64Array(0);
  private readonly large = new Map<number, bigint>();

  resize(slots: number): void {
    this.totals = resized(this.totals, slots);
  }

  clear(slot: number): void {
    this.totals[slot] = noTotal;
    if (this.large.size > 0) this.large.delete(slot);
  }

  isEmpty(slot: number): boolean {
    return Object.is(this.totals[slot], noTotal);
  }

  get(slot: number): Long {
    return (this.large.size > 0 ? this.large.get(slot) : undefined) ?? this.totals[slot]!;
  }

  add(slot: number, value: Long): void {
    const total = this.get(slot);
    if (typeof value === 'number' && typeof total === 'number') {
      const sum = total + 0 + value;
      if (Number.isSafeInteger(sum)) {
        this.totals[slot] = sum;
        return;
      }
    }
    this.set(slot, BigInt(total) + BigInt(value));
  }

  private set(slot: number, total: Long): void {
    if (typeof total === 'number') this.totals[slot] = total;
    else {
      this.totals[slot] = 0;
      this.large.set(slot, total);
    }
  }

  snapshot(slot: number, writer: StateWriter): void {
    writer.value(this.get(slot));
  }

  restore(slot: number, reader: StateReader): void {
    this.set(slot, reader.value() as Long);
  }
}

export class SumLongColumn implements StateColumn {
  private readonly totals = new LongTotals();

  resize(slots: number): void {
    this.totals.resize(slots);
  }

  clear(slot: number): void {
    this.totals.clear(slot);
  }

  add(slot: number, value: Value): void {
    if (value !== null) this.totals.add(slot, value as Long);
  }

  merge(slot: number, from: SumLongColumn, fromSlot: number): void {
    if (!from.totals.isEmpty(fromSlot)) this.totals.add(slot, from.totals.get(fromSlot));
  }

  /** As exact as it is, and beyond 64 bits. */
  total(slot: number): Long {
    return this.totals.get(slot);
  }

  result(slot: number): Long | null {
    if (this.totals.isEmpty(slot)) return null;
    const total = this.totals.get(slot);
    return typeof total === 'number' ? total : longFromBig(total);
  }

  snapshot(slot: number, writer: StateWriter): void {
    this.totals.snapshot(slot, writer);
  }

  restore(slot: number, reader: StateReader): void {
    this.totals.restore(slot, reader);
  }
}

/** AVG of doubles, or of integers, whose totals are exact. */
export class AverageColumn implements StateColumn {
  private readonly counts = new CountColumn();
  private readonly totals: SumDoubleColumn | SumLongColumn;

  constructor(exact: boolean) {
    this.totals = exact ? new SumLongColumn() : new SumDoubleColumn();
  }

  resize(slots: number): void {
    this.counts.resize(slots);
    this.totals.resize(slots);
  }

  clear(slot: number): void {
    this.counts.clear(slot);
    this.totals.clear(slot);
  }

  add(slot: number, value: Value): void {
    this.counts.add(slot, value);
    this.totals.add(slot, value);
  }

  merge(slot: number, from: AverageColumn, fromSlot: number): void {
    this.counts.merge(slot, from.counts, fromSlot);
    (this.totals as StateColumn).merge(slot, from.totals, fromSlot);
  }

  result(slot: number): number | null {
    const average = Number(this.totals.total(slot)) / this.counts.result(slot);
    return Number.isFinite(average) ? average : null;
  }

  snapshot(slot: number, writer: StateWriter): void {
    this.counts.snapshot(slot, writer);
    this.totals.snapshot(slot, writer);
  }

  restore(slot: number, reader: StateReader): void {
    this.counts.restore(slot, reader);
    this.totals.restore(slot, reader);
  }
}

/** MIN and MAX of doubles. No value is NaN: that marks a slot without any. */
export class ExtremeColumn implements StateColumn {
  private bests = new Float64Array(0);
  private readonly sign: 1 | -1;

  constructor(sign: 1 | -1) {
    this.sign = sign;
  }

  resize(slots: number): void {
    this.bests = resized(this.bests, slots);
  }

  clear(slot: number): void {
    this.bests[slot] = Number.NaN;
  }

  add(slot: number, value: Value, _order: number): void {
    if (value !== null) this.take(slot, value as number);
  }

  merge(slot: number, from: ExtremeColumn, fromSlot: number): void {
    const best = from.bests[fromSlot]!;
    if (!Number.isNaN(best)) this.take(slot, best);
  }

  private take(slot: number, value: number): void {
    const best = this.bests[slot]!;
    // Written so that anything is better than NaN.
    const isNoBetter = this.sign === 1 ? value <= best : value >= best;
    if (!isNoBetter) this.bests[slot] = value;
  }

  result(slot: number): number | null {
    const best = this.bests[slot]!;
    return Number.isNaN(best) ? null : best;
  }

  snapshot(slot: number, writer: StateWriter): void {
    writer.number(this.bests[slot]!);
  }

  restore(slot: number, reader: StateReader): void {
    this.bests[slot] = reader.number();
  }
}

/** Any other aggregate: an object for each slot. */
export class ObjectColumn implements StateColumn {
  private readonly states: Accumulator[] = [];
  private readonly create: () => Accumulator;

  constructor(create: () => Accumulator) {
    this.create = create;
  }

  resize(slots: number): void {
    if (this.states.length > slots) this.states.length = slots;
  }

  clear(slot: number): void {
    this.states[slot] = this.create();
  }

  /** Puts a state in that somebody else has, too. */
  share(slot: number, state: Accumulator): void {
    this.states[slot] = state;
  }

  at(slot: number): Accumulator {
    return this.states[slot]!;
  }

  add(slot: number, value: Value, order: number): void {
    this.states[slot]!.add(value, order);
  }

  merge(slot: number, from: ObjectColumn, fromSlot: number): void {
    this.states[slot]!.merge(from.states[fromSlot]!);
  }

  result(slot: number): Value {
    return this.states[slot]!.result();
  }

  snapshot(slot: number, writer: StateWriter): void {
    this.states[slot]!.snapshot(writer);
  }

  restore(slot: number, reader: StateReader): void {
    this.states[slot]!.restore(reader);
  }
}
