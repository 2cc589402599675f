import { TributaryError } from '../base/errors.ts';
import { define, parse } from '../config/config-def.ts';
import { string } from '../config/option.ts';
import { OPTIONAL_TIMESTAMP, TIMESTAMP } from '../record/logical.ts';
import {
  type Field,
  INT32,
  INT64,
  OPTIONAL_INT32,
  OPTIONAL_INT64,
  OPTIONAL_STRING,
  type Schema,
  STRING,
} from '../record/schema.ts';
import type { SourceRecord } from '../record/source-record.ts';
import { keyAndValue } from './record-part.ts';
import { replaceNullWithDefault } from './replace-null.ts';
import { dataError, fieldValue, put, requireMap, requireStruct } from './requirements.ts';
import { SchemaCache } from './schema-cache.ts';
import { structLike } from './struct-schema.ts';

const suffix = 'A "!" behind the name makes the field required, a "?" optional, which it is without';

const config = define({
  'topic.field': string({ default: null, doc: `Field for the topic's name. ${suffix}` }),
  'partition.field': string({ default: null, doc: `Field for the partition, where the record has one. ${suffix}` }),
  'offset.field': string({ default: null, doc: `Field for the offset, which records have in sinks alone. ${suffix}` }),
  'timestamp.field': string({ default: null, doc: `Field for the record's time. ${suffix}` }),
  'static.field': string({ default: null, doc: `Field for the text in static.value. ${suffix}` }),
  'static.value': string({ default: null, doc: 'Text for static.field' }),
  'replace.null.with.default': replaceNullWithDefault,
});

const purpose = 'field insertion';

interface Insertion {
  readonly name: string;
  readonly schema: Schema;
  /** Null: the record has no such thing, and the field stays empty. */
  valueFor(record: SourceRecord): unknown;
}

/** What is known about a record, or a text that is always the same, becomes fields of it. A part that is null stays null. */
export const insertField = keyAndValue('org.apache.kafka.connect.transforms.InsertField', config, (raw, part) => {
  const options = parse(config, raw);
  const defaults = options['replace.null.with.default'];
  const insertions = insertionsOf(options);
  const schemas = new SchemaCache((schema) =>
    structLike(schema, [
      ...(schema.fields ?? []),
      ...insertions.map(({ name, schema: of }): Field => ({ name, schema: of })),
    ]),
  );
  return {
    apply(record) {
      const value = part.valueOf(record);
      if (value === null || value === undefined) return record;
      const schema = part.schemaOf(record);
      const updated: Record<string, unknown> = schema === null ? { ...requireMap(value, purpose) } : {};
      if (schema !== null) {
        const struct = requireStruct(schema, value, purpose);
        for (const field of schema.fields ?? []) put(updated, field.name, fieldValue(struct, field, defaults));
      }
      for (const insertion of insertions) {
        const inserted = insertion.valueFor(record);
        if (inserted !== null || schema !== null) put(updated, insertion.name, inserted);
      }
      return part.replaced(record, schema === null ? null : schemas.get(schema), updated);
    },
  };
});

function insertionsOf(options: ReturnType<typeof parse<typeof config>>): readonly Insertion[] {
  const text = options['static.value'];
  const wanted: (Insertion | undefined)[] = [
    insertion(options['topic.field'], STRING, OPTIONAL_STRING, ({ topic }) => topic),
    insertion(options['partition.field'], INT32, OPTIONAL_INT32, ({ partition }) => partition),
    insertion(options['offset.field'], INT64, OPTIONAL_INT64, () => {
      throw dataError(
        `Only SinkRecord supported for [${purpose}], found: org.apache.kafka.connect.source.SourceRecord`,
      );
    }),
    insertion(options['timestamp.field'], TIMESTAMP, OPTIONAL_TIMESTAMP, ({ timestampMs }) => timestampMs),
    insertion(options['static.field'], STRING, OPTIONAL_STRING, () => text),
  ];
  const insertions = wanted.filter((one) => one !== undefined);
  if (insertions.length === 0) throw new TributaryError('CONFIG_INVALID', 'No field insertion configured');
  if (options['static.field'] !== null && text === null) {
    throw new TributaryError(
      'CONFIG_INVALID',
      `Invalid value null for configuration static.value: No value specified for static field: ${options['static.field']}`,
    );
  }
  return insertions;
}

function insertion(
  spec: string | null,
  required: Schema,
  optional: Schema,
  valueFor: (record: SourceRecord) => unknown,
): Insertion | undefined {
  if (spec === null) return undefined;
  const name = /[!?]$/.test(spec) ? spec.slice(0, -1) : spec;
  return { name, schema: spec.endsWith('!') ? required : optional, valueFor };
}
