/**
 * Records for a dead-letter topic: what came in, and in headers, if asked, what failed. The header names are Kafka Connect's.
 * A source's record has no offset and mostly no partition yet: those two headers are left out there.
 */
import type { ErrorCode } from '../base/errors.ts';
import { naturalConverter } from '../convert/natural.ts';
import { batchBytesOf } from '../record/encode.ts';
import type { Header, ProduceRecord } from '../record/record.ts';
import { noHeaders } from '../record/record.ts';
import type { Schema } from '../record/schema.ts';
import type { SourceRecord } from '../record/source-record.ts';
import type { RecordFailure } from './record-failures.ts';

export interface DeadLetterContext {
  readonly connector: string;
  readonly task: number;
  readonly withHeaders: boolean;
  /** Takes known secrets out of what errors say: a topic is read by others than a status is. */
  readonly redact: (text: string) => string;
}

/** The part of a record that came from a topic. */
export interface DeadLetterOrigin {
  readonly partition: number;
  readonly offset: number;
}

const prefix = '__connect.errors.';
/** Ours: size of a value that no batch can hold; the record has its beginning. */
export const cutHeader = 'tributary.errors.value.bytes';

/** Key and value in the bytes that the source gave; what is no text or bytes as JSON. */
export function deadLetterOfSource(
  record: SourceRecord,
  failure: RecordFailure,
  context: DeadLetterContext,
): ProduceRecord {
  const raw = naturalConverter();
  const bytesOf = (schema: Schema | null, value: unknown): Uint8Array | null => {
    try {
      return raw.toBytes(record.topic, schema, value);
    } catch {
      return Buffer.from(String(value)); // a value that no JSON can show: its text is better than nothing
    }
  };
  return {
    key: bytesOf(record.keySchema, record.key),
    value: bytesOf(record.valueSchema, record.value),
    headers: context.withHeaders ? contextHeaders(failure, context) : noHeaders,
    timestampMs: record.timestampMs,
  };
}

/** The record as it was read, its own headers first. */
export function deadLetterOfSink(
  record: ProduceRecord,
  origin: DeadLetterOrigin,
  failure: RecordFailure,
  context: DeadLetterContext,
): ProduceRecord {
  const { key, value, headers, timestampMs } = record;
  const added = context.withHeaders ? contextHeaders(failure, context, origin) : [];
  return { key, value, headers: added.length === 0 ? headers : [...headers, ...added], timestampMs };
}

/** A record that a batch of `limit` bytes can hold: where it is larger, the beginning of its value and its size in a header. */
export function cutToFit(record: ProduceRecord, limit: number): ProduceRecord {
  const tooMany = batchBytesOf(record) - limit;
  if (tooMany <= 0) return record;
  const { value, headers } = record;
  const size = value?.length ?? 0;
  const cut: ProduceRecord = { ...record, headers: [...headers, text(cutHeader, String(size))] };
  const left = Math.max(0, size - (batchBytesOf(cut) - limit));
  return { ...cut, value: value === null ? null : value.subarray(0, left) };
}

function contextHeaders(
  { topic, stage, className, error }: RecordFailure,
  { connector, task, redact }: DeadLetterContext,
  origin?: DeadLetterOrigin,
): Header[] {
  return [
    text(`${prefix}topic`, topic),
    ...(origin === undefined
      ? []
      : [text(`${prefix}partition`, String(origin.partition)), text(`${prefix}offset`, String(origin.offset))]),
    text(`${prefix}connector.name`, connector),
    text(`${prefix}task.id`, String(task)),
    text(`${prefix}stage`, stage),
    text(`${prefix}class.name`, className),
    text(
      `${prefix}exception.class.name`,
      exceptionClasses[error.code] ?? 'org.apache.kafka.connect.errors.ConnectException',
    ),
    text(`${prefix}exception.message`, redact(error.message)),
    text(`${prefix}exception.stacktrace`, redact(error.stack ?? error.message)),
  ];
}

function text(key: string, value: string): Header {
  return { key, value: Buffer.from(value) };
}

/** What readers of dead letters know from Kafka Connect. */
const exceptionClasses: Partial<Readonly<Record<ErrorCode, string>>> = {
  TRANSFORM_FAILED: 'org.apache.kafka.connect.errors.DataException',
  CONVERSION_FAILED: 'org.apache.kafka.connect.errors.DataException',
  RECORD_TOO_LARGE: 'org.apache.kafka.common.errors.RecordTooLargeException',
  BROKER_REJECTED: 'org.apache.kafka.common.errors.InvalidRecordException',
  AUTHORIZATION_FAILED: 'org.apache.kafka.common.errors.TopicAuthorizationException',
  UNKNOWN_TOPIC: 'org.apache.kafka.common.errors.UnknownTopicOrPartitionException',
};
