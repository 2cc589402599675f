import { ColumnWriter } from './column-writer.ts';
import type { ValueColumn } from './value-column.ts';

export interface QueuedColumn {
  readonly values: ValueColumn;
  /** When the first of them came. */
  readonly receivedAtMs: number;
}

/**
 * A column is closed at that size: it makes one batch, and its memory does not grow with the queue. Pieces of one size are
 * used again without holes between them.
 */
const columnBytes = 480 * 1024;

/** Messages as bytes side by side, in order of arrival; bounds are the caller's. The first column is taken as a whole. */
export class ColumnQueue {
  readonly #writer = new ColumnWriter();
  #closed: QueuedColumn[] = [];
  #closedRecords = 0;
  #closedBytes = 0;
  #openedAtMs = 0;

  get length(): number {
    return this.#closedRecords + this.#writer.length;
  }

  get bytes(): number {
    return this.#closedBytes + this.#writer.valueBytes;
  }

  push(value: Uint8Array, nowMs: number): void {
    this.#open(nowMs);
    this.#writer.append(value);
  }

  /** As ColumnWriter.appendTexts. */
  pushTexts(chunk: Uint8Array, spans: Int32Array, count: number, nowMs: number): boolean {
    this.#open(nowMs);
    return this.#writer.appendTexts(chunk, spans, count);
  }

  take(): QueuedColumn | undefined {
    const first = this.#closed.shift();
    if (first !== undefined) {
      this.#closedRecords -= first.values.length;
      this.#closedBytes -= first.values.valueBytes;
      return first;
    }
    if (this.#writer.length === 0) return undefined;
    return { values: this.#writer.take(), receivedAtMs: this.#openedAtMs };
  }

  /** Nobody looks at a column of ours any more. */
  giveBack(values: ValueColumn): void {
    this.#writer.giveBack(values);
  }

  #open(nowMs: number): void {
    const writer = this.#writer;
    if (writer.valueBytes >= columnBytes) {
      this.#closedRecords += writer.length;
      this.#closedBytes += writer.valueBytes;
      this.#closed.push({ values: writer.take(), receivedAtMs: this.#openedAtMs });
    }
    if (writer.length === 0) this.#openedAtMs = nowMs;
  }
}
