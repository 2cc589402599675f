/**
 * The topic that keeps an application's last checkpoint: compacted, with the state in pieces and a closing record that says
 * what belongs together. All of one checkpoint is written in one transaction, so that a reader of what is committed finds
 * whole ones only; that what it finds is whole is checked all the same.
 *
 * Keys begin with the part of the application whose state it is, and it lies in the partition of that number: who takes a part
 * over reads that one, and waits for nobody else's transactions. An application that is not cut is part 0.
 */
import { createHash } from 'node:crypto';
import { describeError, isError, TributaryError } from '../../base/errors.ts';
import type { Broker } from '../../broker/broker.ts';
import { noHeaders, type ProduceRecord } from '../../record/record.ts';
import type { Log } from '../../telemetry/log.ts';
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
  // There is a deletion for each piece. A reader that misses one keeps a piece that no closing record names.
  'delete.retention.ms': '60000',
};

/** Makes the topic where there is none, and adds partitions where there are too few. */
export async function ensureCheckpointTopic(broker: Broker, topic: string, parts: number, log: Log): Promise<void> {
  try {
    const { partitions, config } = await broker.describeTopic(topic);
    if (partitions.length < parts) await growTo(broker, topic, parts);
    if (config['delete.retention.ms'] === undefined) await keepDeletionsShortly(broker, topic, log);
  } catch (error) {
    if (!isError(error, 'UNKNOWN_TOPIC')) throw error;
    await broker.createTopic({ name: topic, partitions: parts, config: topicConfig }).catch((failure: unknown) => {
      if (!isError(failure, 'TOPIC_EXISTS')) throw failure;
    });
  }
}

/** Topics that were made before there was a deletion for each piece, or by somebody else. */
async function keepDeletionsShortly(broker: Broker, topic: string, log: Log): Promise<void> {
  const config = { 'delete.retention.ms': topicConfig['delete.retention.ms'] };
  await broker.alterTopicConfig(topic, config).catch((error: unknown) => {
    // Without the right to change it a start has more to read, and nothing else.
    log.warn('sql_checkpoint_topic_kept', { topic, reason: describeError(error) });
  });
}

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

/** Hashes of the pieces that entries hold. */
export function heldPieces(entries: ReadonlyMap<string, Uint8Array>, part: number): Set<string> {
  const prefix = pieceKey(part, '');
  const keys = [...entries.keys()].filter((key) => key.startsWith(prefix));
  return new Set(keys.map((key) => key.slice(prefix.length)));
}

/** Deletes whatever a topic holds. */
export function forgettingRecords(entries: ReadonlyMap<string, Uint8Array>): ProduceRecord[] {
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
