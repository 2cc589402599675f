/** One turn of a reader that takes batches as they lie, without an object for each record. */
import { isError, TributaryError } from '../../base/errors.ts';
import { ColumnReader } from '../../record/column-reader.ts';
import type { DamagedRange, FetchedRuns } from '../broker.ts';
import type { Fetched } from './protocol.ts';
import type { ReaderParts } from './reader.ts';

export interface RunsRequest {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly maxBytes: number;
}

/** Each broker has its own, because of the memory it keeps. */
const readers = new WeakMap<ReaderParts, ColumnReader>();

export async function fetchRuns(parts: ReaderParts, request: RunsRequest): Promise<FetchedRuns> {
  const { topic, partition, offset, maxBytes } = request;
  const { no, first, stable } = parts.topics.partition(topic, partition);
  if (offset < first || offset > stable) {
    throw new TributaryError(
      'OFFSET_OUT_OF_RANGE',
      `Cannot read ${topic}-${partition} from offset ${offset}: must be from ${first} to ${stable}`,
    );
  }
  const fetched = await parts.client.read<Fetched>({ kind: 'fetch', partition: no, offset, limit: stable, maxBytes });
  const damaged: DamagedRange[] = [];
  const passOver = (base: number, last: number, reason: string): void => {
    parts.onDamaged(topic, partition, { baseOffset: base, lastOffset: last, reason });
    damaged.push({ from: Math.max(base, offset), to: last + 1, reason });
  };
  for (const { base, last, reason } of fetched.damaged) passOver(base, last, reason);
  const reader = readers.get(parts) ?? new ColumnReader(parts.codecs);
  readers.set(parts, reader);
  reader.begin(fetched.batches.reduce((sum, { bytes }) => sum + bytes.length, 0));
  for (const { bytes, base, last, isControl, isAborted } of fetched.batches) {
    if (isControl || isAborted) continue;
    try {
      const isCopied = reader.add(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length), offset);
      if (isCopied) free(bytes);
    } catch (error) {
      if (!isError(error)) throw error;
      passOver(base, last, error.message);
    }
  }
  return { ...reader.take(), nextOffset: fetched.nextOffset, damaged };
}

/**
 * A batch is in memory of its own, up to half a megabyte of it. Left to the garbage collector, such pieces make it go through
 * the whole heap again and again, to free a few of them each time.
 */
function free({ buffer }: Uint8Array<ArrayBuffer>): void {
  buffer.transfer(0);
}
