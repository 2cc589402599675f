/**
 * The topic that keeps an application's last checkpoint: compacted, with the state in pieces and a closing record that says
 * what belongs together. All of one checkpoint is written in one transaction, so that a reader of what is committed finds
 * whole ones only; that what it finds is whole is checked all the same.
 *
 * Keys begin with the part of the application whose state it is, and it lies in the partition of that number: who takes a part
 * over reads that one, and waits for nobody else's transactions. An application that is not cut is part 0.
 */
import { createHash } from 'node:crypto';
import { isError, TributaryError } from '../../base/errors.ts';
import type { Broker } from '../../broker/broker.ts';
import { noHeaders, type ProduceRecord } from '../../record/record.ts';
import { growTo } from './grow-to.ts';

export function checkpointTopicOf(application: string): string {
  const safe = application.replace(/[^a-zA-Z0-9._-]/g, '_').slice(0, 180);
  // Two names must not become one.
  const suffix = safe === application ? '' : `-${createHash('sha256').update(application).digest('hex').slice(0, 8)}`;
  return `__tributary-sql-${safe}${suffix}`;
}

/** Each checkpoint replaces pieces of the one before: what is older is cleaned away often, lest a start has to read it. */
const topicConfig = {
  'cleanup.policy': 'compact',
  'min.cleanable.dirty.ratio': '0.1',
  'segment.ms': '600000',
  'segment.bytes': String(64 * 1024 * 1024),
  // A start that misses a deletion takes nothing for stored by it: only what the closing record leads to counts.
  'delete.retention.ms': '60000',
};

/** Makes the topic where there is none, and adds partitions where there are too few. */
export async function ensureCheckpointTopic(broker: Broker, topic: string, parts: number): Promise<void> {
  try {
    const { partitions } = await broker.describeTopic(topic);
    if (partitions.length < parts) await growTo(broker, topic, parts);
  } catch (error) {
    if (!isError(error, 'UNKNOWN_TOPIC')) throw error;
    await broker.createTopic({ name: topic, partitions: parts, config: topicConfig }).catch((failure: unknown) => {
      if (!isError(failure, 'TOPIC_EXISTS')) throw failure;
    });
  }
}

/** The newest value of each key. */
export type Entries = ReadonlyMap<string, Uint8Array>;

export interface ReadCheckpoint {
  readonly signal: AbortSignal;
  /** Reads the closing record alone. */
  readonly closingOnly?: boolean;
  /** Told how many offsets are still to be read, and how many bytes have been. */
  readonly onProgress?: (left: number, bytes: number) => void;
}

/** The newest record of each key of a part; without any where there is no such topic, or partition. */
export async function readEntries(
  broker: Broker,
  topic: string,
  part: number,
  { signal, closingOnly = false, onProgress }: ReadCheckpoint,
): Promise<Map<string, Uint8Array>> {
  const entries = new Map<string, Uint8Array>();
  let end: number;
  try {
    // The very end, open transactions included: they are over before it is reached.
    end = await broker.offset(topic, part, 'latest', { isolation: 'read-uncommitted', signal });
  } catch (error) {
    if (isError(error, 'UNKNOWN_TOPIC') || isError(error, 'UNKNOWN_PARTITION')) return entries;
    throw error;
  }
  if (end === 0) return entries;
  const closing = closingKey(part);
  let bytes = 0;
  for await (const { records, nextOffset } of broker.read({ topic, partition: part, from: 'earliest', signal })) {
    for (const { key, value } of records) {
      if (key === null) continue; // nobody of ours writes such a record
      const name = Buffer.from(key).toString();
      bytes += value?.length ?? 0;
      if (value === null) entries.delete(name);
      else if (!closingOnly || name === closing) entries.set(name, Uint8Array.from(value));
    }
    onProgress?.(Math.max(0, end - nextOffset), bytes);
    if (nextOffset >= end) break;
  }
  return entries;
}

/**
 * Hashes of the pieces that were read though no closing record names them. They may be gone: a reader that takes long can have
 * read a piece, and miss its deletion, which compaction has taken meanwhile.
 */
export function stalePieces(entries: Entries, part: number, named: ReadonlySet<string>): Set<string> {
  const prefix = pieceKey(part, '');
  const hashes = [...entries.keys()].filter((key) => key.startsWith(prefix)).map((key) => key.slice(prefix.length));
  return new Set(hashes.filter((hash) => !named.has(hash)));
}

/** Deletes whatever a topic holds. */
export function forgettingRecords(entries: Entries): ProduceRecord[] {
  return [...entries.keys()].map((key) => recordOf(key, null));
}

export function closingKey(part: number): string {
  return `${part}/checkpoint`;
}

export function pieceKey(part: number, hash: string): string {
  return `${part}/state/${hash}`;
}

export function recordOf(key: string, value: Uint8Array | null): ProduceRecord {
  return { key: Buffer.from(key), value, headers: noHeaders, timestampMs: null };
}

export function damaged(what: string, cause?: unknown): TributaryError {
  return new TributaryError('BATCH_CORRUPT', `Cannot read the checkpoint: ${what}`, { cause });
}
