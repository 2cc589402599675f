import { isError } from '../../base/errors.ts';
import { readBatchHeader } from '../../record/batch-header.ts';
import type { Codecs } from '../../record/codecs.ts';
import { decodeColumn } from '../../record/decode.ts';
import type { RecordColumn } from '../../record/record-column.ts';
import type { StoredBatch } from './protocol.ts';

/** A batch that cannot be used: it was passed over, and somebody must be told. */
export interface DamagedBatch {
  readonly baseOffset: number;
  readonly lastOffset: number;
  readonly reason: string;
}

/** Appends what a reader may see of a batch. A damaged one gives nothing and is handed to `onDamaged`. */
export function readStoredBatch(
  { bytes, base, last, isControl, isAborted }: StoredBatch,
  fromOffset: number,
  committedOnly: boolean,
  codecs: Codecs,
  into: RecordColumn[],
  onDamaged: (damaged: DamagedBatch) => void,
): void {
  if (isControl || (isAborted && committedOnly)) return;
  try {
    const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    const column = decodeColumn(buffer, readBatchHeader(buffer), { codecs, fromOffset });
    if (column.length > 0) into.push(column);
  } catch (error) {
    if (!isError(error)) throw error;
    onDamaged({ baseOffset: base, lastOffset: last, reason: error.message });
  }
}
