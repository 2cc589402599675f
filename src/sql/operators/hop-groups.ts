import type { AggregatePlan } from '../check/context.ts';
import { First } from '../functions/accumulators.ts';
import { ExtremeColumn } from '../functions/state-columns.ts';
import type { StateReader } from '../state/state-reader.ts';
import type { StateWriter } from '../state/state-writer.ts';
import type { Forgetful } from '../state/stateful.ts';
import type { Row, Value } from '../values/value.ts';
import { Aggregation } from './aggregation.ts';
import { HopEnds } from './hop-window.ts';
import type { Operator, WindowClock } from './operator.ts';
import { StateTable } from './state-table.ts';
import type { ContentParts } from './window-content.ts';

/** Stands for a slot where there is none. */
const none = -1;

/** A group's panes are a chain of slots, from the oldest to the newest. */
interface Group {
  readonly key: unknown;
  readonly keys: readonly Value[];
  /** Slot of what stands behind the front, and of the distinct values of all that is in the window. */
  readonly back: number;
  first: number;
  last: number;
  /** The last pane of the front: up to here `totals` holds totals. */
  frontEnd: number;
  /** The last pane that is in the window. */
  taken: number;
  /** When the first of its rows in the window came: by that groups are sorted. */
  arrival: number;
}

/** The arrival of a group's first row. */
class Arrivals extends ExtremeColumn {
  constructor() {
    super(-1);
  }

  override add(slot: number, _value: Value, order: number): void {
    super.add(slot, order, order);
  }
}

const arrivals: AggregatePlan = {
  name: 'arrival',
  create: () => new First(),
  column: () => new Arrivals(),
  distinct: false,
  forever: false,
};

/**
 * HOP with aggregates. Time is cut into panes of one slide; a row goes into one pane, whatever the size. Each group keeps a
 * queue of its panes with a running total, as SlidingStates does, so that closing a window costs O(1) for each group and not
 * one step for each pane. There may be a million panes of groups: they are slots of tables, chained by numbers, and nothing
 * of them is an object.
 */
export class HopGroups implements Operator, Forgetful {
  private readonly parts: ContentParts;
  private readonly ends: HopEnds;
  private readonly aggregation: Aggregation;
  /** What a group has in one pane. */
  private readonly panes: StateTable;
  /** By the same slots, for panes of the front: this one and all behind it, as far as the front goes. */
  private readonly totals: StateTable;
  private readonly backs: StateTable;
  private readonly scratch: number;
  private paneOf = new Float64Array(0);
  private older = new Int32Array(0);
  private newer = new Int32Array(0);
  private readonly groups = new Map<unknown, Group>();
  private order = 0;

  constructor(parts: ContentParts, sizeMs: number, slideMs: number, clock: WindowClock) {
    this.parts = parts;
    this.aggregation = new Aggregation(parts.plan.keys, [...parts.plan.aggregates, arrivals], parts.budget);
    this.panes = new StateTable(this.aggregation, parts.budget);
    this.totals = new StateTable(this.aggregation);
    this.backs = new StateTable(this.aggregation);
    this.scratch = this.backs.take(null);
    this.ends = new HopEnds(sizeMs, slideMs, clock, (end) => this.close(end));
  }

  push(row: Row): void {
    const { frame, budget } = this.parts;
    const pane = this.ends.paneFor(row.timestamp);
    if (pane === undefined) {
      budget.late++;
      return;
    }
    frame.values = row.values;
    frame.timestamp = row.timestamp;
    if (!this.aggregation.admits(frame)) return;
    const order = this.order++;
    const key = this.aggregation.keyOf(frame);
    const group = this.groups.get(key) ?? this.newGroup(key, this.aggregation.keyValues(frame));
    const slot = this.slotFor(group, pane);
    if (slot === none) {
      if (group.first === none) this.forget(group);
      return;
    }
    this.panes.add(slot, frame, order);
    this.ends.add(pane);
  }

  private newGroup(key: unknown, keys: readonly Value[]): Group {
    const back = this.backs.take(key);
    const group = { key, keys, back, first: none, last: none, frontEnd: none, taken: none, arrival: 0 };
    this.groups.set(key, group);
    return group;
  }

  private forget({ key, back }: Group): void {
    this.groups.delete(key);
    this.backs.release(back);
  }

  /** The group's slot of a pane. A row that is late for some windows changes what has been taken already. */
  private slotFor(group: Group, pane: number): number {
    const { paneOf, older } = this;
    let at = group.last;
    while (at !== none && paneOf[at]! > pane) at = older[at]!;
    const takenPane = group.taken === none ? Number.NEGATIVE_INFINITY : paneOf[group.taken]!;
    if (at !== none && paneOf[at] === pane) {
      if (pane <= takenPane) this.restart(group);
      return at;
    }
    if (!this.parts.budget.take()) return none;
    if (pane < takenPane) this.restart(group);
    return this.insert(group, at, pane, this.panes.take(group.key));
  }

  /** Puts a slot into a group's chain, behind another one. */
  private insert(group: Group, behind: number, pane: number, slot: number): number {
    if (this.panes.size !== this.paneOf.length) this.resize(this.panes.size);
    const { older, newer } = this;
    const next = behind === none ? group.first : newer[behind]!;
    this.paneOf[slot] = pane;
    older[slot] = behind;
    newer[slot] = next;
    if (behind === none) group.first = slot;
    else newer[behind] = slot;
    if (next === none) group.last = slot;
    else older[next] = slot;
    return slot;
  }

  private resize(slots: number): void {
    const copied = <T extends Float64Array | Int32Array>(from: T, to: T): T => {
      to.set(from.subarray(0, slots));
      return to;
    };
    this.paneOf = copied(this.paneOf, new Float64Array(slots));
    this.older = copied(this.older, new Int32Array(slots));
    this.newer = copied(this.newer, new Int32Array(slots));
    this.totals.fit(this.panes);
  }

  /** Forgets what has been put together of panes; the panes themselves stay. */
  private restart(group: Group): void {
    group.taken = none;
    group.frontEnd = none;
    this.backs.clear(group.back, group.key);
  }

  private close(end: number): void {
    const { frame, output } = this.parts;
    const { firstPane, lastPane } = this.ends.panesOf(end);
    const found: Group[] = [];
    for (const group of this.groups.values()) {
      this.slide(group, firstPane, lastPane);
      if (group.taken !== none) found.push(group);
      else if (group.first === none) this.forget(group);
    }
    for (const group of found) group.arrival = this.arrivalOf(group);
    found.sort((a, b) => a.arrival - b.arrival);
    // All results first: what a row causes further on may come back to this query.
    const results = found.map((group) => this.resultsOf(group));
    for (const [index, group] of found.entries()) {
      frame.keys = group.keys;
      frame.aggregates = results[index]!;
      frame.timestamp = end - 1;
      frame.windowStart = end - this.ends.sizeMs;
      frame.windowEnd = end;
      output.add(frame);
    }
    output.finish();
    for (const group of found) this.leave(group, firstPane);
  }

  /** What no later window has is given back at once, not with the next close, which may never come. */
  private leave(group: Group, pane: number): void {
    while (group.first !== none && this.paneOf[group.first]! <= pane) this.removeFirst(group);
    if (group.first === none) this.forget(group);
  }

  /** Lets panes that have come into the window in, and those that have left it out. */
  private slide(group: Group, firstPane: number, lastPane: number): void {
    const { paneOf, newer, panes, backs } = this;
    while (group.first !== none && paneOf[group.first]! < firstPane) this.removeFirst(group);
    let next = group.taken === none ? group.first : newer[group.taken]!;
    for (; next !== none && paneOf[next]! <= lastPane; next = newer[next]!) {
      backs.merge(group.back, panes, next);
      group.taken = next;
    }
  }

  private removeFirst(group: Group): void {
    const { panes, backs, newer } = this;
    const { first } = group;
    if (group.taken !== none) {
      if (group.frontEnd === none) this.turnOver(group);
      backs.removeDistinct(group.back, panes, first);
      if (group.taken === first) group.taken = none;
      if (group.frontEnd === first) group.frontEnd = none;
    }
    group.first = newer[first]!;
    if (group.first === none) group.last = none;
    else this.older[group.first] = none;
    panes.release(first);
    this.parts.budget.release(1);
  }

  /** Everything that is in the window becomes its front. */
  private turnOver(group: Group): void {
    const { panes, totals, older } = this;
    let behind = none;
    for (let at = group.taken; at !== none; at = older[at]!) {
      totals.clear(at, group.key);
      totals.mergeOnly(false, at, panes, at);
      if (behind !== none) totals.mergeOnly(false, at, totals, behind);
      behind = at;
    }
    group.frontEnd = group.taken;
    this.backs.clearPlain(group.back);
  }

  private arrivalOf(group: Group): number {
    const column = this.aggregation.plans.length - 1;
    const back = this.backs.result(group.back, column) as number | null;
    const front = group.frontEnd === none ? null : (this.totals.result(group.first, column) as number);
    return Math.min(front ?? Number.POSITIVE_INFINITY, back ?? Number.POSITIVE_INFINITY);
  }

  private resultsOf({ key, back, first, frontEnd }: Group): Value[] {
    const { backs, totals } = this;
    if (frontEnd === none) return backs.results(back);
    const slot = this.scratch;
    backs.clear(slot, key);
    backs.mergeOnly(false, slot, totals, first);
    backs.merge(slot, backs, back);
    return backs.results(slot);
  }

  get isEmpty(): boolean {
    return this.groups.size === 0 && this.ends.isEmpty && this.aggregation.isEmpty;
  }

  snapshot(writer: StateWriter): void {
    this.ends.snapshot(writer);
    this.aggregation.snapshot(writer);
    writer.count(this.order);
    writer.list(this.groups, ([, group]) => this.writeGroup(writer, group));
  }

  restore(reader: StateReader): void {
    this.ends.restore(reader);
    this.aggregation.restore(reader);
    this.order = reader.count();
    reader.list(() => this.readGroup(reader));
  }

  private writeGroup(writer: StateWriter, group: Group): void {
    const slots: number[] = [];
    for (let at = group.first; at !== none; at = this.newer[at]!) slots.push(at);
    writer.key(group.key);
    writer.values(group.keys);
    this.backs.snapshot(group.back, writer);
    const inFront = slots.indexOf(group.frontEnd) + 1;
    writer.count(inFront);
    writer.count(slots.indexOf(group.taken) + 1);
    writer.count(slots.length);
    for (const [index, slot] of slots.entries()) {
      writer.number(this.paneOf[slot]!);
      this.panes.snapshot(slot, writer);
      if (index < inFront) this.totals.snapshot(slot, writer);
    }
  }

  private readGroup(reader: StateReader): void {
    const key = reader.key();
    const group = this.newGroup(key, reader.values());
    this.backs.restore(group.back, reader);
    const inFront = reader.count();
    const taken = reader.count();
    const length = reader.count();
    for (let index = 0; index < length; index++) {
      const pane = reader.number();
      const slot = this.insert(group, group.last, pane, this.panes.take(key));
      this.panes.restore(slot, reader);
      if (index < taken) group.taken = slot;
      if (index >= inFront) continue;
      group.frontEnd = slot;
      this.totals.clear(slot, key);
      this.totals.restore(slot, reader);
    }
  }
}
