import type { QueryPlan } from '../check/query-plan.ts';
import type { StateReader } from '../state/state-reader.ts';
import type { StateWriter } from '../state/state-writer.ts';
import type { Stateful } from '../state/stateful.ts';
import type { Frame, Row, Value } from '../values/value.ts';
import { Aggregation, type States } from './aggregation.ts';
import type { BatchOutput } from './batch-output.ts';
import type { StateBudget } from './operator.ts';

/** What one batch window holds: its rows, or a state for each of its groups. */
export interface WindowContent extends Stateful {
  /** `order` counts arrivals. */
  add(row: Row, order: number): void;
  /** Takes over what another window of this operator holds. */
  merge(other: WindowContent): void;
  /** Emits everything; the content is not used again. `timestamp` is that of rows that stand for the whole window. */
  close(startMs: number, endMs: number, timestamp: number): void;
}

export interface ContentParts {
  readonly plan: QueryPlan;
  readonly frame: Frame;
  readonly output: BatchOutput;
  readonly budget: StateBudget;
}

/** Makes the contents of one operator; its own state is what outlives every window. */
export interface Contents extends Stateful {
  create(): WindowContent;
}

export function contents(parts: ContentParts): Contents {
  const aggregation = new Aggregation(parts.plan.keys, parts.plan.aggregates);
  const isRows = parts.plan.mode === 'rows';
  return {
    create: () => (isRows ? new RowsContent(parts) : new GroupsContent(parts, aggregation)),
    snapshot: (writer) => aggregation.snapshot(writer),
    restore: (reader) => aggregation.restore(reader),
  };
}

class RowsContent implements WindowContent {
  private readonly parts: ContentParts;
  private rows: { readonly row: Row; readonly order: number }[] = [];

  constructor(parts: ContentParts) {
    this.parts = parts;
  }

  add(row: Row, order: number): void {
    if (this.parts.budget.take()) this.rows.push({ row, order });
  }

  merge(other: RowsContent): void {
    this.rows = [...this.rows, ...other.rows].sort((a, b) => a.order - b.order);
  }

  snapshot(writer: StateWriter): void {
    writer.list(this.rows, ({ row, order }) => {
      writer.row(row);
      writer.count(order);
    });
  }

  restore(reader: StateReader): void {
    this.rows = reader.list(() => ({ row: reader.row(), order: reader.count() }));
  }

  close(startMs: number, endMs: number): void {
    const { frame, output, budget } = this.parts;
    budget.release(this.rows.length);
    for (const { row } of this.rows) {
      frame.values = row.values;
      frame.timestamp = row.timestamp;
      frame.windowStart = startMs;
      frame.windowEnd = endMs;
      output.add(frame);
    }
    output.finish();
  }
}

interface Group {
  readonly keys: readonly Value[];
  readonly states: States;
  /** Arrival of its first row. */
  order: number;
}

class GroupsContent implements WindowContent {
  private readonly parts: ContentParts;
  private readonly aggregation: Aggregation;
  private readonly groups = new Map<unknown, Group>();
  private isOrdered = true;

  constructor(parts: ContentParts, aggregation: Aggregation) {
    this.parts = parts;
    this.aggregation = aggregation;
  }

  add(row: Row, order: number): void {
    const { frame, budget } = this.parts;
    frame.values = row.values;
    frame.timestamp = row.timestamp;
    const key = this.aggregation.keyOf(frame);
    let group = this.groups.get(key);
    if (group === undefined) {
      if (!budget.take()) return;
      group = { keys: this.aggregation.keyValues(frame), states: this.aggregation.create(key), order };
      this.groups.set(key, group);
    }
    this.aggregation.add(group.states, frame, order);
  }

  merge(other: GroupsContent): void {
    this.isOrdered = false;
    for (const [key, theirs] of other.groups) {
      const ours = this.groups.get(key);
      if (ours === undefined) {
        this.groups.set(key, theirs);
        continue;
      }
      this.aggregation.merge(ours.states, theirs.states);
      ours.order = Math.min(ours.order, theirs.order);
      this.parts.budget.release(1);
    }
  }

  snapshot(writer: StateWriter): void {
    writer.boolean(this.isOrdered);
    writer.list(this.groups, ([key, { keys, states, order }]) => {
      writer.key(key);
      writer.values(keys);
      writer.count(order);
      this.aggregation.writeStates(writer, states);
    });
  }

  restore(reader: StateReader): void {
    this.isOrdered = reader.boolean();
    reader.list(() => {
      const key = reader.key();
      const keys = reader.values();
      const order = reader.count();
      this.groups.set(key, { keys, order, states: this.aggregation.readStates(reader, key) });
    });
  }

  close(startMs: number, endMs: number, timestamp: number): void {
    const { frame, output, budget } = this.parts;
    budget.release(this.groups.size);
    const groups = [...this.groups.values()];
    if (!this.isOrdered) groups.sort((a, b) => a.order - b.order);
    for (const { keys, states } of groups) {
      frame.keys = keys;
      frame.aggregates = this.aggregation.results(states);
      frame.timestamp = timestamp;
      frame.windowStart = startMs;
      frame.windowEnd = endMs;
      output.add(frame);
    }
    output.finish();
  }
}
