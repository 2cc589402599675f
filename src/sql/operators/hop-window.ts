import type { Accumulator } from '../functions/accumulators.ts';
import type { StateReader } from '../state/state-reader.ts';
import type { StateWriter } from '../state/state-writer.ts';
import type { Stateful } from '../state/stateful.ts';
import type { Row, Value } from '../values/value.ts';
import { Aggregation, type States } from './aggregation.ts';
import type { Operator, WindowClock } from './operator.ts';
import { SlidingStates } from './sliding-states.ts';
import type { ContentParts } from './window-content.ts';

/** What a group has in one pane. */
interface Entry {
  readonly pane: number;
  readonly states: States;
}

interface Group {
  readonly key: unknown;
  readonly keys: readonly Value[];
  /** Sorted by pane; those in front of `taken` are in `sliding`. */
  entries: Entry[];
  taken: number;
  sliding: SlidingStates;
}

/** The arrival of a group's first row within the window, by which groups are sorted. */
class FirstArrival implements Accumulator {
  private order = Number.POSITIVE_INFINITY;

  add(_value: Value, order: number): void {
    this.order = Math.min(this.order, order);
  }

  merge(other: FirstArrival): void {
    this.order = Math.min(this.order, other.order);
  }

  result(): number {
    return this.order;
  }

  snapshot(writer: StateWriter): void {
    writer.number(this.order);
  }

  restore(reader: StateReader): void {
    this.order = reader.number();
  }
}

/**
 * HOP with aggregates. Time is cut into panes of one slide; a row goes into one pane, whatever the size. Each group keeps a
 * queue of its panes with a running total, so that closing a window costs O(1) for each group, not one step for each pane.
 */
export class HopGroups implements Operator, Stateful {
  private readonly parts: ContentParts;
  private readonly ends: HopEnds;
  private readonly aggregation: Aggregation;
  private readonly groups = new Map<unknown, Group>();
  private order = 0;

  constructor(parts: ContentParts, sizeMs: number, slideMs: number, clock: WindowClock) {
    this.parts = parts;
    const orders = { name: 'first', create: () => new FirstArrival(), distinct: false, forever: false };
    this.aggregation = new Aggregation(parts.plan.keys, [...parts.plan.aggregates, orders]);
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
    const order = this.order++;
    const key = this.aggregation.keyOf(frame);
    let group = this.groups.get(key);
    if (group === undefined) {
      group = {
        key,
        keys: this.aggregation.keyValues(frame),
        entries: [],
        taken: 0,
        sliding: new SlidingStates(this.aggregation, key),
      };
      this.groups.set(key, group);
    }
    const entry = this.entryOf(group, pane);
    if (entry === undefined) {
      if (group.entries.length === 0) this.groups.delete(key);
      return;
    }
    this.aggregation.add(entry.states, frame, order);
    this.ends.add(pane);
  }

  /** The pane's entry, made if there is none. A row that is late for some windows changes what has been taken already. */
  private entryOf(group: Group, pane: number): Entry | undefined {
    const { entries } = group;
    let index = entries.length;
    while (index > 0 && entries[index - 1]!.pane > pane) index--;
    const known = entries[index - 1];
    if (known?.pane === pane) {
      if (index <= group.taken) this.restart(group);
      return known;
    }
    if (!this.parts.budget.take()) return undefined;
    if (index < group.taken) this.restart(group);
    const entry = { pane, states: this.aggregation.create(group.key) };
    entries.splice(index, 0, entry);
    return entry;
  }

  private restart(group: Group): void {
    if (group.taken === 0) return;
    group.taken = 0;
    group.sliding = new SlidingStates(this.aggregation, group.key);
  }

  private close(end: number): void {
    const { frame, output } = this.parts;
    const { firstPane, lastPane } = this.ends.panesOf(end);
    const found: { readonly group: Group; readonly results: Value[] }[] = [];
    for (const group of this.groups.values()) {
      this.slide(group, firstPane, lastPane);
      if (group.taken > 0) found.push({ group, results: this.aggregation.results(group.sliding.total()) });
      else if (group.entries.length === 0) this.groups.delete(group.key);
    }
    found.sort((a, b) => (a.results.at(-1) as number) - (b.results.at(-1) as number));
    for (const { group, results } of found) {
      frame.keys = group.keys;
      frame.aggregates = results;
      frame.timestamp = end - 1;
      frame.windowStart = end - this.ends.sizeMs;
      frame.windowEnd = end;
      output.add(frame);
    }
    output.finish();
  }

  /** Lets panes that have come into the window in, and those that have left it out. */
  private slide(group: Group, firstPane: number, lastPane: number): void {
    const { entries } = group;
    let gone = 0;
    while (gone < entries.length && entries[gone]!.pane < firstPane) gone++;
    for (let i = 0; i < Math.min(gone, group.taken); i++) group.sliding.shift();
    group.taken = Math.max(0, group.taken - gone);
    if (gone > 0) {
      entries.splice(0, gone);
      this.parts.budget.release(gone);
    }
    while (group.taken < entries.length && entries[group.taken]!.pane <= lastPane)
      group.sliding.push(entries[group.taken++]!.states);
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
    for (const group of reader.list(() => this.readGroup(reader))) this.groups.set(group.key, group);
  }

  private writeGroup(writer: StateWriter, { key, keys, entries, taken, sliding }: Group): void {
    writer.key(key);
    writer.values(keys);
    sliding.snapshot(writer);
    // The states of those that are taken are in `sliding`.
    writer.list(entries.slice(0, taken), ({ pane }) => writer.number(pane));
    writer.list(entries.slice(taken), ({ pane, states }) => {
      writer.number(pane);
      this.aggregation.writeStates(writer, states);
    });
  }

  private readGroup(reader: StateReader): Group {
    const key = reader.key();
    const keys = reader.values();
    const sliding = new SlidingStates(this.aggregation, key);
    sliding.restore(reader);
    const { queue } = sliding;
    const inside = reader.list(() => reader.number()).map((pane, index) => ({ pane, states: queue[index]! }));
    const behind = reader.list(() => ({ pane: reader.number(), states: this.aggregation.readStates(reader, key) }));
    return { key, keys, sliding, entries: [...inside, ...behind], taken: inside.length };
  }
}

/** HOP without aggregates: the rows of each window at its close, in arrival order. */
export class HopRows implements Operator, Stateful {
  private readonly parts: ContentParts;
  private readonly ends: HopEnds;
  private readonly panes = new Map<number, { readonly row: Row; readonly order: number }[]>();
  private order = 0;

  constructor(parts: ContentParts, sizeMs: number, slideMs: number, clock: WindowClock) {
    this.parts = parts;
    this.ends = new HopEnds(sizeMs, slideMs, clock, (end) => this.close(end));
  }

  push(row: Row): void {
    const { budget } = this.parts;
    const pane = this.ends.paneFor(row.timestamp);
    if (pane === undefined) {
      budget.late++;
      return;
    }
    if (!budget.take()) return;
    const rows = this.panes.get(pane);
    if (rows === undefined) this.panes.set(pane, [{ row, order: this.order++ }]);
    else rows.push({ row, order: this.order++ });
    this.ends.add(pane);
  }

  private close(end: number): void {
    const { frame, output, budget } = this.parts;
    const { firstPane, lastPane } = this.ends.panesOf(end);
    const rows: { readonly row: Row; readonly order: number }[] = [];
    for (const [pane, entries] of this.panes) {
      if (pane < firstPane) {
        this.panes.delete(pane);
        budget.release(entries.length);
      } else if (pane <= lastPane) rows.push(...entries);
    }
    for (const { row } of rows.sort((a, b) => a.order - b.order)) {
      frame.values = row.values;
      frame.timestamp = row.timestamp;
      frame.windowStart = end - this.ends.sizeMs;
      frame.windowEnd = end;
      output.add(frame);
    }
    output.finish();
  }

  snapshot(writer: StateWriter): void {
    this.ends.snapshot(writer);
    writer.count(this.order);
    writer.list(this.panes, ([pane, rows]) => {
      writer.number(pane);
      writer.list(rows, ({ row, order }) => {
        writer.row(row);
        writer.count(order);
      });
    });
  }

  restore(reader: StateReader): void {
    this.ends.restore(reader);
    this.order = reader.count();
    reader.list(() => {
      const pane = reader.number();
      this.panes.set(
        pane,
        reader.list(() => ({ row: reader.row(), order: reader.count() })),
      );
    });
  }
}

/** When windows end: only those are closed that hold a pane with rows. */
class HopEnds implements Stateful {
  readonly sizeMs: number;
  private readonly slideMs: number;
  private readonly clock: WindowClock;
  private readonly close: (end: number) => void;
  private readonly panes = new Set<number>();
  private lastClosed = Number.NEGATIVE_INFINITY;
  private scheduled = Number.POSITIVE_INFINITY;
  private timer = 0;

  constructor(sizeMs: number, slideMs: number, clock: WindowClock, close: (end: number) => void) {
    this.sizeMs = sizeMs;
    this.slideMs = slideMs;
    this.clock = clock;
    this.close = close;
  }

  private closedUpTo(): number {
    return Math.max(this.clock.closedUpTo(), this.lastClosed);
  }

  /** The pane of a time; undefined where all its windows are closed. */
  paneFor(timeMs: number): number | undefined {
    const pane = Math.floor(timeMs / this.slideMs);
    return pane * this.slideMs + this.sizeMs <= this.closedUpTo() ? undefined : pane;
  }

  panesOf(end: number): { readonly firstPane: number; readonly lastPane: number } {
    return { firstPane: (end - this.sizeMs) / this.slideMs, lastPane: end / this.slideMs - 1 };
  }

  /** A row has come into a pane. */
  add(pane: number): void {
    if (this.panes.has(pane)) return;
    this.panes.add(pane);
    this.schedule(pane);
  }

  private schedule(pane: number): void {
    const { slideMs } = this;
    const closed = this.closedUpTo();
    const end = Math.max((pane + 1) * slideMs, (Math.floor(closed / slideMs) + 1) * slideMs);
    if (end >= this.scheduled) return;
    this.setTimer(end);
  }

  private setTimer(end: number, sequence?: number): void {
    this.scheduled = end;
    this.timer = this.clock.at(end, end - this.sizeMs, (due) => this.fire(due), sequence);
  }

  snapshot(writer: StateWriter): void {
    writer.list(this.panes, (pane) => writer.number(pane));
    writer.number(this.lastClosed);
    writer.number(this.scheduled);
    writer.count(this.timer);
  }

  restore(reader: StateReader): void {
    for (const pane of reader.list(() => reader.number())) this.panes.add(pane);
    this.lastClosed = reader.number();
    const scheduled = reader.number();
    const timer = reader.count();
    if (scheduled !== Number.POSITIVE_INFINITY) this.setTimer(scheduled, timer);
  }

  private fire(due: number): void {
    if (due !== this.scheduled) return;
    this.scheduled = Number.POSITIVE_INFINITY;
    this.lastClosed = due;
    this.close(due);
    let least = Number.POSITIVE_INFINITY;
    for (const pane of this.panes) {
      if (pane * this.slideMs + this.sizeMs <= due) this.panes.delete(pane);
      else least = Math.min(least, pane);
    }
    if (least !== Number.POSITIVE_INFINITY) this.schedule(least);
  }
}
