/** What one fetch brought of a partition, shared by all that read it: each output form is made once, when first wanted. */
import type { FetchedRecords } from '../../broker/broker.ts';
import type { ConsumedRecord } from '../../record/record.ts';
import type { ValueFormat } from '../../wire/gateway/frames.ts';
import { recordJson } from '../../wire/gateway/record-json.ts';

/** What a record costs besides its bytes, in memory and in a frame; an estimate for bounds. */
const recordOverhead = 100;

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
  readonly #texts = new Map<ValueFormat, readonly string[]>();
  readonly #forms = new Map<string, readonly unknown[]>();

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
  }

  /** Each record as JSON. */
  texts(format: ValueFormat): readonly string[] {
    let texts = this.#texts.get(format);
    if (texts === undefined) {
      texts = this.records.map((record) => recordJson(this.topic, this.partition, record, format));
      this.#texts.set(format, texts);
    }
    return texts;
  }

  /** Each record in another form, made once for all who ask for it by the same name. */
  forms<T>(name: string, make: (record: ConsumedRecord, topic: string) => T): readonly T[] {
    let forms = this.#forms.get(name) as readonly T[] | undefined;
    if (forms === undefined) {
      forms = this.records.map((record) => make(record, this.topic));
      this.#forms.set(name, forms);
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
