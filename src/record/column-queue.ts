import { ColumnWriter } from './column-writer.ts';
import type { ValueColumn } from './value-column.ts';

export interface QueuedColumn<Mark> {
  readonly values: ValueColumn;
  /** When the first of them came. */
  readonly receivedAtMs: number;
  /** What was noted behind its last value; undefined where the column holds the newest values there are. */
  readonly mark: Mark | undefined;
}

/**
 * A column is closed at that size: it makes one batch, and its memory does not grow with the queue. Pieces of one size are
 * used again without holes between them.
 */
const columnBytes = 480 * 1024;

/** Messages as bytes side by side, in order of arrival; bounds are the caller's. The first column is taken as a whole. */
export class ColumnQueue<Mark = undefined> {
  readonly #writer = new ColumnWriter();
  readonly #markOf: () => Mark;
  readonly #closed: QueuedColumn<Mark>[] = [];
  #closedRecords = 0;
  #closedBytes = 0;
  #openedAtMs = 0;

  /** `markOf`: what is to be noted of a column behind its last value: the position of a source, say. */
  constructor(markOf: () => Mark) {
    this.#markOf = markOf;
  }

  get length(): number {
    return this.#closedRecords + this.#writer.length;
  }

  get bytes(): number {
    return this.#closedBytes + this.#writer.valueBytes;
  }

  push(value: Uint8Array, nowMs: number): void {
    if (this.#writer.length === 0) this.#openedAtMs = nowMs;
    this.#writer.append(value);
    this.#closeWhenFull();
  }

  /** Where somebody else may write the next value; `pushed` is called once it is there. */
  get writer(): ColumnWriter {
    return this.#writer;
  }

  /** One more value was written into `writer`. */
  pushed(nowMs: number): void {
    if (this.#writer.length === 1) this.#openedAtMs = nowMs;
    this.#closeWhenFull();
  }

  /** As ColumnWriter.appendTexts. */
  pushTexts(chunk: Uint8Array, spans: Int32Array, count: number, nowMs: number): boolean {
    if (this.#writer.length === 0) this.#openedAtMs = nowMs;
    if (!this.#writer.appendTexts(chunk, spans, count)) return false;
    this.#closeWhenFull();
    return true;
  }

  /** Takes back what came since a column was last closed or taken: how many values that were. */
  dropOpen(): number {
    const values = this.#writer.take();
    this.#writer.giveBack(values);
    return values.length;
  }

  take(): QueuedColumn<Mark> | undefined {
    const first = this.#closed.shift();
    if (first !== undefined) {
      this.#closedRecords -= first.values.length;
      this.#closedBytes -= first.values.valueBytes;
      return first;
    }
    if (this.#writer.length === 0) return undefined;
    return { values: this.#writer.take(), receivedAtMs: this.#openedAtMs, mark: undefined };
  }

  /** Nobody looks at a column of ours any more. */
  giveBack(values: ValueColumn): void {
    this.#writer.giveBack(values);
  }

  #closeWhenFull(): void {
    const writer = this.#writer;
    if (writer.valueBytes < columnBytes) return;
    this.#closedRecords += writer.length;
    this.#closedBytes += writer.valueBytes;
    this.#closed.push({ values: writer.take(), receivedAtMs: this.#openedAtMs, mark: this.#markOf() });
  }
}
