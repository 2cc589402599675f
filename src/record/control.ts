import type { BatchBuffer } from './batch-buffer.ts';
import type { BatchHeader } from './batch-header.ts';
import type { Codecs } from './codecs.ts';
import { decodeRecords } from './decode.ts';
import { type EncodedBatch, encodeBatch } from './encode.ts';
import { attributeBits, layout } from './layout.ts';
import { sealBatch } from './patch.ts';
import { noHeaders } from './record.ts';

/** How a transaction ended. `other`: a control batch of Kafka's own (a snapshot, a leader change): no reader's business. */
export type ControlType = 'commit' | 'abort' | 'other';

export interface ControlOptions {
  readonly codecs: Codecs;
  readonly type: 'commit' | 'abort';
  readonly producerId: number | bigint;
  readonly producerEpoch: number;
  readonly nowMs: number;
  /** Default 0, as in a produce request; the log sets it. */
  readonly baseOffset?: number;
  /** Epoch of the transaction coordinator, default 0. */
  readonly coordinatorEpoch?: number;
}

/** Appends a marker that ends a transaction: a transactional control batch of one record. */
export function encodeControlBatch(into: BatchBuffer, options: ControlOptions): EncodedBatch {
  const key = Buffer.alloc(4); // version 0, type
  key.writeInt16BE(options.type === 'commit' ? 1 : 0, 2);
  const value = Buffer.alloc(6); // version 0, coordinator epoch
  value.writeInt32BE(options.coordinatorEpoch ?? 0, 2);
  const record = { key, value, headers: noHeaders, timestampMs: options.nowMs };
  const { codecs, nowMs, baseOffset, producerId, producerEpoch } = options;
  const batch = encodeBatch([record], 0, into, {
    codecs,
    nowMs,
    baseOffset,
    producerId,
    producerEpoch,
    isTransactional: true,
    maxBytes: Number.POSITIVE_INFINITY,
  });
  const attributes = into.bytes.readInt16BE(batch.start + layout.attributes);
  into.bytes.writeInt16BE(attributes | attributeBits.control, batch.start + layout.attributes);
  sealBatch(into.bytes, batch.start, codecs);
  return batch;
}

/** What a control batch says. BATCH_CORRUPT where it cannot be read. */
export function readControlType(bytes: Buffer, header: BatchHeader, codecs: Codecs): ControlType {
  const [record] = decodeRecords(bytes, header, { codecs });
  const key = record?.key;
  if (key === undefined || key === null || key.length < 4) return 'other';
  // Version, then type, an int16 each. Later versions may add fields, never change these.
  const type = (key[2]! << 8) | key[3]!;
  return type === 0 ? 'abort' : type === 1 ? 'commit' : 'other';
}
