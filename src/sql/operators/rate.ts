import type { QueryPlan } from '../check/query-plan.ts';
import type { StateReader } from '../state/state-reader.ts';
import type { StateWriter } from '../state/state-writer.ts';
import type { Forgetful } from '../state/stateful.ts';
import type { Row } from '../values/value.ts';
import type { Operator, Output, StateBudget } from './operator.ts';

/** OUTPUT ALL, FIRST or LAST EVERY n EVENTS. */
export class Rate implements Operator, Forgetful {
  private readonly rate: NonNullable<QueryPlan['rate']>;
  private readonly output: Output;
  private readonly budget: StateBudget;
  private held: Row[] = [];
  private newest: Row | undefined;
  private count = 0;

  constructor(rate: NonNullable<QueryPlan['rate']>, output: Output, budget: StateBudget) {
    this.rate = rate;
    this.output = output;
    this.budget = budget;
  }

  push(row: Row): void {
    const { kind, every } = this.rate;
    const isFirst = this.count === 0;
    this.count = (this.count + 1) % every;
    if (kind === 'first') {
      if (isFirst) this.output.push(row);
      return;
    }
    if (kind === 'all' && this.budget.take()) this.held.push(row);
    if (kind === 'last') this.newest = row;
    if (this.count === 0) this.release();
  }

  end(): void {
    this.release();
  }

  get isEmpty(): boolean {
    return this.count === 0 && this.held.length === 0 && this.newest === undefined;
  }

  snapshot(writer: StateWriter): void {
    writer.count(this.count);
    writer.list(this.held, (row) => writer.row(row));
    writer.list(this.newest === undefined ? [] : [this.newest], (row) => writer.row(row));
  }

  restore(reader: StateReader): void {
    this.count = reader.count();
    this.held = reader.list(() => reader.row());
    [this.newest] = reader.list(() => reader.row());
  }

  private release(): void {
    const held = this.held;
    const newest = this.newest;
    this.held = [];
    this.newest = undefined;
    this.budget.release(held.length);
    for (const row of held) this.output.push(row);
    if (newest !== undefined) this.output.push(newest);
  }
}
