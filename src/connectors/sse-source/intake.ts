/**
 * Makes records of events and keeps them until the worker takes them. What is counted per event are plain fields; counters,
 * warnings and the one who waits are looked after once per chunk, in `settle`.
 */
import { RecordQueue } from '../../record/record-queue.ts';
import { type Schema, STRING } from '../../record/schema.ts';
import { noSourceHeaders, type SourceHeader, type SourceRecord } from '../../record/source-record.ts';
import type { ValueColumn } from '../../record/value-column.ts';
import { BoundedLog } from '../../telemetry/bounded-log.ts';
import type { Log } from '../../telemetry/log.ts';
import type { EventStreamSink } from '../../wire/sse/event-stream-parser.ts';
import { EventColumns, type TakenColumn } from './event-columns.ts';
import { type EventName, EventNames } from './event-names.ts';
import { GapTracker } from './gaps.ts';
import { type DropReason, dropReasons, type Meters } from './meters.ts';
import { eventSchema, ServerSentEvent } from './server-sent-event.ts';
import type { EventSettings, QueueSettings } from './settings.ts';

/** Share of the queue at which a warning is due. */
const highUtilization = 0.8;

export interface IntakeOptions {
  readonly topic: string;
  readonly queue: QueueSettings;
  readonly events: EventSettings;
  readonly meters: () => Meters;
  readonly log: Log;
  /** Called when there is something to take. */
  readonly onRecords: () => void;
  /** Of the last event that came. */
  readonly lastEventId: () => Uint8Array | null;
  readonly onRetry: (ms: number) => void;
  /** False: read no further. */
  readonly onOversize: () => boolean;
}

export class Intake implements EventStreamSink {
  readonly gaps = new GapTracker();
  readonly #options: IntakeOptions;
  readonly #topic: string;
  readonly #maxRecords: number;
  readonly #maxBytes: number;
  readonly #blocks: boolean;
  readonly #dropsOldest: boolean;
  readonly #names: EventNames;
  readonly #queue = new RecordQueue(bytesOf);
  /** In place of the queue of records where values stand alone. */
  readonly #columns: EventColumns | null;
  readonly #drops: Record<DropReason, number> = {
    drop_oldest: 0,
    drop_newest: 0,
    filtered: 0,
    oversize: 0,
    abandoned: 0,
  };
  readonly #dropLogs: Readonly<Record<DropReason, BoundedLog>>;
  readonly #utilizationLog: BoundedLog;
  readonly #originBytes: Uint8Array;
  readonly #asStruct: boolean;
  readonly #valueSchema: Schema;
  #warned = false;
  #received = 0;
  #empty = 0;
  #missing = 0;
  #gapCount = 0;
  #repeated = 0;
  #chunkAtMs = 0;
  #oldestAtMs = 0;
  /** When the last event came; undefined before the first. */
  eventAtMs: number | undefined;

  constructor(options: IntakeOptions) {
    const { topic, queue, events, log } = options;
    this.#options = options;
    this.#topic = topic;
    this.#maxRecords = queue.maxRecords;
    this.#maxBytes = queue.maxBytes;
    this.#blocks = queue.overflow === 'block';
    this.#dropsOldest = queue.overflow === 'drop-oldest';
    this.#names = new EventNames(events, (name) => options.meters().ofName(name));
    this.#originBytes = Buffer.from(events.origin);
    this.#asStruct = events.value === 'struct';
    const isPlain = !this.#asStruct && events.key === 'none' && events.headers.length === 0;
    this.#columns = isPlain && this.#blocks ? new EventColumns(options.lastEventId) : null;
    this.#valueSchema = this.#asStruct ? eventSchema : STRING;
    this.#dropLogs = Object.fromEntries(
      dropReasons.map((reason) => [reason, new BoundedLog(log, 'event_dropped')]),
    ) as Record<DropReason, BoundedLog>;
    this.#utilizationLog = new BoundedLog(log, 'queue_high_utilization');
  }

  get length(): number {
    return this.#columns?.length ?? this.#queue.length;
  }

  get bytes(): number {
    return this.#columns?.bytes ?? this.#queue.bytes;
  }

  get isFull(): boolean {
    return this.#blocks && (this.length >= this.#maxRecords || this.bytes >= this.#maxBytes);
  }

  /** What follows arrives now. */
  begin(nowMs: number): void {
    this.#chunkAtMs = nowMs;
  }

  /** False: full, give no more until something was taken. */
  event(given: Uint8Array | null, id: Uint8Array | null, data: Uint8Array): boolean {
    this.#received++;
    if (id !== null) this.#track(id);
    const name = this.#names.of(given);
    name.received++;
    if (!name.wanted) {
      this.#drops.filtered++;
      return true;
    }
    if (this.#columns !== null) {
      this.#columns.push(data, this.#chunkAtMs);
      return !this.isFull;
    }
    const bytes = this.#asStruct ? data.length + name.bytes.length + (id?.length ?? 0) : data.length;
    return this.#enqueue(this.#record(name, id, data), bytes);
  }

  retry(ms: number): void {
    this.#options.onRetry(ms);
  }

  empty(): void {
    this.#empty++;
  }

  oversize(): boolean {
    this.#received++;
    this.#drops.oversize++;
    return this.#options.onOversize();
  }

  countsByName(): Readonly<Record<string, number>> {
    return this.#names.counts();
  }

  /** Looks after everything that one chunk brought. */
  settle(chunkBytes: number): void {
    const meters = this.#options.meters();
    meters.bytes.value += chunkBytes;
    if (this.#received > 0) {
      this.eventAtMs = this.#chunkAtMs;
      meters.received.value += this.#received;
      this.#received = 0;
      this.#names.settle();
    }
    meters.empty.value += this.#empty;
    this.#empty = 0;
    this.#tellGaps(meters);
    for (const reason of dropReasons) {
      const count = this.#drops[reason];
      if (count === 0) continue;
      this.#drops[reason] = 0;
      meters.dropped[reason].value += count;
      // What the filter drops is what was asked for.
      if (reason !== 'filtered') this.#dropLogs[reason].add(count, this.#chunkAtMs, dropFields(reason));
    }
    this.#warnWhenHigh();
    if (this.length > 0) this.#options.onRecords();
  }

  /** The first column, where values travel in columns. */
  takeColumn(): TakenColumn | undefined {
    const taken = this.#columns?.take();
    if (taken !== undefined) this.#options.meters().produced.value += taken.values.length;
    return taken;
  }

  /** Nobody looks at a column that was taken any more. */
  giveBack(values: ValueColumn): void {
    this.#columns?.giveBack(values);
  }

  /** Everything else that is queued, with the time at which the oldest came. */
  take(): { readonly records: readonly SourceRecord[]; readonly receivedAtMs: number } {
    const records = this.#queue.takeAll();
    if (records.length > 0) this.#options.meters().produced.value += records.length;
    return { records, receivedAtMs: this.#oldestAtMs };
  }

  /** A new connection: the warning may come again. */
  rearm(): void {
    this.#warned = false;
  }

  /** Nobody will take what is left; says what has not been said. */
  end(nowMs: number): void {
    this.#drops.abandoned += this.length;
    this.#queue.takeAll();
    while (this.#columns?.take() !== undefined);
    this.#chunkAtMs = nowMs;
    this.settle(0);
    for (const reason of dropReasons) this.#dropLogs[reason].flush(nowMs, dropFields(reason));
  }

  #track(id: Uint8Array): void {
    const missing = this.gaps.see(id);
    if (missing === 0) return;
    if (missing < 0) this.#repeated++;
    else {
      this.#gapCount++;
      this.#missing += missing;
    }
  }

  #tellGaps(meters: Meters): void {
    if (this.#repeated > 0) {
      meters.repeated.value += this.#repeated;
      this.#repeated = 0;
    }
    if (this.#gapCount === 0) return;
    meters.gaps.value += this.#gapCount;
    meters.missing.value += this.#missing;
    this.#options.log.warn('events_missing', { gaps: this.#gapCount, missing: this.#missing });
    this.#gapCount = this.#missing = 0;
  }

  #record(name: EventName, id: Uint8Array | null, data: Uint8Array): SourceRecord {
    const { key, headers } = this.#options.events;
    const keyBytes = key === 'none' ? null : this.#part(key, name, id);
    return {
      topic: this.#topic,
      partition: null,
      key: keyBytes,
      keySchema: keyBytes === null ? null : STRING,
      value: this.#asStruct ? new ServerSentEvent(name.bytes, id, data) : data,
      valueSchema: this.#valueSchema,
      headers: headers.length === 0 ? noSourceHeaders : this.#headers(headers, name, id),
      timestampMs: null,
    };
  }

  #headers(wanted: readonly string[], name: EventName, id: Uint8Array | null): SourceHeader[] {
    const headers: SourceHeader[] = [];
    for (const part of wanted) {
      const value = this.#part(part, name, id);
      if (value !== null) headers.push({ key: `sse.${part}`, value, schema: STRING });
    }
    return headers;
  }

  #part(part: string, name: EventName, id: Uint8Array | null): Uint8Array | null {
    if (part === 'id') return id;
    return part === 'event' ? name.bytes : this.#originBytes;
  }

  #enqueue(record: SourceRecord, bytes: number): boolean {
    const queue = this.#queue;
    if (!this.#blocks) {
      const overflows = queue.length >= this.#maxRecords || (queue.length > 0 && queue.bytes + bytes > this.#maxBytes);
      if (overflows && !this.#dropsOldest) {
        this.#drops.drop_newest++;
        return true;
      }
      if (overflows) this.#makeRoom(bytes);
    }
    if (queue.length === 0) this.#oldestAtMs = this.#chunkAtMs;
    queue.push(record, bytes);
    return !this.#blocks || (queue.length < this.#maxRecords && queue.bytes < this.#maxBytes);
  }

  #makeRoom(bytes: number): void {
    const queue = this.#queue;
    while (queue.length >= this.#maxRecords || (queue.length > 0 && queue.bytes + bytes > this.#maxBytes)) {
      queue.dropOldest();
      this.#drops.drop_oldest++;
    }
  }

  /** Once when the queue is 80 % full; again when it has been less full meanwhile, or after a reconnect. */
  #warnWhenHigh(): void {
    const utilization = Math.max(this.length / this.#maxRecords, this.bytes / this.#maxBytes);
    if (utilization < highUtilization) this.#warned = false;
    else if (!this.#warned) {
      this.#warned = true;
      this.#utilizationLog.add(1, this.#chunkAtMs, {
        queue_size: this.length,
        queue_capacity: this.#maxRecords,
        queue_utilization_percent: Math.round(utilization * 100),
      });
    }
  }
}

/** What a record counts in the queue. */
function bytesOf({ value }: SourceRecord): number {
  if (value instanceof Uint8Array) return value.length;
  const { event, id, data } = value as ServerSentEvent;
  return event.length + (id?.length ?? 0) + data.length;
}

function dropFields(reason: DropReason): Readonly<Record<string, string>> {
  return reason === 'drop_oldest' || reason === 'drop_newest' ? { reason: 'queue_full', dropped: reason } : { reason };
}
