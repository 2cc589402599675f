import { ColumnWriter } from '../../record/column-writer.ts';
import type { ValueColumn } from '../../record/value-column.ts';

export interface TakenColumn {
  readonly values: ValueColumn;
  readonly receivedAtMs: number;
  /** Of the last event up to the end of the column; undefined where the column holds the newest events there are. */
  readonly lastEventId?: Uint8Array | null;
}

/** A column is closed at that size: it makes one batch, and its memory does not grow with the queue. */
const columnBytes = 480 * 1024;

/** Data of events side by side, in order of arrival; bounds are the caller's. The first column is taken as a whole. */
export class EventColumns {
  readonly #writer = new ColumnWriter();
  readonly #lastEventId: () => Uint8Array | null;
  readonly #closed: TakenColumn[] = [];
  #closedRecords = 0;
  #closedBytes = 0;
  #openedAtMs = 0;

  /** `lastEventId`: of the stream, as it stands when an event is pushed. */
  constructor(lastEventId: () => Uint8Array | null) {
    this.#lastEventId = lastEventId;
  }

  get length(): number {
    return this.#closedRecords + this.#writer.length;
  }

  get bytes(): number {
    return this.#closedBytes + this.#writer.valueBytes;
  }

  push(data: Uint8Array, nowMs: number): void {
    const writer = this.#writer;
    if (writer.length === 0) this.#openedAtMs = nowMs;
    writer.append(data);
    if (writer.valueBytes < columnBytes) return;
    this.#closedRecords += writer.length;
    this.#closedBytes += writer.valueBytes;
    this.#closed.push({
      values: writer.take(),
      receivedAtMs: this.#openedAtMs,
      lastEventId: this.#lastEventId(),
    });
  }

  take(): TakenColumn | undefined {
    const first = this.#closed.shift();
    if (first === undefined) {
      if (this.#writer.length === 0) return undefined;
      return { values: this.#writer.take(), receivedAtMs: this.#openedAtMs };
    }
    this.#closedRecords -= first.values.length;
    this.#closedBytes -= first.values.valueBytes;
    return first;
  }

  /** Nobody looks at a column of ours any more. */
  giveBack(values: ValueColumn): void {
    this.#writer.giveBack(values);
  }
}
