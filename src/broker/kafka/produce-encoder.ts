import { TributaryError } from '../../base/errors.ts';
import { BatchBuffer } from '../../record/batch-buffer.ts';
import type { Codecs, CompressionName } from '../../record/codecs.ts';
import { batchBytesOf, encodeBatch } from '../../record/encode.ts';
import { asList, isColumn, type Records } from '../../record/value-column.ts';
import type { Batch, Identity } from './produce-batch.ts';
import type { FitRequest } from './produce-state.ts';

export interface EncoderSettings {
  readonly codecs: Codecs;
  readonly compression: CompressionName;
  readonly isTransactional: boolean;
}

/** More than a value's batch takes beside the value. */
const recordOverhead = 128;
/** Memory of requests that were answered is kept up to here, all pieces together. */
const keptBytes = 8 * 1024 * 1024;

/**
 * Encodes the batches of one request into one buffer, which is written to the socket as it is and used again once it was
 * answered. A batch that goes again is encoded again, from the same records with the same time, so its bytes are the same,
 * and a retry, which is rare, pays for what otherwise every batch would: keeping its bytes.
 */
export class ProduceEncoder {
  readonly #settings: EncoderSettings;
  /** Of the request that is being put together. */
  #buffer = new BatchBuffer(0);
  readonly #spare: BatchBuffer[] = [];

  constructor(settings: EncoderSettings) {
    this.#settings = settings;
  }

  get length(): number {
    return this.#buffer.length;
  }

  /** Valid until the next batch is encoded; once the buffer was taken, until it is given back. */
  view(start: number, end: number): Buffer {
    return this.#buffer.view(start, end);
  }

  clear(): void {
    this.#buffer.clear();
  }

  /** The buffer of the request that was put together. The next one gets another. */
  take(): BatchBuffer {
    const taken = this.#buffer;
    this.#buffer = this.#spare.pop() ?? new BatchBuffer(0);
    return taken;
  }

  /** Nobody looks at what is in it any more. */
  giveBack(buffer: BatchBuffer): void {
    const kept = this.#spare.reduce((sum, { bytes }) => sum + bytes.length, 0);
    if (kept + buffer.bytes.length <= keptBytes) this.#spare.push(buffer);
  }

  /** Appends a new batch, as produce-state.ts wants it, and gives the number of records in it. RECORD_TOO_LARGE. */
  fit(request: FitRequest, maxBytes: number, timeMs: number): number {
    const { records, from, isFirst } = request;
    const { length } = this.#buffer;
    const count = this.#encode(records, from, maxBytes, timeMs, request);
    const misfit = isFirst ? misfitOf(records, from + count, maxBytes) : undefined;
    if (misfit === undefined) return count;
    this.#buffer.length = length;
    throw tooLargeError(misfit, maxBytes);
  }

  /** Appends a batch that was encoded before, or a part of one. */
  again(batch: Batch): void {
    const records = batch.records.slice(batch.from, batch.from + batch.count);
    this.#encode(records, 0, Number.POSITIVE_INFINITY, batch.timeMs, batch);
  }

  #encode(
    records: Records,
    from: number,
    maxBytes: number,
    nowMs: number,
    numbers: { readonly identity: Identity; readonly sequence: number },
  ): number {
    const { identity, sequence } = numbers;
    return encodeBatch(records, from, this.#buffer, {
      ...this.#settings,
      maxBytes,
      nowMs,
      producerId: identity.producerId,
      producerEpoch: identity.epoch,
      baseSequence: sequence,
    }).count;
  }
}

/** Size of the first record, from `from` on, that fits into no batch. */
function misfitOf(records: Records, from: number, maxBytes: number): number | undefined {
  if (isColumn(records) && records.longest + recordOverhead <= maxBytes) return undefined;
  for (const record of asList(from === 0 ? records : records.slice(from))) {
    const size = batchBytesOf(record);
    if (size > maxBytes) return size;
  }
  return undefined;
}

export function tooLargeError(bytes: number, maxBytes: number): TributaryError {
  return new TributaryError(
    'RECORD_TOO_LARGE',
    `Cannot store a record of ${bytes} bytes in a batch: must be at most ${maxBytes}`,
  );
}
