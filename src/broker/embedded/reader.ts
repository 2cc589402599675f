/** A reader of one partition, without a group. */
import { abortable } from '../../base/abort.ts';
import { TributaryError } from '../../base/errors.ts';
import type { Codecs } from '../../record/codecs.ts';
import type { RecordColumn } from '../../record/record-column.ts';
import type { DamagedRange, FetchedRecords, Isolation, OffsetSpec, ReadOptions } from '../broker.ts';
import { FetchedColumns } from '../fetched-columns.ts';
import { type DamagedBatch, readStoredBatch } from './batch-decoder.ts';
import type { Fetched, PartitionState } from './protocol.ts';
import type { StoreClient } from './store-client.ts';
import type { TopicTable } from './topic-table.ts';

export interface ReaderParts {
  readonly client: StoreClient;
  readonly topics: TopicTable;
  readonly codecs: Codecs;
  readonly onDamaged: (topic: string, partition: number, damaged: DamagedBatch) => void;
  /** So many rows of the index said a wrong end. */
  readonly onRepaired: (topic: string, partition: number, rows: number) => void;
}

const defaultMaxBytes = 1024 * 1024;

/** See Broker.read; when the signal aborts while the store is asked, that is an error: ABORTED. */
export async function* readPartition(parts: ReaderParts, options: ReadOptions): AsyncGenerator<FetchedRecords, void> {
  const { topic, partition, signal, isolation = 'read-committed' } = options;
  const isStopped = (): boolean => signal?.aborted === true;
  const id = parts.topics.known(topic).id;
  const { no } = parts.topics.partition(topic, partition);
  let position =
    typeof options.from === 'object' && 'offset' in options.from
      ? options.from.offset
      : await abortable(offsetAt(parts, topic, partition, options.from, isolation), signal, 'Reading');
  options.onStart?.(position);
  const until = options.until === 'end' ? endOf(parts.topics.partition(topic, partition), isolation) : undefined;

  while (!isStopped()) {
    const state = current(parts, topic, partition, id);
    const end = endOf(state, isolation);
    if (position < state.first || position > state.next) throw outOfRange(topic, partition, position, state);
    if (until !== undefined && position >= until) return;
    if (position >= end) {
      await parts.client.changed(no, signal);
      continue;
    }
    const limit = until === undefined ? end : Math.min(end, until);
    const maxBytes = options.maxBytes ?? defaultMaxBytes;
    const asked = parts.client.read<Fetched>({ kind: 'fetch', partition: no, offset: position, limit, maxBytes });
    const fetched = await abortable(asked, signal, 'Reading');
    // Batches may have gone while they were read: then the position is out of range, which the next turn finds.
    if (fetched.batches.length === 0 && position < current(parts, topic, partition, id).first) continue;
    const columns: RecordColumn[] = [];
    const from = position;
    const ranges: DamagedRange[] = [];
    const onDamaged = (damaged: DamagedBatch): void => {
      parts.onDamaged(topic, partition, damaged);
      const { baseOffset, lastOffset, reason } = damaged;
      if (lastOffset >= from) ranges.push({ from: Math.max(from, baseOffset), to: lastOffset + 1, reason });
    };
    if (fetched.repaired > 0) parts.onRepaired(topic, partition, fetched.repaired);
    for (const { base, last, reason } of fetched.damaged) onDamaged({ baseOffset: base, lastOffset: last, reason });
    for (const batch of fetched.batches) {
      readStoredBatch(batch, position, isolation === 'read-committed', parts.codecs, columns, onDamaged);
    }
    position = fetched.nextOffset;
    const damaged = ranges.length === 0 ? {} : { damaged: ranges.sort((a, b) => a.from - b.from) };
    yield new FetchedColumns({ topic, partition, columns, nextOffset: position, endOffset: end, ...damaged });
  }
}

/** One offset of a partition, as the port defines it. */
export async function offsetAt(
  parts: ReaderParts,
  topic: string,
  partition: number,
  at: OffsetSpec,
  isolation: Isolation,
): Promise<number> {
  const state = parts.topics.partition(topic, partition);
  const end = endOf(state, isolation);
  if (at === 'earliest') return state.first;
  if (at === 'latest') return end;
  const { timestampMs } = at;
  const { no, first } = state;
  const base = await parts.client.read<number | undefined>({
    kind: 'find-time',
    partition: no,
    timestampMs,
    from: first,
  });
  if (base === undefined || base >= end) return end;
  const fetched = await parts.client.read<Fetched>({
    kind: 'fetch',
    partition: no,
    offset: base,
    limit: end,
    maxBytes: 1,
  });
  const columns: RecordColumn[] = [];
  for (const batch of fetched.batches.slice(0, 1)) {
    readStoredBatch(batch, first, isolation === 'read-committed', parts.codecs, columns, (damaged) =>
      parts.onDamaged(topic, partition, damaged),
    );
  }
  for (const column of columns) {
    for (let index = 0; index < column.length; index++)
      if (column.timestampMs(index) >= timestampMs) return column.offset(index);
  }
  return fetched.nextOffset;
}

function endOf({ next, stable }: PartitionState, isolation: Isolation): number {
  return isolation === 'read-committed' ? stable : next;
}

function current({ topics }: ReaderParts, topic: string, partition: number, id: string): PartitionState {
  if (topics.known(topic).id !== id) {
    throw new TributaryError('TOPIC_RECREATED', `Topic "${topic}" was deleted and made again while it was read`);
  }
  return topics.partition(topic, partition);
}

function outOfRange(topic: string, partition: number, offset: number, { first, next }: PartitionState): TributaryError {
  return new TributaryError(
    'OFFSET_OUT_OF_RANGE',
    `Cannot read ${topic}-${partition} from offset ${offset}: must be from ${first} to ${next}`,
  );
}
