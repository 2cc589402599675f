import type { StateReader } from '../state/state-reader.ts';
import type { StateWriter } from '../state/state-writer.ts';
import type { Forgetful } from '../state/stateful.ts';
import type { Evaluate, Row } from '../values/value.ts';
import { Aggregation } from './aggregation.ts';
import { Fifo } from './fifo.ts';
import type { Operator } from './operator.ts';
import { fill, type RowParts, SlidingGroups } from './row-window.ts';

interface Entry {
  readonly row: Row;
  readonly time: number;
  readonly order: number;
  group: ReturnType<SlidingGroups['push']>;
}

interface Options {
  readonly ms: number;
  /** EXTERNALTIME goes by a column and by the greatest time so far; TIME by each row's own time. */
  readonly column?: Evaluate;
}

/**
 * TIME and EXTERNALTIME with aggregates: rows younger than `ms`. Rows usually come in order, and then each costs O(1). For
 * one out of order the window is put together anew.
 */
export class TimeWindow implements Operator, Forgetful {
  private readonly parts: RowParts;
  private readonly options: Options;
  private groups: SlidingGroups;
  private entries = new Fifo<Entry>();
  private greatest = Number.NEGATIVE_INFINITY;
  private order = 0;
  /** What never resets is MIN or MAX: adding a row to it once more changes nothing. */
  private readonly aggregation: Aggregation;

  constructor(parts: RowParts, options: Options) {
    this.parts = parts;
    this.options = options;
    this.aggregation = new Aggregation(parts.plan.keys, parts.plan.aggregates, parts.budget);
    this.groups = new SlidingGroups(this.aggregation);
  }

  push(row: Row): void {
    const { frame, budget, projection } = this.parts;
    const { column, ms } = this.options;
    fill(frame, row);
    const value = column === undefined ? row.timestamp : column(frame);
    if (value === null) {
      budget.late++; // no time, no place in the window
      return;
    }
    const time = Number(value);
    const isInOrder = time >= this.greatest;
    this.greatest = Math.max(this.greatest, time);
    for (
      let oldest = this.entries.first;
      oldest !== undefined && oldest.time <= this.greatest - ms;
      oldest = this.entries.first
    ) {
      this.entries.shift();
      this.groups.shift(oldest.group);
      budget.release(1);
    }
    const order = this.order++;
    if (!this.aggregation.admits(frame)) return;
    const isKept = time > this.greatest - ms;
    if (isKept && !budget.take()) return;
    if (isInOrder) {
      const group = this.groups.push(frame, order);
      this.entries.push({ row, time, order, group });
      frame.aggregates = this.groups.results(group);
    } else {
      if (isKept) this.insert(row, time, order);
      this.total(row, time, order, isKept);
    }
    projection.push(frame);
  }

  /** Rows leave when others come, so that one is always left; and the greatest time counts for what comes late. */
  get isEmpty(): boolean {
    return this.greatest === Number.NEGATIVE_INFINITY && this.aggregation.isEmpty;
  }

  snapshot(writer: StateWriter): void {
    this.groups.snapshot(writer);
    writer.number(this.greatest);
    writer.count(this.order);
    writer.list(this.entries, ({ row, time, order, group }) => {
      writer.row(row);
      writer.number(time);
      writer.count(order);
      writer.key(group.key);
    });
  }

  restore(reader: StateReader): void {
    this.groups.restore(reader);
    this.greatest = reader.number();
    this.order = reader.count();
    for (const entry of reader.list(() => ({
      row: reader.row(),
      time: reader.number(),
      order: reader.count(),
      group: this.groups.group(reader.key()),
    })))
      this.entries.push(entry);
  }

  private insert(row: Row, time: number, order: number): void {
    const { frame } = this.parts;
    const all = [...this.entries, { row, time, order, group: undefined as unknown as Entry['group'] }];
    all.sort((a, b) => a.time - b.time || a.order - b.order);
    this.groups = new SlidingGroups(this.aggregation);
    this.entries = new Fifo();
    for (const entry of all) {
      fill(frame, entry.row);
      entry.group = this.groups.push(frame, entry.order);
      this.entries.push(entry);
    }
  }

  /** What a row out of order sees: for TIME rows up to its own time, for EXTERNALTIME those of the window as it is. */
  private total(row: Row, time: number, order: number, isKept: boolean): void {
    const { frame } = this.parts;
    const { column, ms } = this.options;
    fill(frame, row);
    const key = this.aggregation.keyOf(frame);
    const states = this.aggregation.create(key);
    const from = column === undefined ? time - ms : this.greatest - ms;
    const to = column === undefined ? time : this.greatest;
    if (!isKept && column === undefined) this.aggregation.add(states, frame, order);
    for (const entry of this.entries) {
      if (entry.time <= from || entry.time > to) continue;
      fill(frame, entry.row);
      if (this.aggregation.keyOf(frame) === key) this.aggregation.add(states, frame, entry.order);
    }
    fill(frame, row);
    frame.aggregates = this.aggregation.results(states);
  }
}
