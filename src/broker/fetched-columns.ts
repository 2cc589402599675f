import type { ConsumedRecord } from '../record/record.ts';
import type { RecordColumn } from '../record/record-column.ts';
import type { DamagedRange, FetchedRecords } from './broker.ts';

/** A turn of a reader whose records are objects only when somebody looks at them one by one. */
export class FetchedColumns implements FetchedRecords {
  readonly topic: string;
  readonly partition: number;
  readonly columns: readonly RecordColumn[];
  readonly nextOffset: number;
  readonly endOffset: number;
  readonly damaged?: readonly DamagedRange[];
  readonly release?: () => void;
  #records: readonly ConsumedRecord[] | undefined;

  constructor({ topic, partition, columns, nextOffset, endOffset, damaged, release }: Omit<FetchedRecords, 'records'>) {
    this.topic = topic;
    this.partition = partition;
    this.columns = columns;
    this.nextOffset = nextOffset;
    this.endOffset = endOffset;
    if (damaged !== undefined) this.damaged = damaged;
    if (release !== undefined) this.release = release;
  }

  get records(): readonly ConsumedRecord[] {
    this.#records ??= recordsOf(this.columns);
    return this.#records;
  }
}

function recordsOf(columns: readonly RecordColumn[]): ConsumedRecord[] {
  const records: ConsumedRecord[] = [];
  for (const column of columns) for (let index = 0; index < column.length; index++) records.push(column.record(index));
  return records;
}
