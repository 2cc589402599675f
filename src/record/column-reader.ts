/**
 * Stored batches back into columns: what column-writer.ts and encode-column.ts do, the other way round. Batches whose records
 * are values alone become one column with the times of its records, or, where they are large, stay as they are; a batch with a
 * key, a header or a null in it becomes a list. So a log can be read at the speed at which it was written, without an object for
 * each record.
 */
import { type BatchHeader, readBatchHeader } from './batch-header.ts';
import type { Codecs } from './codecs.ts';
import { checkCrc, decodeRecords } from './decode.ts';
import { layout } from './layout.ts';
import type { ConsumedRecord } from './record.ts';
import { type Records, ValueColumn } from './value-column.ts';
import { readVarlong, varlongLength } from './varint.ts';
import { WholeBatch } from './whole-batch.ts';

/** Memory of columns that were given back is kept up to here. */
const keptBytes = 8 * 1024 * 1024;
/** A batch of that size goes on as it is. Smaller ones are put together: what is sent costs more than what is copied. */
export const wholeBatchBytes: number = 64 * 1024;

/** What is known of a batch by whoever has encoded it: its records are values alone, and its checksum is right. */
export interface KnownValues {
  readonly valueBytes: number;
}

interface Memory {
  readonly bytes: Buffer;
  readonly spans: Int32Array;
  readonly times: Float64Array;
}

export class ColumnReader {
  readonly #codecs: Codecs;
  readonly #spare: Memory[] = [];
  #memory: Memory = noMemory;
  #used = 0;
  #length = 0;
  #longest = 0;
  /** Where the column under way began. */
  #beginsAt = 0;
  #runs: Records[] = [];

  constructor(codecs: Codecs) {
    this.#codecs = codecs;
  }

  /** Begins a turn whose batches that are not `staysWhole` have so many bytes together. */
  begin(bytes: number): void {
    const fitting = this.#spare.findIndex((memory) => memory.bytes.length >= bytes);
    this.#memory = fitting === -1 ? newMemory(bytes) : this.#spare.splice(fitting, 1)[0]!;
    this.#used = this.#length = this.#longest = this.#beginsAt = 0;
    this.#runs = [];
  }

  /**
   * Adds the records of a whole batch from `fromOffset` on. Throws what decode.ts throws; nothing of the batch is added then.
   * `copied`: nobody looks at `bytes` any more; `whole`: until the release; `viewed`: who has a record looks at them.
   */
  add(bytes: Buffer, fromOffset: number, known?: KnownValues): 'copied' | 'whole' | 'viewed' {
    const header = readBatchHeader(bytes);
    if (known === undefined) checkCrc(bytes, header, this.#codecs);
    if (staysWhole(bytes.length, header.baseOffset, fromOffset)) {
      const valueBytes = known?.valueBytes ?? bytesOfValuesAlone(bytes, header);
      if (valueBytes !== undefined) {
        this.#endColumn();
        this.#runs.push(new WholeBatch(bytes, header.recordCount, valueBytes, (batch) => this.#columnOf(batch)));
        return 'whole';
      }
    }
    if (header.compression === 'none' && this.#addColumn(bytes, header, fromOffset)) return 'copied';
    const records: ConsumedRecord[] = [];
    decodeRecords(bytes, header, { codecs: this.#codecs, fromOffset, checkCrc: false }, records);
    if (records.length > 0) {
      this.#endColumn();
      this.#runs.push(records);
    }
    return 'viewed';
  }

  /** What was added since `begin`, in order, and what gives its memory back once nobody looks at it any more; again does nothing. */
  take(): { readonly runs: readonly Records[]; readonly release: () => void } {
    this.#endColumn();
    let memory = this.#memory;
    this.#memory = noMemory;
    const release = (): void => {
      const given = memory;
      memory = noMemory;
      if (given !== noMemory) this.#giveBack(given);
    };
    return { runs: this.#runs, release };
  }

  #columnOf(batch: Buffer): ValueColumn {
    const reader = new ColumnReader(this.#codecs);
    reader.begin(batch.length);
    reader.#addColumn(batch, readBatchHeader(batch), 0);
    reader.#endColumn();
    return reader.#runs[0] as ValueColumn;
  }

  /** False, and nothing is added, where a record is not a value alone. */
  #addColumn(source: Buffer, header: BatchHeader, fromOffset: number): boolean {
    const begin = header.start + layout.records;
    const { bytes } = this.#memory;
    const shift = this.#used - begin;
    const end = header.end + shift;
    if (end > bytes.length) return false;
    this.#reserve(header.recordCount);
    const { spans, times } = this.#memory;
    source.copy(bytes, this.#used, begin, header.end);
    const isAppendTime = header.timestampType === 'append';
    let at = this.#used;
    let length = this.#length;
    let longest = this.#longest;
    for (let index = 0; index < header.recordCount; index++) {
      const size = varint(bytes, at);
      at += varintLength(bytes, at);
      const recordEnd = at + size;
      if (size < 6 || recordEnd > end) return false;
      at++; // attributes, unused
      const delta = bytes[at]! < 0x80 ? unzigzag(bytes[at]!) : readVarlong(bytes, at);
      if (delta === undefined) return false;
      at += bytes[at]! < 0x80 ? 1 : varlongLength(bytes, at);
      const offset = header.baseOffset + varint(bytes, at);
      at += varintLength(bytes, at);
      if (bytes[at++] !== 1) return false; // zigzag of -1: no key
      const valueBytes = varint(bytes, at);
      at += varintLength(bytes, at);
      if (valueBytes < 0 || at + valueBytes + 1 !== recordEnd || bytes[recordEnd - 1] !== 0) return false;
      if (offset >= fromOffset) {
        spans[length * 2] = at;
        spans[length * 2 + 1] = at + valueBytes;
        times[length++] = isAppendTime ? header.maxTimestampMs : header.baseTimestampMs + delta;
        if (valueBytes > longest) longest = valueBytes;
      }
      at = recordEnd;
    }
    if (at !== end) return false;
    this.#used = end;
    this.#length = length;
    this.#longest = longest;
    return true;
  }

  #endColumn(): void {
    const from = this.#beginsAt;
    const length = this.#length - from;
    if (length === 0) return;
    const { bytes, spans, times } = this.#memory;
    const column = spans.subarray(from * 2, this.#length * 2);
    this.#runs.push(new ValueColumn(bytes, column, length, this.#longest, times.subarray(from, this.#length)));
    this.#beginsAt = this.#length;
    this.#longest = 0;
  }

  #reserve(count: number): void {
    const { bytes, spans, times } = this.#memory;
    const wanted = this.#length + count;
    if (wanted <= times.length) return;
    const grown = Math.max(wanted, times.length * 2, 64);
    const moreSpans = new Int32Array(grown * 2);
    moreSpans.set(spans.subarray(0, this.#length * 2));
    const moreTimes = new Float64Array(grown);
    moreTimes.set(times.subarray(0, this.#length));
    this.#memory = { bytes, spans: moreSpans, times: moreTimes };
  }

  #giveBack(memory: Memory): void {
    const kept = this.#spare.reduce((sum, { bytes }) => sum + bytes.length, 0);
    if (kept + memory.bytes.length <= keptBytes) this.#spare.push(memory);
  }
}

/** True where a batch is not taken apart, if its records are values alone. */
export function staysWhole(bytes: number, baseOffset: number, fromOffset: number): boolean {
  return bytes >= wholeBatchBytes && baseOffset >= fromOffset;
}

/** Undefined where a record is more than a value, or another log could not take the batch as it is. */
function bytesOfValuesAlone(bytes: Buffer, header: BatchHeader): number | undefined {
  const { start, end, recordCount, lastOffset, baseOffset, compression, timestampType } = header;
  if (compression !== 'none' || timestampType !== 'create' || lastOffset - baseOffset + 1 !== recordCount)
    return undefined;
  let at = start + layout.records;
  let sum = 0;
  for (let index = 0; index < recordCount; index++) {
    const size = varint(bytes, at);
    at += varintLength(bytes, at);
    const recordEnd = at + size;
    if (size < 6 || recordEnd > end) return undefined;
    at++; // attributes, unused
    at += bytes[at]! < 0x80 ? 1 : varlongLength(bytes, at);
    if (varint(bytes, at) !== index) return undefined;
    at += varintLength(bytes, at);
    if (bytes[at++] !== 1) return undefined; // zigzag of -1: no key
    const valueBytes = varint(bytes, at);
    at += varintLength(bytes, at);
    if (valueBytes < 0 || at + valueBytes + 1 !== recordEnd || bytes[recordEnd - 1] !== 0) return undefined;
    sum += valueBytes;
    at = recordEnd;
  }
  return at === end ? sum : undefined;
}

const noMemory: Memory = { bytes: Buffer.alloc(0), spans: new Int32Array(0), times: new Float64Array(0) };

function newMemory(bytes: number): Memory {
  return { ...noMemory, bytes: Buffer.allocUnsafeSlow(Math.max(bytes, 64 * 1024)) };
}

function unzigzag(value: number): number {
  return (value >>> 1) ^ -(value & 1);
}

/** Lengths that are too long to be right come out wrong and are found by the checks behind them. */
function varint(bytes: Buffer, at: number): number {
  let byte = bytes[at++]!;
  if (byte < 0x80) return unzigzag(byte);
  let zigzag = byte & 0x7f;
  for (let shift = 7; shift < 35; shift += 7) {
    byte = bytes[at++]!;
    zigzag |= (byte & 0x7f) << shift;
    if (byte < 0x80) break;
  }
  return (zigzag >>> 1) ^ -(zigzag & 1);
}

function varintLength(bytes: Buffer, at: number): number {
  let length = 1;
  while (bytes[at + length - 1]! >= 0x80 && length < 5) length++;
  return length;
}
