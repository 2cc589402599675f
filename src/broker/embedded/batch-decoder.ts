import { isError } from '../../base/errors.ts';
import { readBatchHeader } from '../../record/batch-header.ts';
import type { Codecs } from '../../record/codecs.ts';
import { decodeRecords } from '../../record/decode.ts';
import type { ConsumedRecord } from '../../record/record.ts';
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
  into: ConsumedRecord[],
  onDamaged: (damaged: DamagedBatch) => void,
): void {
  if (isControl || (isAborted && committedOnly)) return;
  const count = into.length;
  try {
    const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    decodeRecords(buffer, readBatchHeader(buffer), { codecs, fromOffset }, into);
  } catch (error) {
    if (!isError(error)) throw error;
    into.length = count;
    onDamaged({ baseOffset: base, lastOffset: last, reason: error.message });
  }
}
