import type { RecordColumn } from '../../record/record-column.ts';
import { recordSpan } from '../../record/record-column.ts';
import type { Mapped } from '../mapping/mapped.ts';
import type { SourceMapper } from '../mapping/source-mapper.ts';
import type { Values } from '../values/value.ts';
import type { Frames } from './sources.ts';

/** Told of a message that did not give all of its rows; false where nothing more may come in. */
export type OnDropped = (message: Uint8Array | string, mapped: Mapped) => boolean;

/** Where messages of one stream become rows of the application. */
export class Entrance {
  readonly #mapper: SourceMapper;
  readonly #push: (values: Values) => void;
  readonly #onDropped: OnDropped;

  constructor(mapper: SourceMapper, push: (values: Values) => void, onDropped: OnDropped) {
    this.#mapper = mapper;
    this.#push = push;
    this.#onDropped = onDropped;
  }

  /** False where it was ended by a message. */
  take({ columns = [], messages }: Frames): boolean {
    for (const column of columns) if (!this.#takeColumn(column)) return false;
    for (const message of messages) if (!this.#takeMessage(message)) return false;
    return true;
  }

  /** Of a usual message nothing is made but its row: no record, no view. */
  #takeColumn({ bytes, spans, length }: RecordColumn): boolean {
    const mapper = this.#mapper;
    const push = this.#push;
    for (let index = 0, span = 0; index < length; index++, span += recordSpan.size) {
      const begin = spans[span + recordSpan.value]!;
      const end = spans[span + recordSpan.valueEnd]!;
      if (end < begin) continue;
      const values = mapper.scan(bytes, begin, end);
      if (values !== undefined) push(values);
      else if (!this.#takeMessage(bytes.subarray(begin, end))) return false;
    }
    return true;
  }

  #takeMessage(message: Uint8Array | string): boolean {
    const mapped = this.#mapper.map(message);
    for (const row of mapped.rows) this.#push(row);
    return mapped.dropped === 0 || this.#onDropped(message, mapped);
  }
}
