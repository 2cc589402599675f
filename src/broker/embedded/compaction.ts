/**
 * Compaction of one partition (`cleanup.policy=compact`): of each key the last record stays, at its offset; a tombstone
 * stays for `delete.retention.ms` after compaction first met it, so that a reader on its way sees it.
 *
 * First the part that was never compacted is read for its keys, up to a bound; then everything up to there is read from
 * the start and rewritten batch by batch. Old values go before the tombstone that covers them gets its time, so a kill in
 * between only leaves work for the next run.
 */
import { asBuffer } from '../../base/as-buffer.ts';
import { isError } from '../../base/errors.ts';
import { readBatchHeader } from '../../record/batch-header.ts';
import type { Codecs } from '../../record/codecs.ts';
import { decodeRecords } from '../../record/decode.ts';
import type { ConsumedRecord } from '../../record/record.ts';
import { compactBatch } from './compact-batch.ts';
import type { CompactedBatch, Fetched, PartitionState, StoredBatch } from './protocol.ts';
import type { StoreClient } from './store-client.ts';

export interface CompactionParts {
  readonly client: StoreClient;
  readonly codecs: Codecs;
  readonly nowMs: number;
  readonly minLagMs: number;
  readonly deleteRetentionMs: number;
  readonly maxKeyBytes?: number;
}

/** Memory for the keys of one run, each counted with what its entry costs beside it. */
const defaultMaxKeyBytes = 32 * 1024 * 1024;
const entryBytes = 64;
const fetchBytes = 1024 * 1024;
const writeBytes = 2 * 1024 * 1024;

/** Compacts what is in [partition.first, partition.stable) and old enough. Gives the offset it came to. */
export async function compactPartition(
  parts: CompactionParts,
  partition: PartitionState,
  compactedTo: number,
): Promise<number> {
  const from = Math.max(compactedTo, partition.first);
  const { latest, end } = await lastOffsets(parts, partition, from);
  let changes: CompactedBatch[] = [];
  let bytes = 0;
  const write = async (to: number): Promise<void> => {
    await parts.client.write({ kind: 'compact', partition: partition.no, changes, compactedTo: to });
    changes = [];
    bytes = 0;
  };
  for await (const batch of batches(parts.client, partition.no, partition.first, end)) {
    const change = compacted(parts, batch, latest);
    if (change === undefined) continue;
    changes.push(change);
    bytes += change.bytes instanceof Uint8Array ? change.bytes.length : 0;
    if (bytes > writeBytes || changes.length >= 1000) await write(compactedTo);
  }
  await write(end);
  return end;
}

/** Where each key of the new part has its last record, and where that part ends: at a batch that is too young, or the bound. */
async function lastOffsets(
  { client, codecs, nowMs, minLagMs, maxKeyBytes = defaultMaxKeyBytes }: CompactionParts,
  { no, stable }: PartitionState,
  from: number,
): Promise<{ readonly latest: ReadonlyMap<string, number>; readonly end: number }> {
  const latest = new Map<string, number>();
  let keyBytes = 0;
  let end = from;
  for await (const batch of batches(client, no, from, stable)) {
    if (keyBytes > maxKeyBytes || (minLagMs > 0 && batch.time > nowMs - minLagMs)) return { latest, end };
    end = batch.last + 1;
    if (batch.isControl || batch.isAborted) continue;
    for (const { key, offset } of recordsOf(batch, codecs)) {
      if (key === null) continue;
      const text = keyText(key);
      if (!latest.has(text)) keyBytes += text.length + entryBytes;
      latest.set(text, offset);
    }
  }
  return { latest, end: Math.max(end, stable) };
}

function compacted(
  { codecs, nowMs, deleteRetentionMs }: CompactionParts,
  batch: StoredBatch,
  latest: ReadonlyMap<string, number>,
): CompactedBatch | undefined {
  const { base, horizon } = batch;
  // Who reads committed records never sees them, and the state of transactions is kept beside the log.
  if (batch.isControl || batch.isAborted) return { base, bytes: null, horizon: null };
  let hasTombstone = false;
  const keep = ({ key, value, offset }: ConsumedRecord): boolean => {
    if (key === null) return true; // from before the topic was compacted: nothing replaces it
    if ((latest.get(keyText(key)) ?? offset) > offset) return false;
    if (value !== null) return true;
    if (horizon !== null && horizon <= nowMs) return false;
    hasTombstone = true;
    return true;
  };
  try {
    const bytes = compactBatch(asBuffer(batch.bytes), keep, codecs);
    const newHorizon = hasTombstone ? (horizon ?? nowMs + deleteRetentionMs) : null;
    return bytes === 'unchanged' && newHorizon === horizon ? undefined : { base, bytes, horizon: newHorizon };
  } catch (error) {
    if (isError(error)) return undefined; // damaged: it stays as it is, and every reader reports it
    throw error;
  }
}

function recordsOf(batch: StoredBatch, codecs: Codecs): readonly ConsumedRecord[] {
  const bytes = asBuffer(batch.bytes);
  try {
    return decodeRecords(bytes, readBatchHeader(bytes), { codecs });
  } catch (error) {
    if (isError(error)) return [];
    throw error;
  }
}

async function* batches(
  client: StoreClient,
  partition: number,
  from: number,
  limit: number,
): AsyncGenerator<StoredBatch> {
  for (let offset = from; offset < limit; ) {
    const fetched = await client.read<Fetched>({ kind: 'fetch', partition, offset, limit, maxBytes: fetchBytes });
    yield* fetched.batches;
    if (fetched.nextOffset <= offset) return;
    offset = fetched.nextOffset;
  }
}

/** Bytes as text of as many characters: a key of a Map that compares by content. */
function keyText(key: Uint8Array): string {
  return Buffer.from(key.buffer, key.byteOffset, key.length).toString('latin1');
}
