/** From records of a source to sends: one for each topic and partition of a batch, each in the batch's order. */
import { TributaryError } from '../base/errors.ts';
import type { Converter, HeaderConverter } from '../convert/converter.ts';
import type { ColumnWriter } from '../record/column-writer.ts';
import { batchBytesOf } from '../record/encode.ts';
import { partitionFor } from '../record/partitioner.ts';
import type { Header, ProduceRecord } from '../record/record.ts';
import { noHeaders } from '../record/record.ts';
import type { Schema } from '../record/schema.ts';
import type { SourceColumn, SourceRecord } from '../record/source-record.ts';
import type { Records, ValueColumn } from '../record/value-column.ts';
import type { Stage } from './record-failures.ts';

export interface Converters {
  readonly key: Converter;
  readonly value: Converter;
  readonly header: HeaderConverter;
}

export interface RecordSend {
  readonly topic: string;
  readonly partition: number;
  readonly records: Records;
  /** The records of a column as they came in, for those that have to be looked at one by one. */
  readonly asCame?: () => readonly SourceRecord[];
}

export interface ListSend extends RecordSend {
  readonly records: ProduceRecord[];
}

export interface WholeSend extends RecordSend {
  /** Of the values. */
  readonly bytes: number;
}

/** What is known of a topic. */
export interface TopicBounds {
  readonly partitions: number;
  /** Largest batch. */
  readonly maxBytes: number;
}

/** Topics that occur in a batch. Nearly always one, so the last one seen is compared first. */
export function topicsOf(records: readonly SourceRecord[]): readonly string[] {
  const topics = [records[0]!.topic];
  for (const { topic } of records) if (topic !== topics[0] && !topics.includes(topic)) topics.push(topic);
  return topics;
}

/** Room for a batch's header and a record's own fields: what is smaller by so much cannot be too large. */
const overheadBytes = 1024;

/**
 * The whole batch as one send, or undefined where something in it needs a look: a key, a header, a partition of its own,
 * a second topic, a value that is no bytes or that the converter changes, or one that might be too large.
 *
 * The records of the source are sent as they are: a source record has all that a produced one has. That is the path of
 * every feed whose messages nobody looks into. The batch goes to `sticky` modulo the partition count.
 */
export function wholeSend(
  records: readonly SourceRecord[],
  { value: converter }: Converters,
  { partitions, maxBytes }: TopicBounds,
  sticky: number,
): (WholeSend & ListSend) | undefined {
  const { topic, valueSchema } = records[0]!;
  if (!converter.passes(valueSchema)) return undefined;
  const surelyFits = maxBytes - overheadBytes;
  let bytes = 0;
  for (const record of records) {
    const { value } = record;
    if (
      record.valueSchema !== valueSchema ||
      record.key !== null ||
      record.partition !== null ||
      record.headers.length !== 0 ||
      record.topic !== topic ||
      !(value instanceof Uint8Array) ||
      value.length > surelyFits
    ) {
      return undefined;
    }
    bytes += value.length;
  }
  return {
    topic,
    partition: partitionFor(null, partitions, sticky),
    records: records as unknown as ProduceRecord[],
    bytes,
  };
}

/** The same for a column, whose batch gives its records where a look is needed after all. */
export function columnSend(
  { topic, schema, values }: SourceColumn,
  { value: converter }: Converters,
  { partitions, maxBytes }: TopicBounds,
  sticky: number,
  asCame: () => readonly SourceRecord[],
): WholeSend | undefined {
  if (!converter.passes(schema) || values.longest > maxBytes - overheadBytes) return undefined;
  return {
    topic,
    partition: partitionFor(null, partitions, sticky),
    records: values,
    bytes: values.valueBytes,
    asCame,
  };
}

/**
 * Converted values alone, as one column, or undefined: where something in the batch needs a look, or a value is not written so.
 * No object is made for a record, and none of the source's has to live until the acknowledgement.
 */
export function convertedColumn(
  records: readonly SourceRecord[],
  { value: converter }: Converters,
  { partitions, maxBytes }: TopicBounds,
  sticky: number,
  writer: ColumnWriter,
): (WholeSend & { readonly records: ValueColumn }) | undefined {
  const { topic } = records[0]!;
  let isWhole = true;
  for (const record of records) {
    isWhole =
      record.topic === topic &&
      record.key === null &&
      record.partition === null &&
      record.headers.length === 0 &&
      record.timestampMs === null &&
      converter.append!(record.valueSchema, record.value, writer);
    if (!isWhole) break;
  }
  const values = writer.take();
  if (isWhole && values.longest <= maxBytes - overheadBytes)
    return { topic, partition: partitionFor(null, partitions, sticky), records: values, bytes: values.valueBytes };
  writer.giveBack(values);
  return undefined;
}

/** Converts records one by one and sorts them into sends. `stage` says where it was when it threw. */
export class RecordSends {
  readonly #converters: Converters;
  readonly #boundsOf: (topic: string) => TopicBounds;
  readonly #sticky: number;
  readonly #sends = new Map<string, ListSend>();
  stage: Stage = 'KEY_CONVERTER';
  /** Of all keys and values. */
  bytes = 0;

  /** Records without a key and a partition of their own go to `sticky` modulo the partition count. */
  constructor(converters: Converters, boundsOf: (topic: string) => TopicBounds, sticky: number) {
    this.#converters = converters;
    this.#boundsOf = boundsOf;
    this.#sticky = sticky;
  }

  get sends(): readonly ListSend[] {
    return [...this.#sends.values()];
  }

  /** Throws what a converter throws, or RECORD_TOO_LARGE; nothing of the record is in a send then. */
  add(record: SourceRecord): ProduceRecord {
    const { topic } = record;
    const converted = this.#convert(record);
    const { key, value, headers } = converted;
    const { partitions, maxBytes } = this.#boundsOf(topic);
    const bytes = (key?.length ?? 0) + (value?.length ?? 0);
    this.stage = 'KAFKA_PRODUCE';
    if (bytes > maxBytes - overheadBytes || headers.length > 0) requireFit(topic, converted, maxBytes);
    const partition = record.partition ?? partitionFor(key, partitions, this.#sticky);
    const name = `${topic}/${partition}`;
    const send = this.#sends.get(name);
    if (send === undefined) this.#sends.set(name, { topic, partition, records: [converted] });
    else send.records.push(converted);
    this.bytes += bytes;
    return converted;
  }

  #convert(record: SourceRecord): ProduceRecord {
    const { key: keys, value: values, header: headerConverter } = this.#converters;
    const { topic, headers: sourceHeaders, timestampMs } = record;
    this.stage = 'KEY_CONVERTER';
    const key = toBytes(keys, topic, record.keySchema, record.key);
    this.stage = 'VALUE_CONVERTER';
    const value = toBytes(values, topic, record.valueSchema, record.value);
    this.stage = 'HEADER_CONVERTER';
    const headers =
      sourceHeaders.length === 0
        ? noHeaders
        : sourceHeaders.map(
            (h): Header => ({ key: h.key, value: headerConverter.toBytes(topic, h.key, h.schema, h.value) }),
          );
    return { key, value, headers, timestampMs };
  }
}

function toBytes(converter: Converter, topic: string, schema: Schema | null, value: unknown): Uint8Array | null {
  if (value instanceof Uint8Array && converter.passes(schema)) return value;
  return converter.toBytes(topic, schema, value);
}

function requireFit(topic: string, record: ProduceRecord, maxBytes: number): void {
  const size = batchBytesOf(record);
  if (size <= maxBytes) return;
  throw new TributaryError(
    'RECORD_TOO_LARGE',
    `Cannot store a record of ${size} bytes in topic "${topic}": must be at most ${maxBytes}`,
  );
}
