import type { StateReader } from '../state/state-reader.ts';
import type { StateWriter } from '../state/state-writer.ts';
import type { Forgetful } from '../state/stateful.ts';
import type { Row } from '../values/value.ts';
import type { Operator, WindowClock } from './operator.ts';
import type { ContentParts } from './window-content.ts';

/** HOP without aggregates: the rows of each window at its close, in arrival order. */
export class HopRows implements Operator, Forgetful {
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
      if (pane > lastPane) continue;
      for (const entry of entries) rows.push(entry);
      // No later window has this one.
      if (pane > firstPane) continue;
      this.panes.delete(pane);
      budget.release(entries.length);
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

  get isEmpty(): boolean {
    return this.panes.size === 0 && this.ends.isEmpty;
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
export class HopEnds implements Forgetful {
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

  /** While the timers of a time fire, the clock may still stand just before it. */
  get isEmpty(): boolean {
    return this.panes.size === 0 && this.lastClosed <= this.clock.closedUpTo() + 1;
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
