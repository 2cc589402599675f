/** What one fetch brought of a partition, shared by all that read it: each output form is made once, when first wanted. */
import type { FetchedRecords } from '../../broker/broker.ts';
import type { ConsumedRecord } from '../../record/record.ts';
import type { ValueFormat } from '../../wire/gateway/frames.ts';
import { recordJson } from '../../wire/gateway/record-json.ts';
import type { EncodedRecords } from './encoded-records.ts';

/** What a record costs besides its bytes, in memory and in a frame; an estimate for bounds. */
const recordOverhead = 100;

interface Range {
  readonly start: number;
  readonly end: number;
  readonly bytes: Buffer;
}

export class Chunk {
  readonly topic: string;
  readonly partition: number;
  readonly records: readonly ConsumedRecord[];
  /** Position before its first record. */
  readonly from: number;
  /** Position behind it; holes of compaction and of transactions lie between the records. */
  readonly nextOffset: number;
  readonly bytes: number;
  /** Monotonic time of the fetch. */
  readonly fetchedAtMs: number;
  /** It holds no records because they are damaged on the log: whoever comes by is told of a gap. */
  readonly isDamaged: boolean;
  /** Whoever keeps it within a bound is told when it has grown by a form. */
  onGrown: ((bytes: number) => void) | undefined;
  #heldBytes: number;
  #sizes: Float64Array | undefined;
  #forms: Map<string, readonly unknown[]> | undefined;
  #encoded: Map<string, EncodedRecords> | undefined;
  #range: Range | undefined;

  constructor(
    topic: string,
    partition: number,
    records: readonly ConsumedRecord[],
    from: number,
    nextOffset: number,
    fetchedAtMs: number,
    isDamaged = false,
  ) {
    this.topic = topic;
    this.partition = partition;
    this.records = records;
    this.from = from;
    this.nextOffset = nextOffset;
    this.fetchedAtMs = fetchedAtMs;
    this.isDamaged = isDamaged;
    let bytes = 0;
    for (const record of records) bytes += sizeOf(record);
    this.bytes = bytes;
    this.#heldBytes = bytes;
  }

  /** With the forms that have been made of it. */
  get heldBytes(): number {
    return this.#heldBytes;
  }

  /** How many records from `start` on fit into so many bytes, but no more than `max`. */
  fitting(start: number, maxBytes: number, max: number): number {
    const sizes = this.#sumsOfSizes();
    const most = Math.min(this.records.length, start + max);
    let low = start;
    let high = most;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (sizes[middle]! - sizes[start]! <= maxBytes) low = middle;
      else high = middle - 1;
    }
    return low - start;
  }

  /** Size of records `start` up to but not including `end`. */
  sizeOf(start: number, end: number): number {
    const sizes = this.#sumsOfSizes();
    return sizes[end]! - sizes[start]!;
  }

  /** All of its records as bytes, made once for all who ask for it by the same name. */
  encoded(name: string, make: (chunk: Chunk) => EncodedRecords): EncodedRecords {
    this.#encoded ??= new Map();
    let encoded = this.#encoded.get(name);
    if (encoded === undefined) {
      encoded = make(this);
      this.#encoded.set(name, encoded);
      this.#grown(encoded.bytes.length + encoded.starts.byteLength);
    }
    return encoded;
  }

  /**
   * A range of its records as a group of a binary frame. Subscribers that stand together ask for the same one after
   * the other, so the last one is kept.
   */
  range(start: number, end: number, make: () => Buffer): Buffer {
    const last = this.#range;
    if (last !== undefined && last.start === start && last.end === end) return last.bytes;
    const bytes = make();
    this.#grown(bytes.length - (last?.bytes.length ?? 0));
    this.#range = { start, end, bytes };
    return bytes;
  }

  /** Each record as JSON. */
  texts(format: ValueFormat): readonly string[] {
    return this.forms(`json ${format}`, (record) => recordJson(this.topic, this.partition, record, format));
  }

  /** Each record in another form, made once for all who ask for it by the same name. */
  forms<T>(name: string, make: (record: ConsumedRecord, topic: string) => T): readonly T[] {
    this.#forms ??= new Map();
    let forms = this.#forms.get(name) as readonly T[] | undefined;
    if (forms === undefined) {
      forms = this.records.map((record) => make(record, this.topic));
      this.#forms.set(name, forms);
      this.#grown(this.bytes); // about as large as what it was made of
    }
    return forms;
  }

  /** Index of the first record at or behind an offset; the number of records where there is none. */
  indexOf(offset: number): number {
    let low = 0;
    let high = this.records.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.records[middle]!.offset < offset) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #sumsOfSizes(): Float64Array {
    if (this.#sizes === undefined) {
      this.#sizes = new Float64Array(this.records.length + 1);
      let sum = 0;
      this.records.forEach((record, at) => {
        sum += sizeOf(record);
        this.#sizes![at + 1] = sum;
      });
    }
    return this.#sizes;
  }

  #grown(bytes: number): void {
    this.#heldBytes += bytes;
    this.onGrown?.(bytes);
  }
}

/** What one fetch brought, from a position on: one chunk, but for damaged batches, which are chunks of their own. */
export function chunksOf(fetched: FetchedRecords, position: number, fetchedAtMs: number): readonly Chunk[] {
  const { topic, partition, records, nextOffset, damaged = [] } = fetched;
  if (damaged.length === 0) return [new Chunk(topic, partition, records, position, nextOffset, fetchedAtMs)];
  const chunks: Chunk[] = [];
  let from = position;
  const add = (to: number, isDamaged: boolean): void => {
    if (to <= from) return;
    const part = isDamaged ? [] : records.filter(({ offset }) => offset >= from && offset < to);
    chunks.push(new Chunk(topic, partition, part, from, to, fetchedAtMs, isDamaged));
    from = to;
  };
  for (const hole of damaged) {
    add(hole.from, false);
    add(hole.to, true);
  }
  add(nextOffset, false);
  return chunks;
}

export function sizeOf({ key, value, headers }: ConsumedRecord): number {
  let size = recordOverhead + (key?.length ?? 0) + (value?.length ?? 0);
  for (const header of headers) size += header.key.length + (header.value?.length ?? 0);
  return size;
}
