import { TributaryError } from '../base/errors.ts';
import type { ConsumedRecord } from '../record/record.ts';
import type { RecordColumn } from '../record/record-column.ts';
import type { DamagedRange, FetchedRecords } from './broker.ts';

export interface FetchedTurn extends Omit<FetchedRecords, 'records' | 'release'> {
  /** Gives the memory of the columns back. Called once at most. */
  readonly free?: () => void;
}

/** A turn of a reader whose records are objects only when somebody looks at them one by one. */
export class FetchedColumns implements FetchedRecords {
  readonly topic: string;
  readonly partition: number;
  readonly columns: readonly RecordColumn[];
  readonly nextOffset: number;
  readonly endOffset: number;
  readonly damaged?: readonly DamagedRange[];
  /** A closure, as it is called without the turn, too. It forgets the memory: that may be another turn's by the next call. */
  readonly release: () => void;
  #records: readonly ConsumedRecord[] | undefined;
  #isReleased = false;

  constructor({ topic, partition, columns, nextOffset, endOffset, damaged, free }: FetchedTurn) {
    this.topic = topic;
    this.partition = partition;
    this.columns = columns;
    this.nextOffset = nextOffset;
    this.endOffset = endOffset;
    if (damaged !== undefined) this.damaged = damaged;
    let held = free;
    this.release = () => {
      const given = held;
      held = undefined;
      this.#isReleased = true;
      this.#records = undefined;
      given?.();
    };
  }

  get records(): readonly ConsumedRecord[] {
    if (this.#isReleased) {
      const { topic, partition, nextOffset } = this;
      throw new TributaryError(
        'INTERNAL',
        `Cannot look at records of topic "${topic}", partition ${partition}, below offset ${nextOffset}: must be before their release`,
      );
    }
    this.#records ??= recordsOf(this.columns);
    return this.#records;
  }
}

function recordsOf(columns: readonly RecordColumn[]): ConsumedRecord[] {
  const records: ConsumedRecord[] = [];
  for (const column of columns) for (let index = 0; index < column.length; index++) records.push(column.record(index));
  return records;
}
