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
import type { Checkpoint } from './checkpoint.ts';
import { growTo } from './grow-to.ts';

/** Well below the largest record that a broker takes by default. */
export const pieceBytes = 512 * 1024;
const idBytes = 36;
const formatVersion = 2;

/** Everything but the state, as it stands in the closing record. */
export interface CheckpointSummary extends Omit<Checkpoint, 'state'> {
  readonly version: number;
  readonly pieces: number;
  readonly bytes: number;
  readonly sha256: string;
}

export function checkpointTopicOf(application: string): string {
  const safe = application.replace(/[^a-zA-Z0-9._-]/g, '_').slice(0, 180);
  // Two names must not become one.
  const suffix = safe === application ? '' : `-${createHash('sha256').update(application).digest('hex').slice(0, 8)}`;
  return `__tributary-sql-${safe}${suffix}`;
}

/** The records of a checkpoint. Pieces that only the one before had are deleted. */
export function recordsOf({ state, ...rest }: Checkpoint, part: number, piecesBefore: number): ProduceRecord[] {
  const pieces = Math.ceil(state.length / pieceBytes);
  const records = Array.from({ length: pieces }, (_, index) =>
    record(pieceKey(part, index), [Buffer.from(rest.id), state.subarray(index * pieceBytes, (index + 1) * pieceBytes)]),
  );
  for (let index = pieces; index < piecesBefore; index++) records.push(record(pieceKey(part, index), null));
  const summary: CheckpointSummary = {
    version: formatVersion,
    ...rest,
    pieces,
    bytes: state.length,
    sha256: hashOf(state),
  };
  return [...records, record(closingKey(part), [Buffer.from(JSON.stringify(summary))])];
}

/** Deletes whatever a topic holds. */
export function forgettingRecords(entries: ReadonlyMap<string, Uint8Array>): ProduceRecord[] {
  return [...entries.keys()].map((key) => record(key, null));
}

/** Makes the topic where there is none, and adds partitions where there are too few. */
export async function ensureCheckpointTopic(broker: Broker, topic: string, parts: number): Promise<void> {
  try {
    const { partitions } = await broker.describeTopic(topic);
    if (partitions.length < parts) await growTo(broker, topic, parts);
  } catch (error) {
    if (!isError(error, 'UNKNOWN_TOPIC')) throw error;
    // Each checkpoint replaces the one before: what is older is cleaned away often, lest a start has to read it.
    const config = {
      'cleanup.policy': 'compact',
      'min.cleanable.dirty.ratio': '0.1',
      'segment.ms': '600000',
      'segment.bytes': String(64 * 1024 * 1024),
    };
    await broker.createTopic({ name: topic, partitions: parts, config }).catch((failure: unknown) => {
      if (!isError(failure, 'TOPIC_EXISTS')) throw failure;
    });
  }
}

/** The newest record of each key of a part; without any where there is no such topic, or partition. */
export async function readEntries(
  broker: Broker,
  topic: string,
  part: number,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, Uint8Array>> {
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
  for await (const { records, nextOffset } of broker.read({ topic, partition: part, from: 'earliest', signal })) {
    for (const { key, value } of records) {
      if (key === null) continue; // nobody of ours writes such a record
      const name = Buffer.from(key).toString();
      if (value === null) entries.delete(name);
      else entries.set(name, Buffer.from(value));
    }
    if (nextOffset >= end) break;
  }
  return entries;
}

/** What the closing record says; undefined where there is no checkpoint. BATCH_CORRUPT where it says nothing of use. */
export function summaryOf(entries: ReadonlyMap<string, Uint8Array>, part: number): CheckpointSummary | undefined {
  const closing = entries.get(closingKey(part));
  if (closing === undefined) return undefined;
  let summary: Partial<CheckpointSummary>;
  try {
    summary = JSON.parse(Buffer.from(closing).toString()) as Partial<CheckpointSummary>;
  } catch (error) {
    throw damaged('its closing record is no JSON', error);
  }
  if (typeof summary.version === 'number' && summary.version !== formatVersion)
    throw damaged(`its format is ${summary.version}, and this version of Tributary reads format ${formatVersion}`);
  const { id, statements, positions, pieces } = summary;
  if (typeof id !== 'string' || !Array.isArray(statements) || !Array.isArray(positions) || !Number.isInteger(pieces))
    throw damaged('its closing record is not whole');
  return summary as CheckpointSummary;
}

/** The state that belongs to a closing record. BATCH_CORRUPT where a piece is missing, of another one, or damaged. */
export function stateOf(
  entries: ReadonlyMap<string, Uint8Array>,
  summary: CheckpointSummary,
  part: number,
): Uint8Array {
  const pieces = Array.from({ length: summary.pieces }, (_, index) => {
    const piece = entries.get(pieceKey(part, index));
    if (piece === undefined) throw damaged(`piece ${index + 1} of ${summary.pieces} is missing`);
    if (Buffer.from(piece.subarray(0, idBytes)).toString() !== summary.id)
      throw damaged(`piece ${index + 1} of ${summary.pieces} belongs to another one`);
    return piece.subarray(idBytes);
  });
  const state = Buffer.concat(pieces);
  if (state.length !== summary.bytes || hashOf(state) !== summary.sha256) throw damaged('its checksum does not fit');
  return state;
}

function closingKey(part: number): string {
  return `${part}/checkpoint`;
}

function pieceKey(part: number, index: number): string {
  return `${part}/state/${index}`;
}

function record(key: string, parts: readonly Uint8Array[] | null): ProduceRecord {
  return {
    key: Buffer.from(key),
    value: parts === null ? null : Buffer.concat(parts),
    headers: noHeaders,
    timestampMs: null,
  };
}

function hashOf(state: Uint8Array): string {
  return createHash('sha256').update(state).digest('base64url');
}

function damaged(what: string, cause?: unknown): TributaryError {
  return new TributaryError('BATCH_CORRUPT', `Cannot read the checkpoint: ${what}`, { cause });
}
