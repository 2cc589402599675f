import type { QueryPlan } from '../check/query-plan.ts';
import { Pages, pageEntries, readPages } from '../state/pages.ts';
import type { StateReader } from '../state/state-reader.ts';
import type { StateWriter } from '../state/state-writer.ts';
import type { Forgetful, Stateful } from '../state/stateful.ts';
import type { Frame, Row, Value } from '../values/value.ts';
import { Aggregation, groupKeyOf } from './aggregation.ts';
import type { BatchOutput } from './batch-output.ts';
import type { StateBudget } from './operator.ts';
import { StateTable } from './state-table.ts';

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
export interface Contents extends Forgetful {
  create(): WindowContent;
}

export function contents(parts: ContentParts): Contents {
  const groups = new Groups(parts);
  const isRows = parts.plan.mode === 'rows';
  return {
    create: () => (isRows ? new RowsContent(parts) : new GroupsContent(parts, groups)),
    get isEmpty() {
      return groups.aggregation.isEmpty;
    },
    snapshot: (writer) => groups.aggregation.snapshot(writer),
    restore: (reader) => groups.aggregation.restore(reader),
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

/** What the windows of one operator share: where the states of their groups lie. */
class Groups {
  readonly aggregation: Aggregation;
  readonly states: StateTable;
  /** Values of the group's keys, side by side; more than one for each slot where there are several keys. */
  readonly keys: Value[] = [];
  /** By slot the arrival of the group's first row. */
  orders = new Float64Array(0);
  /** By slot the group's place in its window. */
  places = new Int32Array(0);

  constructor({ plan, budget }: ContentParts) {
    this.aggregation = new Aggregation(plan.keys, plan.aggregates, budget);
    this.states = new StateTable(this.aggregation, budget);
  }

  /** Notes a group; `slot` has been taken for it. */
  set(slot: number, place: number, order: number, keys: readonly Value[]): void {
    if (this.states.size !== this.orders.length) this.resize(this.states.size);
    this.orders[slot] = order;
    this.places[slot] = place;
    for (let i = 0; i < keys.length; i++) this.keys[slot * keys.length + i] = keys[i]!;
  }

  private resize(slots: number): void {
    const orders = new Float64Array(slots);
    orders.set(this.orders.subarray(0, slots));
    this.orders = orders;
    const places = new Int32Array(slots);
    places.set(this.places.subarray(0, slots));
    this.places = places;
    const width = this.aggregation.keys.length;
    if (this.keys.length > slots * width) this.keys.length = slots * width;
  }

  keysOf(slot: number, into: Value[]): void {
    const width = this.aggregation.keys.length;
    for (let i = 0; i < width; i++) into[i] = this.keys[slot * width + i]!;
  }
}

class GroupsContent implements WindowContent {
  private readonly parts: ContentParts;
  private readonly shared: Groups;
  private readonly slots = new Map<unknown, number>();
  /** Slots by place, once there are more than fit a page. What two windows became one of is not in pages. */
  private pages: Pages<number> | undefined;
  private isOrdered = true;

  constructor(parts: ContentParts, shared: Groups) {
    this.parts = parts;
    this.shared = shared;
  }

  add(row: Row, order: number): void {
    const { frame, budget } = this.parts;
    const { aggregation, states } = this.shared;
    frame.values = row.values;
    frame.timestamp = row.timestamp;
    if (!aggregation.admits(frame)) return;
    const key = aggregation.keyOf(frame);
    let slot = this.slots.get(key);
    if (slot === undefined) {
      if (!budget.take()) return;
      slot = this.enter(key, order, aggregation.keyValues(frame));
    } else this.pages?.touch(this.shared.places[slot]!);
    states.add(slot, frame, order);
  }

  private enter(key: unknown, order: number, keys: readonly Value[]): number {
    const slot = this.shared.states.take(key);
    this.shared.set(slot, this.slots.size, order, keys);
    this.slots.set(key, slot);
    if (this.pages !== undefined) this.pages.add(slot);
    else if (this.isOrdered && this.slots.size > pageEntries) this.pages = new Pages(this.slots.values());
    return slot;
  }

  merge(other: GroupsContent): void {
    const { states, orders } = this.shared;
    this.isOrdered = false;
    this.pages = undefined;
    for (const [key, theirs] of other.slots) {
      const ours = this.slots.get(key);
      if (ours === undefined) {
        this.slots.set(key, theirs);
        continue;
      }
      states.merge(ours, states, theirs);
      orders[ours] = Math.min(orders[ours]!, orders[theirs]!);
      states.release(theirs);
      this.parts.budget.release(1);
    }
  }

  snapshot(writer: StateWriter): void {
    const { states, orders } = this.shared;
    const keys: Value[] = [];
    const write = (slot: number): void => {
      this.shared.keysOf(slot, keys);
      writer.key(groupKeyOf(keys));
      writer.values(keys);
      writer.count(orders[slot]!);
      states.snapshot(slot, writer);
    };
    writer.boolean(this.isOrdered);
    if (this.pages === undefined) writer.list(this.slots, ([, slot]) => write(slot));
    else this.pages.write(writer, write);
  }

  restore(reader: StateReader): void {
    this.isOrdered = reader.boolean();
    const pages = readPages(reader, () => {
      const key = reader.key();
      const keys = reader.values();
      const slot = this.enter(key, reader.count(), keys);
      this.shared.states.restore(slot, reader);
    });
    this.pages?.wereRead(pages);
  }

  close(startMs: number, endMs: number, timestamp: number): void {
    const { frame, output, budget } = this.parts;
    const { states, orders } = this.shared;
    budget.release(this.slots.size);
    const slots = [...this.slots.values()];
    if (!this.isOrdered) slots.sort((a, b) => orders[a]! - orders[b]!);
    const keys: Value[] = [];
    for (const slot of slots) {
      this.shared.keysOf(slot, keys);
      frame.keys = keys;
      frame.aggregates = states.results(slot);
      frame.timestamp = timestamp;
      frame.windowStart = startMs;
      frame.windowEnd = endMs;
      output.add(frame);
    }
    for (const slot of slots) states.release(slot);
    output.finish();
  }
}
