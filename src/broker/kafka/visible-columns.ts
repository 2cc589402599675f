import { isError } from '../../base/errors.ts';
import type { BatchHeader } from '../../record/batch-header.ts';
import { readBatchHeaders } from '../../record/batch-header.ts';
import type { Codecs } from '../../record/codecs.ts';
import { readControlType } from '../../record/control.ts';
import { decodeColumn } from '../../record/decode.ts';
import type { RecordColumn } from '../../record/record-column.ts';
import type { DamagedRange, Isolation } from '../broker.ts';
import type { AbortedTransaction } from './api/fetch.ts';

/** What a Fetch answer brings of one partition. */
export interface FetchedBatches {
  /** Whole batches, the last one possibly cut. */
  readonly records: Buffer;
  readonly aborted: readonly AbortedTransaction[];
}

/** Where the next fetch starts: behind the last whole batch, `from` where there is none. */
export function nextOffsetOf(records: Buffer, from: number): number {
  let next = from;
  for (const header of readBatchHeaders(records)) next = Math.max(next, header.lastOffset + 1);
  return next;
}

/**
 * The records a reader may have, from an offset on, batch by batch: without control batches, and to a read-committed one without those of
 * aborted transactions. BATCH_CORRUPT, BATCH_UNSUPPORTED; with `damaged` such a batch gives nothing and is added there.
 *
 * The broker names the aborted transactions that reach into its answer by producer and first offset. A producer's records
 * are skipped from there to its next abort marker; it may abort several times within one answer, and the marker may come
 * in a later one.
 */
export function visibleColumns(
  { records, aborted }: FetchedBatches,
  fromOffset: number,
  isolation: Isolation,
  codecs: Codecs,
  damaged?: DamagedRange[],
): RecordColumn[] {
  const visible: RecordColumn[] = [];
  const isAborted = isolation === 'read-committed' ? abortedBatches(records, aborted, codecs) : undefined;
  for (const header of readBatchHeaders(records)) {
    try {
      // Every batch is shown to it: the markers among them close transactions.
      const isSkipped = isAborted?.(header) === true;
      if (header.isControl || isSkipped || header.lastOffset < fromOffset) continue;
      const column = decodeColumn(records, header, { codecs, fromOffset });
      if (column.length > 0) visible.push(column);
    } catch (error) {
      if (damaged === undefined || !isError(error)) throw error;
      const { baseOffset, lastOffset } = header;
      if (lastOffset < fromOffset) continue;
      damaged.push({ from: Math.max(fromOffset, baseOffset), to: lastOffset + 1, reason: error.message });
    }
  }
  return visible;
}

/** Tells of one batch after the other, in their order, whether it belongs to an aborted transaction. */
function abortedBatches(
  records: Buffer,
  aborted: readonly AbortedTransaction[],
  codecs: Codecs,
): (header: BatchHeader) => boolean {
  const coming = [...aborted].sort((a, b) => a.firstOffset - b.firstOffset);
  const open = new Set<number>();
  let next = 0;
  return (header) => {
    for (; next < coming.length && coming[next]!.firstOffset <= header.lastOffset; next++)
      open.add(coming[next]!.producerId);
    if (!header.isControl) return header.isTransactional && open.has(header.producerId);
    if (open.has(header.producerId) && readControlType(records, header, codecs) === 'abort')
      open.delete(header.producerId);
    return false;
  };
}
