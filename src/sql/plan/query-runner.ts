import type { QueryPlan } from '../check/query-plan.ts';
import type { Output, StateBudget, WindowClock } from '../operators/operator.ts';
import type { Table } from '../operators/table.ts';
import type { StateReader } from '../state/state-reader.ts';
import type { StateWriter } from '../state/state-writer.ts';
import type { Stateful } from '../state/stateful.ts';
import type { Row, Value } from '../values/value.ts';
import { buildInstance, type Instance } from './instance.ts';
import { KeyNumbers } from './key-numbers.ts';

interface RunnerParts {
  readonly plan: QueryPlan;
  readonly budget: StateBudget;
  readonly output: Output;
  readonly clockFor: (instance: number) => WindowClock;
  readonly delaysFor: (instance: number) => Pick<WindowClock, 'at' | 'later'>;
  readonly now: () => number;
  readonly table: (name: string) => Table;
  /** For each partition of the script the key whose row is being processed; undefined outside of it. */
  readonly currentKeys: unknown[];
  readonly mapKey: (value: Value) => unknown;
  /** Under PARTITION: no row that the query reads can be without a key. */
  readonly allKeyed: boolean;
}

interface Keyed {
  readonly instance: Instance;
  readonly number: number;
}

/**
 * A query at work: one instance, or under PARTITION one for each key that has something to remember. A key whose instance has
 * become empty gives it back; one of a query without state never has any.
 */
export class QueryRunner implements Stateful {
  private readonly parts: RunnerParts;
  /** Without PARTITION. */
  private readonly single?: Instance;
  /** For all keys of a query without state. */
  private readonly stateless?: Instance;
  private readonly keepsState: boolean;
  private readonly instances = new Map<unknown, Keyed>();
  private readonly numbers = new KeyNumbers();
  private depth = 0;
  /** Keys that were visited while another one was at work. */
  private readonly visited = new Set<unknown>();
  private rowsIn = 0;
  private rowsOut = 0;
  /** Rows that belong to no key and came when there was none; no part of a checkpoint. */
  private keyless = 0;

  constructor(parts: RunnerParts) {
    const output: Output = {
      push: (row) => {
        this.rowsOut++;
        parts.output.push(row);
      },
    };
    this.parts = { ...parts, output };
    const first = this.build(0);
    this.keepsState = first.isStateful;
    if (parts.plan.partition === undefined) this.single = first;
    else if (!first.isStateful && parts.allKeyed) this.stateless = first;
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
    else if (this.instances.size === 0) this.keyless++;
    else for (const key of [...this.instances.keys()]) this.pushTo(key, stream, row);
  }

  private pushTo(key: unknown, stream: string, row: Row): void {
    let instance = this.stateless ?? this.instances.get(key)?.instance;
    if (instance === undefined) {
      if (!this.parts.budget.take()) return;
      instance = this.open(key, this.numbers.take(key));
    }
    const found = instance;
    this.within(key, () => found.push(stream, row));
  }

  private open(key: unknown, number: number): Instance {
    const instance = this.build(number, key);
    this.instances.set(key, { instance, number });
    return instance;
  }

  /**
   * Gives an empty instance back; nothing of it may be at work. A row that belongs to no key is for all that there are, so
   * that keys are kept where such rows may come.
   */
  private leave(key: unknown): void {
    const keyed = this.instances.get(key);
    if (keyed === undefined || !this.parts.allKeyed || !keyed.instance.isEmpty) return;
    this.instances.delete(key);
    this.numbers.release(key, keyed.number);
    this.parts.budget.release(1);
  }

  /** NULL is a key like others, so that `undefined` alone means none. */
  private within(key: unknown, run: () => void): void {
    const { currentKeys, plan } = this.parts;
    const { index } = plan.partition!;
    const before = currentKeys[index];
    currentKeys[index] = key;
    this.depth++;
    try {
      run();
    } finally {
      currentKeys[index] = before;
      this.depth--;
    }
    if (this.depth > 0) {
      this.visited.add(key);
      return;
    }
    this.leave(key);
    if (this.visited.size === 0) return;
    for (const other of this.visited) this.leave(other);
    this.visited.clear();
  }

  private build(instance: number, key?: unknown): Instance {
    const { clockFor, delaysFor } = this.parts;
    const inKey = <C extends Pick<WindowClock, 'at' | 'later'>>(clock: C): C => {
      if (this.parts.plan.partition === undefined) return clock;
      const at: WindowClock['at'] = (due, start, fire, sequence) =>
        clock.at(due, start, (time) => this.within(key, () => fire(time)), sequence);
      const later: WindowClock['later'] = (due, fire) => clock.later(due, (time) => this.within(key, () => fire(time)));
      return { ...clock, at, later };
    };
    return buildInstance({ ...this.parts, clock: inKey(clockFor(instance)), delays: inKey(delaysFor(instance)) });
  }

  end(): void {
    this.single?.end();
    const inOrder = [...this.instances].sort(([, a], [, b]) => a.number - b.number);
    for (const [key, { instance }] of inOrder) this.within(key, () => instance.end());
  }

  /** Whether it remembers anything of the rows that it has read. */
  get isStateful(): boolean {
    return this.keepsState || (this.single === undefined && this.stateless === undefined);
  }

  snapshot(writer: StateWriter): void {
    writer.begin(`query ${this.parts.plan.index + 1}`);
    writer.count(this.rowsIn);
    writer.count(this.rowsOut);
    this.parts.budget.snapshot(writer);
    this.single?.snapshot(writer);
    this.numbers.snapshot(writer);
    writer.list(this.instances, ([key, { instance, number }]) => {
      writer.key(key);
      writer.count(number);
      instance.snapshot(writer);
    });
  }

  restore(reader: StateReader): void {
    reader.begin(`query ${this.parts.plan.index + 1}`);
    this.rowsIn = reader.count();
    this.rowsOut = reader.count();
    this.parts.budget.restore(reader);
    this.single?.restore(reader);
    this.numbers.restore(reader);
    reader.list(() => {
      const key = reader.key();
      this.open(key, reader.count()).restore(reader);
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
      keyless: this.keyless,
      state: size,
      stateLimit: limit,
      refused,
    };
  }
}
