/**
 * Messages until the worker takes them. Text that nobody looks into, of a queue that drops nothing, is kept as bytes side by
 * side. Everything else is a record of its own, and so is text behind such a record, until the records were taken: the order is
 * that of the arrival.
 */
import { columnRecords } from '../../record/column-batch.ts';
import { ColumnQueue } from '../../record/column-queue.ts';
import { type Schema, STRING } from '../../record/schema.ts';
import { noSourceHeaders, type SourceColumn, type SourceRecord } from '../../record/source-record.ts';
import type { ValueColumn } from '../../record/value-column.ts';
import { BoundedQueue, type QueueSettings } from '../../source/bounded-queue.ts';
import type { Drops, QueueDrop } from '../../source/drops.ts';
import { KeptViews } from './kept-views.ts';
import type { NumbersSnapshot } from './number-positions.ts';

export interface MessageQueueOptions {
  readonly queue: QueueSettings;
  /** Nobody looks into messages of text. */
  readonly isPlainText: boolean;
  readonly drops: Pick<Drops<QueueDrop>, 'add'>;
  /** How far the numbers of the feed are behind all that is queued; null: it has none. */
  readonly numbers: (() => NumbersSnapshot | undefined) | null;
}

/** What was taken: a column, or records one by one. */
export type Taken = (
  | { readonly column: SourceColumn; readonly receivedAtMs: number }
  | { readonly records: readonly SourceRecord[]; readonly receivedAtMs: number }
) & {
  /** How far the numbers of the feed are behind it. */
  readonly numbers: NumbersSnapshot | undefined;
};

export class MessageQueue {
  readonly #numbers: MessageQueueOptions['numbers'];
  readonly #maxRecords: number;
  readonly #maxBytes: number;
  readonly #blocks: boolean;
  /** Text messages become parts of columns. */
  readonly #asColumns: boolean;
  /** What is here came before what is among the records. */
  readonly #columns: ColumnQueue<NumbersSnapshot | undefined>;
  readonly #records: BoundedQueue;
  readonly #views = new KeptViews();

  constructor({ queue, isPlainText, drops, numbers }: MessageQueueOptions) {
    this.#numbers = numbers;
    this.#maxRecords = queue.maxRecords;
    this.#maxBytes = queue.maxBytes;
    this.#blocks = queue.overflow === 'block';
    this.#asColumns = isPlainText && this.#blocks;
    this.#columns = new ColumnQueue(() => numbers?.());
    this.#records = new BoundedQueue(queue, drops, ({ value }) => (value as Uint8Array).length);
  }

  get length(): number {
    return this.#columns.length + this.#records.length;
  }

  get bytes(): number {
    return this.#columns.bytes + this.#records.bytes;
  }

  get hasRoom(): boolean {
    return this.length < this.#maxRecords && this.bytes < this.#maxBytes;
  }

  /** The server is to be held back. One that drops is never full. */
  get isFull(): boolean {
    return this.#blocks && !this.hasRoom;
  }

  /** True where messages are kept as views of the chunks they came in. */
  get keepsViews(): boolean {
    return !this.#asColumns;
  }

  /** The next text becomes part of a column. */
  get takesText(): boolean {
    return this.#asColumns && this.#records.length === 0;
  }

  /** Texts of a chunk for which there is room. */
  get roomForTexts(): number {
    return this.takesText && this.#numbers === null ? Math.max(this.#maxRecords - this.length, 0) : 0;
  }

  get roomInBytes(): number {
    return Math.max(this.#maxBytes - this.bytes, 0);
  }

  /** Where `takesText`. */
  pushText(value: Uint8Array, nowMs: number): void {
    this.#columns.push(value, nowMs);
  }

  /** As ColumnQueue.pushTexts. The bytes of the texts; null: they are to be given one by one. */
  pushTexts(chunk: Uint8Array, spans: Int32Array, count: number, nowMs: number): number | null {
    const before = this.#columns.bytes;
    return this.#columns.pushTexts(chunk, spans, count, nowMs) ? this.#columns.bytes - before : null;
  }

  /** False: dropped, as there is no room. */
  put(value: Uint8Array, valueSchema: Schema, key: Uint8Array | null, topic: string, nowMs: number): boolean {
    const bytes = value.length;
    if (!this.#records.admits(bytes)) return false;
    this.#records.push(
      {
        topic,
        partition: null,
        key,
        keySchema: key === null ? null : STRING,
        value: this.keepsViews ? this.#views.keep(value) : Buffer.from(value),
        valueSchema,
        headers: noSourceHeaders,
        timestampMs: null,
      },
      bytes,
      nowMs,
    );
    return true;
  }

  /** What is queued, in one kind, with the time at which the oldest of it came. `topic`: of columns. */
  take(topic: string): Taken {
    const hasBoth = this.#records.length > 0 && this.#columns.length > 0;
    if (this.#numbers !== null && hasBoth) return this.#takeBoth(topic, this.#numbers());
    const column = this.#columns.take();
    if (column === undefined) return { ...this.#records.takeAll(), numbers: this.#numbers?.() };
    const { values, receivedAtMs, mark } = column;
    return { column: { topic, schema: STRING, values }, receivedAtMs, numbers: mark ?? this.#numbers?.() };
  }

  /** How far the numbers are is known behind all of it alone: columns and the records behind them are one batch. */
  #takeBoth(topic: string, numbers: NumbersSnapshot | undefined): Taken {
    const records: SourceRecord[] = [];
    let receivedAtMs: number | undefined;
    for (let column = this.#columns.take(); column !== undefined; column = this.#columns.take()) {
      receivedAtMs ??= column.receivedAtMs;
      // Views: the column's memory is left to the collector.
      for (const record of columnRecords({ topic, schema: STRING, values: column.values })) records.push(record);
    }
    const behind = this.#records.takeAll();
    for (const record of behind.records) records.push(record);
    return { records, receivedAtMs: receivedAtMs ?? behind.receivedAtMs, numbers };
  }

  /** Nobody looks at a column that was taken any more. */
  giveBack(values: ValueColumn): void {
    this.#columns.giveBack(values);
  }

  /** Nobody will take what is left. */
  clear(): void {
    while (this.#columns.take() !== undefined);
    this.#records.takeAll();
  }
}
