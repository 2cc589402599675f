/** Key or value of a record, for transforms that come as `$Key` and `$Value`. */
import type { ConfigDef, RawConfig } from '../config/config-def.ts';
import type { Schema } from '../record/schema.ts';
import type { SourceHeader, SourceRecord } from '../record/source-record.ts';
import { connectVersion, type Transform, type TransformClass } from './transform.ts';

export interface RecordPart {
  schemaOf(record: SourceRecord): Schema | null;
  valueOf(record: SourceRecord): unknown;
  /** The record with this part replaced. */
  replaced(record: SourceRecord, schema: Schema | null, value: unknown): SourceRecord;
}

const keyPart: RecordPart = {
  schemaOf: (record) => record.keySchema,
  valueOf: (record) => record.key,
  replaced: withKey,
};

const valuePart: RecordPart = {
  schemaOf: (record) => record.valueSchema,
  valueOf: (record) => record.value,
  replaced: (record, valueSchema, value) => ({
    topic: record.topic,
    partition: record.partition,
    key: record.key,
    keySchema: record.keySchema,
    value,
    valueSchema,
    headers: record.headers,
    timestampMs: record.timestampMs,
  }),
};

export function withKey(record: SourceRecord, keySchema: Schema | null, key: unknown): SourceRecord {
  return {
    topic: record.topic,
    partition: record.partition,
    key,
    keySchema,
    value: record.value,
    valueSchema: record.valueSchema,
    headers: record.headers,
    timestampMs: record.timestampMs,
  };
}

export function withTopic(record: SourceRecord, topic: string): SourceRecord {
  return {
    topic,
    partition: record.partition,
    key: record.key,
    keySchema: record.keySchema,
    value: record.value,
    valueSchema: record.valueSchema,
    headers: record.headers,
    timestampMs: record.timestampMs,
  };
}

export function withHeaders(record: SourceRecord, headers: readonly SourceHeader[]): SourceRecord {
  return {
    topic: record.topic,
    partition: record.partition,
    key: record.key,
    keySchema: record.keySchema,
    value: record.value,
    valueSchema: record.valueSchema,
    headers,
    timestampMs: record.timestampMs,
  };
}

/** The `$Key` and the `$Value` class of a transform. */
export function keyAndValue(
  className: string,
  config: ConfigDef,
  make: (config: RawConfig, part: RecordPart) => Transform,
): readonly TransformClass[] {
  const variant = (name: string, part: RecordPart): TransformClass => ({
    kind: 'transformation',
    className: `${className}$${name}`,
    version: connectVersion,
    config,
    make: (raw) => make(raw, part),
  });
  return [variant('Key', keyPart), variant('Value', valuePart)];
}
