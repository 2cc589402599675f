import { TributaryError } from '../base/errors.ts';
import type { Converter, HeaderConverter } from '../convert/converter.ts';
import { partitionForKey } from '../record/partitioner.ts';
import type { Header, ProduceRecord } from '../record/record.ts';
import { noHeaders } from '../record/record.ts';
import type { Schema } from '../record/schema.ts';
import type { SourceRecord } from '../record/source-record.ts';

export interface Converters {
  readonly key: Converter;
  readonly value: Converter;
  readonly header: HeaderConverter;
}

export interface RecordSend {
  readonly topic: string;
  readonly partition: number;
  readonly records: ProduceRecord[];
}

/** What to do with a record that cannot be converted: throw, or count it and go on. */
export type OnBadRecord = (error: TributaryError, record: SourceRecord) => void;

/** Topics that occur in a batch. Nearly always one, so the last one seen is compared first. */
export function topicsOf(records: readonly SourceRecord[]): readonly string[] {
  const topics = [records[0]!.topic];
  for (const { topic } of records) if (topic !== topics[0] && !topics.includes(topic)) topics.push(topic);
  return topics;
}

/**
 * One send for each topic and partition of a batch, each in the batch's order. Records without a key and a partition of
 * their own go to `sticky` modulo the partition count: a whole batch to one partition, the next one to another.
 *
 * Where key and value are bytes that pass the converters, the records of the source are sent as they are: a source record
 * has all that a produced one has. That is the path of every feed whose messages nobody looks into.
 */
export function recordSends(
  records: readonly SourceRecord[],
  converters: Converters,
  partitionsOf: (topic: string) => number,
  sticky: number,
  onBadRecord: OnBadRecord,
): readonly RecordSend[] {
  if (passWhole(records, converters)) {
    const topic = records[0]!.topic;
    // Checked by passWhole: no key, no headers, values in bytes.
    return [{ topic, partition: sticky % partitionsOf(topic), records: records as unknown as ProduceRecord[] }];
  }
  const sends = new Map<string, RecordSend>();
  for (const record of records) {
    let converted: ProduceRecord;
    try {
      converted = convert(record, converters);
    } catch (error) {
      onBadRecord(asConversionError(error, record), record);
      continue;
    }
    const { topic } = record;
    const partition = record.partition ?? partitionOf(converted.key, partitionsOf(topic), sticky);
    const name = `${topic}/${partition}`;
    const send = sends.get(name);
    if (send === undefined) sends.set(name, { topic, partition, records: [converted] });
    else send.records.push(converted);
  }
  return [...sends.values()];
}

/** True where the whole batch is for one topic, without keys, partitions and headers, and its values go out unchanged. */
function passWhole(records: readonly SourceRecord[], { value }: Converters): boolean {
  const first = records[0]!;
  const { topic, valueSchema } = first;
  if (!value.passes(valueSchema)) return false;
  for (const record of records) {
    if (
      record.valueSchema !== valueSchema ||
      record.key !== null ||
      record.partition !== null ||
      record.headers.length !== 0 ||
      record.topic !== topic ||
      !(record.value instanceof Uint8Array)
    ) {
      return false;
    }
  }
  return true;
}

function partitionOf(key: Uint8Array | null, partitions: number, sticky: number): number {
  if (partitions === 1) return 0;
  return key === null ? sticky % partitions : partitionForKey(key, partitions);
}

function convert(record: SourceRecord, { key, value, header }: Converters): ProduceRecord {
  const { topic, headers, timestampMs } = record;
  return {
    key: toBytes(key, topic, record.keySchema, record.key),
    value: toBytes(value, topic, record.valueSchema, record.value),
    headers:
      headers.length === 0
        ? noHeaders
        : headers.map((h): Header => ({ key: h.key, value: header.toBytes(topic, h.key, h.schema, h.value) })),
    timestampMs,
  };
}

function toBytes(converter: Converter, topic: string, schema: Schema | null, value: unknown): Uint8Array | null {
  if (value instanceof Uint8Array && converter.passes(schema)) return value;
  return converter.toBytes(topic, schema, value);
}

function asConversionError(error: unknown, { topic }: SourceRecord): TributaryError {
  if (error instanceof TributaryError) return error;
  return new TributaryError('CONVERSION_FAILED', `Cannot convert a record for topic "${topic}"`, { cause: error });
}
