import type { FetchedPartition } from './api/fetch.ts';

/**
 * Partitions of one answer that are looked at each in its own time, one of them much later than another where it is paused. Records
 * of several are copied, so that what waits of one does not keep all of the answer, which no bound would count. Those of a single
 * one stay a view: they are the answer.
 */
export function ownRecords(partitions: readonly FetchedPartition[]): {
  readonly partitions: readonly FetchedPartition[];
  /** Nothing looks at the answer any more. */
  readonly isCopied: boolean;
} {
  const isCopied = partitions.filter(({ records }) => records.length > 0).length > 1;
  if (!isCopied) return { partitions, isCopied };
  return { partitions: partitions.map((fetched) => ({ ...fetched, records: Buffer.from(fetched.records) })), isCopied };
}
