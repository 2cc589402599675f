import type { AggregatePlan } from '../check/context.ts';
import { type Accumulator, Distinct } from '../functions/accumulators.ts';
import type { StateReader } from '../state/state-reader.ts';
import type { StateWriter } from '../state/state-writer.ts';
import type { Forgetful } from '../state/stateful.ts';
import { mapKey, mapKeyOfAll } from '../values/compare.ts';
import type { Evaluate, Frame, Value } from '../values/value.ts';
import type { StateBudget } from './operator.ts';

/** The states of a query's aggregates over some rows, one for each aggregate. */
export type States = readonly Accumulator[];

/**
 * How a query groups and aggregates. States of aggregates that never reset (MIN_FOREVER) belong to the group itself and
 * are shared by all its windows: they are added to, but never merged.
 */
export class Aggregation implements Forgetful {
  readonly keys: readonly Evaluate[];
  readonly plans: readonly AggregatePlan[];
  readonly hasForever: boolean;
  private readonly forever = new Map<unknown, States>();
  private readonly budget: StateBudget;

  constructor(keys: readonly Evaluate[], plans: readonly AggregatePlan[], budget: StateBudget) {
    this.budget = budget;
    this.keys = keys;
    this.plans = plans;
    this.hasForever = plans.some(({ forever }) => forever);
  }

  keyOf(frame: Frame): unknown {
    const [only] = this.keys;
    if (only !== undefined && this.keys.length === 1) return mapKey(only(frame));
    return groupKeyOf(this.keyValues(frame));
  }

  keyValues(frame: Frame): Value[] {
    return this.keys.map((evaluate) => evaluate(frame));
  }

  /** False where the row's group would need a state that never resets, and there is no room for it. */
  admits(frame: Frame): boolean {
    if (!this.hasForever) return true;
    const key = this.keyOf(frame);
    if (this.forever.has(key)) return true;
    if (!this.budget.take()) return false;
    this.foreverOf(key);
    return true;
  }

  create(key: unknown): States {
    if (!this.hasForever) return this.plans.map(({ create }) => create());
    const shared = this.foreverOf(key);
    return this.plans.map(({ forever, create }, index) => (forever ? shared[index]! : create()));
  }

  /** The group's own states; only those of aggregates that never reset are in use. */
  foreverOf(key: unknown): States {
    let states = this.forever.get(key);
    if (states === undefined) {
      states = this.plans.map(({ create }) => create());
      this.forever.set(key, states);
    }
    return states;
  }

  add(states: States, frame: Frame, order: number): void {
    const { plans } = this;
    for (let i = 0; i < plans.length; i++) {
      const { argument } = plans[i]!;
      states[i]!.add(argument === undefined ? true : argument(frame), order);
    }
  }

  merge(into: States, from: States): void {
    const { plans } = this;
    for (let i = 0; i < plans.length; i++) {
      if (!plans[i]!.forever) into[i]!.merge(from[i]!);
    }
  }

  /** Takes out what was merged; only aggregates over distinct values know how. */
  removeDistinct(into: States, from: States): void {
    for (let i = 0; i < this.plans.length; i++) {
      const state = into[i]!;
      if (state instanceof Distinct) state.remove(from[i] as Distinct);
    }
  }

  /** Merges the aggregates over distinct values, or all the others. */
  mergeOnly(distinct: boolean, into: States, from: States): void {
    const { plans } = this;
    for (let i = 0; i < plans.length; i++) {
      const plan = plans[i]!;
      if (!plan.forever && plan.distinct === distinct) into[i]!.merge(from[i]!);
    }
  }

  results(states: States): Value[] {
    return states.map((state) => state.result());
  }

  /** Whether no group has a state that never resets. */
  get isEmpty(): boolean {
    return this.forever.size === 0;
  }

  /** What belongs to the groups themselves; the states of windows are written by who holds them. */
  snapshot(writer: StateWriter): void {
    writer.list(this.forever, ([key, states]) => {
      writer.key(key);
      this.eachState(states, true, (state) => state.snapshot(writer));
    });
  }

  restore(reader: StateReader): void {
    reader.list(() => {
      const states = this.plans.map(({ create }) => create());
      this.forever.set(reader.key(), states);
      this.eachState(states, true, (state) => state.restore(reader));
    });
  }

  writeStates(writer: StateWriter, states: States): void {
    this.eachState(states, false, (state) => state.snapshot(writer));
  }

  readStates(reader: StateReader, key: unknown): States {
    const states = this.create(key);
    this.eachState(states, false, (state) => state.restore(reader));
    return states;
  }

  private eachState(states: States, forever: boolean, visit: (state: Accumulator) => void): void {
    for (const [index, plan] of this.plans.entries()) {
      if (plan.forever === forever) visit(states[index]!);
    }
  }
}

/** By which a Map finds the group of these values. */
export function groupKeyOf(values: readonly Value[]): unknown {
  if (values.length === 0) return null;
  return values.length === 1 ? mapKey(values[0]!) : mapKeyOfAll(values);
}
