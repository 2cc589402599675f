import type { EventTime } from '../check/stream-plan.ts';
import type { WindowClock } from '../operators/operator.ts';
import { Scheduler } from '../operators/scheduler.ts';
import type { StateReader } from '../state/state-reader.ts';
import type { StateWriter } from '../state/state-writer.ts';
import type { Stateful } from '../state/stateful.ts';

/** Something that says how far event time has come. */
export interface TimeInput {
  readonly watermark: number;
  /** Those that depend on it, in the order in which they advance. */
  domains: readonly EventDomain[];
}

/** A stream whose rows carry their time. */
export class EventSource implements TimeInput, Stateful {
  readonly eventTime: EventTime;
  watermark = Number.NEGATIVE_INFINITY;
  domains: readonly EventDomain[] = [];
  private greatest = Number.NEGATIVE_INFINITY;
  private arrivedAt = 0;

  constructor(eventTime: EventTime) {
    this.eventTime = eventTime;
  }

  /** No row of it comes here: nobody waits for its time. */
  silence(): void {
    this.watermark = Number.POSITIVE_INFINITY;
  }

  /** A row has been processed. */
  saw(timestamp: number, now: number): void {
    this.greatest = Math.max(this.greatest, timestamp);
    this.arrivedAt = now;
    this.watermark = Math.max(this.watermark, this.greatest - this.eventTime.delayMs);
  }

  /** Whether no row has come for so long that the clock moves the watermark. */
  isIdle(now: number): boolean {
    const { idleMs } = this.eventTime;
    return idleMs !== undefined && this.greatest !== Number.NEGATIVE_INFINITY && now - this.arrivedAt >= idleMs;
  }

  idle(now: number): void {
    if (this.isIdle(now))
      this.watermark = Math.max(this.watermark, this.greatest - this.eventTime.delayMs + (now - this.arrivedAt));
  }

  /** The watermark has moved. */
  moveDomains(): void {
    for (const domain of this.domains) domain.advance();
  }

  /** When the clock will bring the watermark to a time, if no row comes; undefined where it never does. */
  reaches(timestamp: number): number | undefined {
    const { idleMs, delayMs } = this.eventTime;
    if (idleMs === undefined || this.greatest === Number.NEGATIVE_INFINITY) return undefined;
    return Math.max(this.arrivedAt + idleMs, this.arrivedAt + timestamp - (this.greatest - delayMs));
  }

  snapshot(writer: StateWriter): void {
    for (const time of [this.watermark, this.greatest, this.arrivedAt]) writer.number(time);
  }

  restore(reader: StateReader): void {
    this.watermark = reader.number();
    this.greatest = reader.number();
    this.arrivedAt = reader.number();
  }
}

/**
 * The time of all windows that depend on the same sources of event time: the least of their watermarks. Windows close in
 * the order of their ends, upstream first, exactly as timers of the clock fire.
 */
export class EventDomain implements Stateful {
  readonly sources: readonly TimeInput[];
  /** The time at which the row that is being processed was sent here; windows up to then are closed to it. */
  origin = Number.NEGATIVE_INFINITY;
  private readonly scheduler = new Scheduler();
  private closed = Number.NEGATIVE_INFINITY;

  constructor(sources: readonly TimeInput[]) {
    this.sources = sources;
  }

  clockFor(rank: number, instance: number): WindowClock {
    return { ...this.scheduler.clockFor(rank, instance), closedUpTo: () => Math.max(this.closed, this.origin) };
  }

  /** How far windows are closed; Infinity where no row of any source comes here. */
  get time(): number {
    return this.sources.every(({ watermark }) => watermark === Number.POSITIVE_INFINITY)
      ? Number.POSITIVE_INFINITY
      : this.closed;
  }

  get nextDue(): number | undefined {
    return this.scheduler.nextDue;
  }

  advance(): void {
    let watermark = Number.POSITIVE_INFINITY;
    for (const source of this.sources) watermark = Math.min(watermark, source.watermark);
    if (watermark <= this.closed || watermark === Number.POSITIVE_INFINITY) return;
    this.scheduler.advance(watermark, this.closeBefore);
    this.closed = Math.max(this.closed, watermark);
  }

  /** While windows of one end close, those downstream with the same end are still open. */
  private readonly closeBefore = (due: number): void => {
    this.closed = Math.max(this.closed, due - 1);
  };

  snapshot(writer: StateWriter): void {
    writer.number(this.closed);
    this.scheduler.snapshot(writer);
  }

  restore(reader: StateReader): void {
    this.closed = reader.number();
    this.scheduler.restore(reader);
  }
}
