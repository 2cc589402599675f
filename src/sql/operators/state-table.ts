import type { Distinct } from '../functions/accumulators.ts';
import type { ObjectColumn, StateColumn } from '../functions/state-columns.ts';
import type { StateReader } from '../state/state-reader.ts';
import type { StateWriter } from '../state/state-writer.ts';
import type { Frame, Value } from '../values/value.ts';
import type { Aggregation } from './aggregation.ts';
import type { StateBudget } from './operator.ts';

const firstSlots = 16;

/**
 * States of all aggregates of a query for many groups, by slot: what `States` are for one group. Slots that are free are
 * taken again; once none is in use and most of the memory was not needed, it is given back.
 */
export class StateTable {
  private readonly aggregation: Aggregation;
  private readonly columns: readonly StateColumn[];
  private slots = 0;
  private readonly free: number[] = [];
  /** Slots from here on were never used. */
  private next = 0;

  /** Of aggregates over distinct values. */
  private readonly distinct: readonly number[];
  private readonly budget: StateBudget | undefined;

  /** With a budget each distinct value takes one of it: not where the values are copies of what another table keeps. */
  constructor(aggregation: Aggregation, budget?: StateBudget) {
    this.aggregation = aggregation;
    this.budget = budget;
    this.columns = aggregation.plans.map(({ column }) => column());
    this.distinct = aggregation.plans.flatMap(({ distinct }, index) => (distinct ? [index] : []));
  }

  /** An empty slot for a group. */
  take(key: unknown): number {
    const slot = this.free.pop() ?? this.next++;
    if (slot >= this.slots) this.resize(Math.max(firstSlots, this.slots * 2));
    this.clear(slot, key);
    return slot;
  }

  /** Number of slots there is room for; a place beside the states needs as many. */
  get size(): number {
    return this.slots;
  }

  release(slot: number): void {
    this.budget?.release(this.distinctValues(slot));
    for (const index of this.distinct) this.columns[index]!.clear(slot);
    this.free.push(slot);
    if (this.free.length < this.next) return;
    if (this.slots > firstSlots && this.next < this.slots / 4) this.resize(Math.max(firstSlots, this.slots / 2));
    this.free.length = 0;
    this.next = 0;
  }

  /** Gives it as many slots as another one has, where both go by the same slots. */
  fit({ slots }: StateTable): void {
    if (slots !== this.slots) this.resize(slots);
  }

  private resize(slots: number): void {
    this.slots = slots;
    for (const column of this.columns) column.resize(slots);
  }

  clear(slot: number, key: unknown): void {
    const { plans, hasForever } = this.aggregation;
    const shared = hasForever ? this.aggregation.foreverOf(key) : undefined;
    for (let i = 0; i < plans.length; i++) {
      if (shared !== undefined && plans[i]!.forever) (this.columns[i] as ObjectColumn).share(slot, shared[i]!);
      else this.columns[i]!.clear(slot);
    }
  }

  /** Empties all but the aggregates over distinct values. */
  clearPlain(slot: number): void {
    const { plans } = this.aggregation;
    for (let i = 0; i < plans.length; i++) {
      const plan = plans[i]!;
      if (!plan.forever && !plan.distinct) this.columns[i]!.clear(slot);
    }
  }

  add(slot: number, frame: Frame, order: number): void {
    const { plans } = this.aggregation;
    for (let i = 0; i < plans.length; i++) {
      const { argument, distinct } = plans[i]!;
      const value = argument === undefined ? true : argument(frame);
      if (distinct && !this.hasRoom(i, slot, value)) continue;
      this.columns[i]!.add(slot, value, order);
    }
  }

  private hasRoom(aggregate: number, slot: number, value: Value): boolean {
    const { budget } = this;
    return budget === undefined || value === null || this.distinctAt(aggregate, slot).has(value) || budget.take();
  }

  private distinctAt(aggregate: number, slot: number): Distinct {
    return (this.columns[aggregate] as ObjectColumn).at(slot) as Distinct;
  }

  private distinctValues(slot: number): number {
    let sum = 0;
    for (const index of this.distinct) sum += this.distinctAt(index, slot).size;
    return sum;
  }

  merge(slot: number, from: StateTable, fromSlot: number): void {
    const { plans } = this.aggregation;
    const before = this.distinctValues(slot);
    for (let i = 0; i < plans.length; i++) {
      if (!plans[i]!.forever) this.columns[i]!.merge(slot, from.columns[i]!, fromSlot);
    }
    // Values that come over are never refused: the slot that they come from is released next.
    this.budget?.release(before - this.distinctValues(slot));
  }

  /** Merges the aggregates over distinct values, or all the others. */
  mergeOnly(distinct: boolean, slot: number, from: StateTable, fromSlot: number): void {
    const { plans } = this.aggregation;
    for (let i = 0; i < plans.length; i++) {
      const plan = plans[i]!;
      if (!plan.forever && plan.distinct === distinct) this.columns[i]!.merge(slot, from.columns[i]!, fromSlot);
    }
  }

  /** Takes out what was merged; only aggregates over distinct values know how. */
  removeDistinct(slot: number, from: StateTable, fromSlot: number): void {
    for (const index of this.distinct) this.distinctAt(index, slot).remove(from.distinctAt(index, fromSlot));
  }

  result(slot: number, aggregate: number): Value {
    return this.columns[aggregate]!.result(slot);
  }

  results(slot: number): Value[] {
    const { columns } = this;
    const results: Value[] = new Array(columns.length);
    for (let i = 0; i < columns.length; i++) results[i] = columns[i]!.result(slot);
    return results;
  }

  /** What aggregates that never reset have belongs to the groups, not to slots: the Aggregation writes it. */
  snapshot(slot: number, writer: StateWriter): void {
    const { plans } = this.aggregation;
    for (let i = 0; i < plans.length; i++) if (!plans[i]!.forever) this.columns[i]!.snapshot(slot, writer);
  }

  /** Puts what `snapshot` wrote into a slot that has been taken. */
  restore(slot: number, reader: StateReader): void {
    const { plans } = this.aggregation;
    for (let i = 0; i < plans.length; i++) if (!plans[i]!.forever) this.columns[i]!.restore(slot, reader);
  }
}
