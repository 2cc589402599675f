/** One turn of a reader that takes batches as they lie, without an object for each record. */
import { isError, TributaryError } from '../../base/errors.ts';
import { ColumnReader, type KnownValues, staysWhole } from '../../record/column-reader.ts';
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

/** A batch of it, wherever it was taken from. */
interface Piece {
  readonly base: number;
  readonly last: number;
  readonly bytes: Buffer;
  readonly values?: KnownValues | undefined;
  readonly giveBack: () => void;
}

export async function fetchRuns(parts: ReaderParts, request: RunsRequest): Promise<FetchedRuns> {
  const { topic, partition, offset, maxBytes } = request;
  const { client } = parts;
  const { no, first, stable } = parts.topics.partition(topic, partition);
  if (offset < first || offset > stable) {
    throw new TributaryError(
      'OFFSET_OUT_OF_RANGE',
      `Cannot read ${topic}-${partition} from offset ${offset}: must be from ${first} to ${stable}`,
    );
  }
  client.tail.follow(no);
  const kept = client.tail.take(no, offset, stable, maxBytes).map(({ base, last, buffer, length, values }) => {
    const giveBack = (): void => client.releaseBuffer(buffer);
    return { base, last, bytes: Buffer.from(buffer, 0, length), values, giveBack };
  });
  if (kept.length > 0) return runsOf(parts, request, kept, [], kept.at(-1)!.last + 1);
  const fetched = await client.read<Fetched>({ kind: 'fetch', partition: no, offset, limit: stable, maxBytes });
  if (fetched.repaired > 0) parts.onRepaired(topic, partition, fetched.repaired);
  const pieces = fetched.batches
    .filter(({ isControl, isAborted }) => !isControl && !isAborted)
    .map(({ base, last, bytes: { buffer, byteOffset, length } }) => {
      return { base, last, bytes: Buffer.from(buffer, byteOffset, length), giveBack: () => free(buffer) };
    });
  return runsOf(parts, request, pieces, fetched.damaged, fetched.nextOffset);
}

function runsOf(
  parts: ReaderParts,
  { topic, partition, offset }: RunsRequest,
  pieces: readonly Piece[],
  notRead: Fetched['damaged'],
  nextOffset: number,
): FetchedRuns {
  const damaged: DamagedRange[] = [];
  const passOver = (base: number, last: number, reason: string): void => {
    parts.onDamaged(topic, partition, { baseOffset: base, lastOffset: last, reason });
    damaged.push({ from: Math.max(base, offset), to: last + 1, reason });
  };
  for (const { base, last, reason } of notRead) passOver(base, last, reason);
  const reader = readers.get(parts) ?? new ColumnReader(parts.codecs);
  readers.set(parts, reader);
  const copied = pieces.filter(({ bytes, base }) => !staysWhole(bytes.length, base, offset));
  reader.begin(copied.reduce((sum, { bytes }) => sum + bytes.length, 0));
  let whole: Piece[] = [];
  for (const piece of pieces) {
    try {
      const added = reader.add(piece.bytes, offset, piece.values);
      if (added === 'copied') piece.giveBack();
      if (added === 'whole') whole.push(piece);
    } catch (error) {
      if (!isError(error)) throw error;
      passOver(piece.base, piece.last, error.message);
    }
  }
  const { runs, release } = reader.take();
  return {
    ...{ runs, nextOffset, damaged },
    release: () => {
      release();
      for (const { giveBack } of whole) giveBack();
      whole = [];
    },
  };
}

/**
 * A batch is in memory of its own, up to half a megabyte of it. Left to the garbage collector, such pieces make it go through
 * the whole heap again and again, to free a few of them each time.
 */
function free(buffer: ArrayBuffer): void {
  buffer.transfer(0);
}
