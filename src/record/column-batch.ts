import { noSourceHeaders, type SourceColumn, type SourceRecord } from './source-record.ts';

type SourceMap = Readonly<Record<string, unknown>>;

export interface ColumnBatchOptions {
  readonly column: SourceColumn;
  readonly partition: SourceMap;
  readonly offset: SourceMap;
  readonly receivedAtMs: number;
  /** Called when the column's memory may be used again. */
  readonly onRelease: () => void;
}

/** A batch of a source (connectors/contract.ts) whose records are objects only when somebody looks at them one by one. */
export class ColumnBatch {
  readonly column: SourceColumn;
  readonly partition: SourceMap;
  readonly offset: SourceMap;
  readonly receivedAtMs: number;
  readonly #onRelease: () => void;
  #records: readonly SourceRecord[] | undefined;

  constructor({ column, partition, offset, receivedAtMs, onRelease }: ColumnBatchOptions) {
    this.column = column;
    this.partition = partition;
    this.offset = offset;
    this.receivedAtMs = receivedAtMs;
    this.#onRelease = onRelease;
  }

  get records(): readonly SourceRecord[] {
    this.#records ??= columnRecords(this.column);
    return this.#records;
  }

  release(): void {
    // Records are views: where they were made, somebody may have kept one, and the memory is left to the collector.
    if (this.#records === undefined) this.#onRelease();
  }
}

/** Objects for each value of a column, which are views of it. */
export function columnRecords({ topic, schema, values }: SourceColumn): SourceRecord[] {
  const records: SourceRecord[] = [];
  for (let index = 0; index < values.length; index++) {
    records.push({
      topic,
      partition: null,
      key: null,
      keySchema: null,
      value: values.value(index),
      valueSchema: schema,
      headers: noSourceHeaders,
      timestampMs: null,
    });
  }
  return records;
}
