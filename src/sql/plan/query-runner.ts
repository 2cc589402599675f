import type { QueryPlan } from '../check/query-plan.ts';
import type { Output, StateBudget, WindowClock } from '../operators/operator.ts';
import type { Table } from '../operators/table.ts';
import type { StateReader } from '../state/state-reader.ts';
import type { StateWriter } from '../state/state-writer.ts';
import type { Stateful } from '../state/stateful.ts';
import type { Row, Value } from '../values/value.ts';
import { buildInstance, type Instance } from './instance.ts';

interface RunnerParts {
  readonly plan: QueryPlan;
  readonly budget: StateBudget;
  readonly output: Output;
  readonly clockFor: (instance: number) => WindowClock;
  readonly delaysFor: (instance: number) => Pick<WindowClock, 'at'>;
  readonly now: () => number;
  readonly table: (name: string) => Table;
  /** For each partition of the script the key whose row is being processed; undefined outside of it. */
  readonly currentKeys: unknown[];
  readonly mapKey: (value: Value) => unknown;
}

/** A query at work: one instance, or under PARTITION one for each key. */
export class QueryRunner implements Stateful {
  private readonly parts: RunnerParts;
  private readonly single?: Instance;
  private readonly instances = new Map<unknown, Instance>();
  private rowsIn = 0;
  private rowsOut = 0;

  constructor(parts: RunnerParts) {
    const output: Output = {
      push: (row) => {
        this.rowsOut++;
        parts.output.push(row);
      },
    };
    this.parts = { ...parts, output };
    if (parts.plan.partition === undefined) this.single = this.build(0);
  }

  push(stream: string, row: Row): void {
    this.rowsIn++;
    if (this.single !== undefined) {
      this.single.push(stream, row);
      return;
    }
    const { plan, currentKeys, mapKey } = this.parts;
    const { keys, index } = plan.partition!;
    const column = keys.get(stream);
    if (column !== undefined) this.pushTo(mapKey(row.values[column]!), stream, row);
    else if (currentKeys[index] !== undefined) this.pushTo(currentKeys[index], stream, row);
    // A row that belongs to no key is for all that there are.
    else for (const key of [...this.instances.keys()]) this.pushTo(key, stream, row);
  }

  private pushTo(key: unknown, stream: string, row: Row): void {
    let instance = this.instances.get(key);
    if (instance === undefined) {
      if (!this.parts.budget.take()) return;
      instance = this.build(this.instances.size, key);
      this.instances.set(key, instance);
    }
    const found = instance;
    this.within(key, () => found.push(stream, row));
  }

  /** NULL is a key like others, so that `undefined` alone means none. */
  private within(key: unknown, run: () => void): void {
    const { currentKeys, plan } = this.parts;
    const { index } = plan.partition!;
    const before = currentKeys[index];
    currentKeys[index] = key;
    try {
      run();
    } finally {
      currentKeys[index] = before;
    }
  }

  private build(instance: number, key?: unknown): Instance {
    const { clockFor, delaysFor } = this.parts;
    const inKey = <C extends Pick<WindowClock, 'at'>>(clock: C): C => {
      if (this.parts.plan.partition === undefined) return clock;
      const at: WindowClock['at'] = (due, start, fire, sequence) =>
        clock.at(due, start, (time) => this.within(key, () => fire(time)), sequence);
      return { ...clock, at };
    };
    return buildInstance({ ...this.parts, clock: inKey(clockFor(instance)), delays: inKey(delaysFor(instance)) });
  }

  end(): void {
    this.single?.end();
    for (const [key, instance] of this.instances) this.within(key, () => instance.end());
  }

  /** Whether it remembers anything of the rows that it has read. */
  get isStateful(): boolean {
    // Partitioned queries are built with their first row; telling them apart before that would save one small checkpoint.
    return this.single?.isStateful ?? true;
  }

  snapshot(writer: StateWriter): void {
    writer.begin(`query ${this.parts.plan.index + 1}`);
    writer.count(this.rowsIn);
    writer.count(this.rowsOut);
    this.parts.budget.snapshot(writer);
    this.single?.snapshot(writer);
    writer.list(this.instances, ([key, instance]) => {
      writer.key(key);
      instance.snapshot(writer);
    });
  }

  restore(reader: StateReader): void {
    reader.begin(`query ${this.parts.plan.index + 1}`);
    this.rowsIn = reader.count();
    this.rowsOut = reader.count();
    this.parts.budget.restore(reader);
    this.single?.restore(reader);
    reader.list(() => {
      const key = reader.key();
      const instance = this.build(this.instances.size, key);
      this.instances.set(key, instance);
      instance.restore(reader);
    });
  }

  statistics() {
    const { plan, budget } = this.parts;
    const { size, limit, refused, late } = budget;
    return {
      query: plan.index,
      target: plan.target,
      rowsIn: this.rowsIn,
      rowsOut: this.rowsOut,
      late,
      state: size,
      stateLimit: limit,
      refused,
    };
  }
}
