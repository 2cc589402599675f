/**
 * Makes records of events and keeps them until the worker takes them. What is counted per event are plain fields; counters,
 * warnings and the one who waits are looked after once per chunk, in `settle`.
 */

import { ColumnQueue, type QueuedColumn } from '../../record/column-queue.ts';
import { type Schema, STRING } from '../../record/schema.ts';
import { noSourceHeaders, type SourceHeader, type SourceRecord } from '../../record/source-record.ts';
import type { ValueColumn } from '../../record/value-column.ts';
import { BoundedQueue, type QueueSettings } from '../../source/bounded-queue.ts';
import { Drops } from '../../source/drops.ts';
import { QueueAlarm } from '../../source/queue-alarm.ts';
import type { Log } from '../../telemetry/log.ts';
import type { EventStreamSink } from '../../wire/sse/event-stream-parser.ts';
import type { WriteValue } from '../contract.ts';
import { type EventName, EventNames } from './event-names.ts';
import { GapTracker } from './gaps.ts';
import { type DropReason, dropReasons, type Meters } from './meters.ts';
import { eventSchema, ServerSentEvent } from './server-sent-event.ts';
import type { EventSettings } from './settings.ts';
import type { EventGap } from './stream-status.ts';

/** Of the last event up to the end of a column. */
export type EventColumn = QueuedColumn<Uint8Array | null>;

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
  /** Writes events as they will be stored; undefined where they have to be records. */
  readonly writeValue: WriteValue | undefined;
  /** An event cannot be written: nothing more is wanted. */
  readonly onUnwritable: (error: unknown) => void;
  /** The text of a record about a gap. Called for each, before the event that showed it. */
  readonly onGap: (gap: EventGap) => string;
}

export class Intake implements EventStreamSink {
  readonly gaps = new GapTracker();
  readonly #options: IntakeOptions;
  readonly #topic: string;
  readonly #maxRecords: number;
  readonly #maxBytes: number;
  readonly #blocks: boolean;
  readonly #names: EventNames;
  readonly #queue: BoundedQueue;
  /** In place of the queue of records where values stand alone, as they are or written, and for one topic. */
  readonly #columns: ColumnQueue<Uint8Array | null> | null;
  readonly #drops: Drops<DropReason>;
  readonly #alarm: QueueAlarm;
  readonly #originBytes: Uint8Array;
  readonly #asStruct: boolean;
  readonly #write: WriteValue | undefined;
  readonly #valueSchema: Schema;
  /** The one that is being written. */
  readonly #event: { -readonly [Part in 'event' | 'id' | 'data']: ServerSentEvent[Part] };
  #received = 0;
  #empty = 0;
  #missing = 0;
  #gapCount = 0;
  #gapRecords = 0;
  #repeated = 0;
  #chunkAtMs = 0;
  #abandons = false;
  /** When the last event came; undefined before the first. */
  eventAtMs: number | undefined;

  constructor(options: IntakeOptions) {
    const { topic, queue, events, log } = options;
    this.#options = options;
    this.#topic = topic;
    this.#maxRecords = queue.maxRecords;
    this.#maxBytes = queue.maxBytes;
    this.#blocks = queue.overflow === 'block';
    this.#names = new EventNames(events, (name) => options.meters().ofName(name));
    this.#originBytes = Buffer.from(events.origin);
    this.#asStruct = events.value === 'struct';
    const isAlone = events.key === 'none' && events.headers.length === 0 && events.gapTopic === null;
    const isBytes = !this.#asStruct || options.writeValue !== undefined;
    this.#columns = isAlone && isBytes && this.#blocks ? new ColumnQueue(options.lastEventId) : null;
    this.#write = this.#asStruct ? options.writeValue : undefined;
    this.#valueSchema = this.#asStruct ? eventSchema : STRING;
    this.#event = { event: this.#originBytes, id: null, data: this.#originBytes };
    // What the filter drops is what was asked for.
    this.#drops = new Drops(dropReasons, log, 'event_dropped', ['filtered']);
    this.#queue = new BoundedQueue(queue, this.#drops, bytesOf);
    this.#alarm = new QueueAlarm(log, queue);
  }

  get length(): number {
    return this.#columns?.length ?? this.#queue.length;
  }

  get bytes(): number {
    return this.#columns?.bytes ?? this.#queue.bytes;
  }

  /** Whether columns hold events as they will be stored. */
  get writes(): boolean {
    return this.#columns !== null && this.#write !== undefined;
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
      this.#drops.add('filtered');
      return true;
    }
    if (this.#abandons) {
      this.#drops.add('abandoned');
      return true;
    }
    if (this.#columns !== null) {
      if (this.#write === undefined) this.#columns.push(data, this.#chunkAtMs);
      else if (!this.#pushWritten(this.#write, this.#columns, name, id, data)) return false;
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
    this.#drops.add('oversize');
    if (this.#abandons) return true;
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
    this.#drops.settle(meters.dropped, this.#chunkAtMs);
    this.#alarm.look(this, this.#chunkAtMs);
    if (this.length > 0) this.#options.onRecords();
  }

  /** The first column, where values travel in columns. */
  takeColumn(): EventColumn | undefined {
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
    const taken = this.#queue.takeAll();
    this.#options.meters().produced.value += taken.records.length;
    return taken;
  }

  /** A new connection: the warning may come again. */
  rearm(): void {
    this.#alarm.rearm();
  }

  /** The server will not go on behind this event: nobody knows what is missing. */
  refused(id: Uint8Array | null, nowMs: number): void {
    this.#chunkAtMs = nowMs;
    const after = id === null ? null : textOf(id);
    this.#noteGap({ reason: 'resume_refused', after, from: null, to: null, missing: null });
    this.settle(0);
  }

  /** Nobody will take what comes from now on: it is counted, and not kept. */
  abandon(): void {
    this.#abandons = true;
  }

  /** Nobody will take what is left; says what has not been said. */
  end(nowMs: number): void {
    this.#drops.add('abandoned', this.length);
    this.#queue.takeAll();
    while (this.#columns?.take() !== undefined);
    this.#chunkAtMs = nowMs;
    this.settle(0);
    this.#drops.flush(nowMs);
  }

  #track(id: Uint8Array): void {
    const missing = this.gaps.see(id);
    if (missing === 0) return;
    if (missing < 0) this.#repeated++;
    else {
      const { from } = this.gaps;
      this.#noteGap({ reason: 'ids', after: String(from - 1), from, to: from + missing - 1, missing });
    }
  }

  #noteGap(gap: EventGap): void {
    this.#gapCount++;
    this.#missing += gap.missing ?? 0;
    const text = this.#options.onGap(gap);
    const { gapTopic } = this.#options.events;
    if (gapTopic === null) return;
    if (this.#abandons) this.#drops.add('abandoned');
    else this.#putGap(gapTopic, Buffer.from(text));
  }

  #putGap(topic: string, value: Uint8Array): void {
    if (!this.#queue.admits(value.length)) return;
    const plain = { partition: null, key: null, keySchema: null, headers: noSourceHeaders, timestampMs: null };
    this.#queue.push({ ...plain, topic, value, valueSchema: STRING }, value.length, this.#chunkAtMs);
    this.#gapRecords++;
  }

  #tellGaps(meters: Meters): void {
    if (this.#repeated > 0) {
      meters.repeated.value += this.#repeated;
      this.#repeated = 0;
    }
    if (this.#gapCount === 0) return;
    meters.gaps.value += this.#gapCount;
    meters.missing.value += this.#missing;
    meters.gapRecords.value += this.#gapRecords;
    this.#gapCount = this.#missing = this.#gapRecords = 0;
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

  #pushWritten(
    write: WriteValue,
    columns: ColumnQueue<Uint8Array | null>,
    name: EventName,
    id: Uint8Array | null,
    data: Uint8Array,
  ): boolean {
    const event = this.#event;
    event.event = name.bytes;
    event.id = id;
    event.data = data;
    try {
      write(this.#topic, eventSchema, event, columns.writer);
    } catch (error) {
      // The stream's id is that of this event already: what has no other position yet is left to the next run.
      this.#drops.add('abandoned', columns.dropOpen() + 1);
      this.#options.onUnwritable(error);
      return false;
    }
    columns.pushed(this.#chunkAtMs);
    return true;
  }

  #enqueue(record: SourceRecord, bytes: number): boolean {
    if (!this.#queue.admits(bytes)) return true;
    this.#queue.push(record, bytes, this.#chunkAtMs);
    return !this.isFull;
  }
}

/** What a record counts in the queue. */
function bytesOf({ value }: SourceRecord): number {
  if (value instanceof Uint8Array) return value.length;
  const { event, id, data } = value as ServerSentEvent;
  return event.length + (id?.length ?? 0) + data.length;
}

function textOf(id: Uint8Array): string {
  return Buffer.from(id.buffer, id.byteOffset, id.length).toString('utf8');
}
