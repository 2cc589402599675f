import { TributaryError } from '../../base/errors.ts';
import type { QueryPlan } from '../check/query-plan.ts';
import { Pages, pageEntries, readPages } from '../state/pages.ts';
import type { StateReader } from '../state/state-reader.ts';
import type { StateWriter } from '../state/state-writer.ts';
import type { Forgetful, Stateful } from '../state/stateful.ts';
import type { Evaluate, Frame, Row } from '../values/value.ts';
import { Aggregation } from './aggregation.ts';
import type { Operator, StateBudget } from './operator.ts';
import type { Projection } from './project.ts';
import { SlidingStates } from './sliding-states.ts';
import { StateTable } from './state-table.ts';

export interface RowParts {
  readonly plan: QueryPlan;
  readonly frame: Frame;
  readonly projection: Projection;
  readonly budget: StateBudget;
}

export function fill(frame: Frame, row: Row): void {
  frame.values = row.values;
  frame.timestamp = row.timestamp;
}

/** Without aggregates a row passes as it comes; windows that emit for each row make no difference then. */
export class PassRows implements Operator {
  private readonly parts: RowParts;

  constructor(parts: RowParts) {
    this.parts = parts;
  }

  push(row: Row): void {
    const { plan, frame, projection } = this.parts;
    fill(frame, row);
    if (plan.lateFilter === undefined || plan.lateFilter(frame) === true) projection.push(frame);
  }
}

/** Aggregates without a window: each row gives the values of its group so far. */
export class RunningGroups implements Operator, Forgetful {
  private readonly parts: RowParts;
  private readonly aggregation: Aggregation;
  private readonly states: StateTable;
  /** By key the slot of the group's states: slots are taken one after the other, and none is ever given back. */
  private readonly groups = new Map<unknown, number>();
  /** Keys by slot, once there are more than fit a page. */
  private pages: Pages<unknown> | undefined;
  private order = 0;

  constructor(parts: RowParts) {
    this.parts = parts;
    this.aggregation = new Aggregation(parts.plan.keys, parts.plan.aggregates, parts.budget);
    this.states = new StateTable(this.aggregation, parts.budget);
  }

  push(row: Row): void {
    const { frame, projection, budget } = this.parts;
    fill(frame, row);
    if (!this.aggregation.admits(frame)) return;
    const key = this.aggregation.keyOf(frame);
    let slot = this.groups.get(key);
    if (slot === undefined) {
      if (!budget.take()) return;
      slot = this.enter(key);
    } else this.pages?.touch(slot);
    this.states.add(slot, frame, this.order++);
    frame.aggregates = this.states.results(slot);
    projection.push(frame);
  }

  get isEmpty(): boolean {
    return this.groups.size === 0 && this.aggregation.isEmpty;
  }

  snapshot(writer: StateWriter): void {
    this.aggregation.snapshot(writer);
    writer.count(this.order);
    const write = (key: unknown, slot: number): void => {
      writer.key(key);
      this.states.snapshot(slot, writer);
    };
    if (this.pages === undefined) writer.list(this.groups, ([key, slot]) => write(key, slot));
    else this.pages.write(writer, write);
  }

  restore(reader: StateReader): void {
    this.aggregation.restore(reader);
    this.order = reader.count();
    const pages = readPages(reader, () => {
      const slot = this.enter(reader.key());
      this.states.restore(slot, reader);
    });
    this.pages?.wereRead(pages);
  }

  private enter(key: unknown): number {
    const slot = this.states.take(key);
    this.groups.set(key, slot);
    if (this.pages !== undefined) this.pages.add(key);
    else if (this.groups.size > pageEntries) this.pages = new Pages(this.groups.keys());
    return slot;
  }
}

interface Group {
  readonly key: unknown;
  readonly sliding: SlidingStates;
}

/** The groups of a window that rows leave in the order in which they came. */
export class SlidingGroups implements Stateful {
  readonly aggregation: Aggregation;
  private readonly groups = new Map<unknown, Group>();

  constructor(aggregation: Aggregation) {
    this.aggregation = aggregation;
  }

  /** Adds the row in the frame; returns its group, which `shift` wants when the row leaves. */
  push(frame: Frame, order: number): Group {
    const key = this.aggregation.keyOf(frame);
    let group = this.groups.get(key);
    if (group === undefined) {
      group = { key, sliding: new SlidingStates(this.aggregation, key) };
      this.groups.set(key, group);
    }
    const states = this.aggregation.create(key);
    this.aggregation.add(states, frame, order);
    group.sliding.push(states);
    return group;
  }

  shift(group: Group): void {
    group.sliding.shift();
    if (group.sliding.length === 0) this.groups.delete(group.key);
  }

  results(group: Group): ReturnType<Aggregation['results']> {
    return this.aggregation.results(group.sliding.total());
  }

  snapshot(writer: StateWriter): void {
    this.aggregation.snapshot(writer);
    writer.list(this.groups, ([key, { sliding }]) => {
      writer.key(key);
      sliding.snapshot(writer);
    });
  }

  restore(reader: StateReader): void {
    this.aggregation.restore(reader);
    reader.list(() => {
      const key = reader.key();
      const sliding = new SlidingStates(this.aggregation, key);
      sliding.restore(reader);
      this.groups.set(key, { key, sliding });
    });
  }

  /** The group of a row in the window, by its key. */
  group(key: unknown): Group {
    const group = this.groups.get(key);
    if (group === undefined) throw new TributaryError('BATCH_CORRUPT', 'Cannot read a checkpoint: a row has no group');
    return group;
  }
}

/** LENGTH(n) with aggregates: the last n rows of the stream, each in its group. */
export class LengthWindow implements Operator, Forgetful {
  private readonly parts: RowParts;
  private readonly count: number;
  private readonly lateFilter?: Evaluate;
  private readonly groups: SlidingGroups;
  /** A ring; null is a row that counts but was not selected. */
  private readonly ring: (Group | null)[] = [];
  private next = 0;
  private order = 0;

  constructor(parts: RowParts, count: number) {
    this.parts = parts;
    this.count = count;
    this.lateFilter = parts.plan.lateFilter;
    this.groups = new SlidingGroups(new Aggregation(parts.plan.keys, parts.plan.aggregates, parts.budget));
  }

  push(row: Row): void {
    const { frame, projection, budget } = this.parts;
    fill(frame, row);
    const isFull = this.ring.length === this.count;
    const isSelected = this.lateFilter === undefined || this.lateFilter(frame) === true;
    if (isSelected && !this.groups.aggregation.admits(frame)) return;
    if (!isFull && !budget.take()) return;
    const oldest = isFull ? this.ring[this.next] : undefined;
    const group = isSelected ? this.groups.push(frame, this.order++) : null;
    this.ring[this.next] = group;
    this.next = (this.next + 1) % this.count;
    if (oldest !== undefined && oldest !== null) this.groups.shift(oldest);
    if (group === null) return;
    frame.aggregates = this.groups.results(group);
    projection.push(frame);
  }

  get isEmpty(): boolean {
    return this.ring.length === 0 && this.groups.aggregation.isEmpty;
  }

  snapshot(writer: StateWriter): void {
    this.groups.snapshot(writer);
    writer.count(this.next);
    writer.count(this.order);
    writer.list(this.ring, (group) => {
      writer.boolean(group !== null);
      if (group !== null) writer.key(group.key);
    });
  }

  restore(reader: StateReader): void {
    this.groups.restore(reader);
    this.next = reader.count();
    this.order = reader.count();
    reader.list(() => this.ring.push(reader.boolean() ? this.groups.group(reader.key()) : null));
  }
}
