import { TributaryError } from '../base/errors.ts';
import { define, parse } from '../config/config-def.ts';
import { oneOf, string } from '../config/option.ts';
import type { Schema } from '../record/schema.ts';
import { dateFormat } from './date-format.ts';
import { keyAndValue } from './record-part.ts';
import { replaceNullWithDefault } from './replace-null.ts';
import { fieldValue, put, requireMap, requireStruct } from './requirements.ts';
import { SchemaCache } from './schema-cache.ts';
import { structLike, withDefault } from './struct-schema.ts';
import { instantConversion, precisions, type TargetType, targetSchema, targetTypes } from './timestamp-types.ts';

const config = define({
  field: string({
    default: '',
    doc: 'Field that holds the time; empty where the whole part is one',
    importance: 'high',
  }),
  'target.type': string({
    doc: 'What the time becomes: string, unix (a number), or Date, Time, Timestamp of Kafka Connect',
    importance: 'high',
    validate: oneOf(targetTypes),
  }),
  format: string({
    default: '',
    doc: "How the time is written in texts, read and made, in UTC: a pattern of Java's SimpleDateFormat",
  }),
  'unix.precision': string({
    default: 'milliseconds',
    doc: 'Unit of times that are numbers, read and made. Milliseconds are kept, nothing finer',
    importance: 'low',
    validate: oneOf(Object.keys(precisions)),
  }),
  'replace.null.with.default': replaceNullWithDefault,
});

const purpose = 'converting timestamp formats';
const className = 'org.apache.kafka.connect.transforms.TimestampConverter';

/** A time in one form becomes the same time in another. Nulls stay. */
export const timestampConverter = keyAndValue(className, config, (raw, part) => {
  const { field, 'target.type': type, format: pattern, 'unix.precision': precision, ...rest } = parse(config, raw);
  const defaults = rest['replace.null.with.default'];
  const target = type as TargetType;
  if (target === 'string' && pattern.trim() === '') {
    throw new TributaryError(
      'CONFIG_INVALID',
      'TimestampConverter requires format option to be specified when using string timestamps',
    );
  }
  const format = pattern.trim() === '' ? undefined : formatOf(pattern);
  const convert = instantConversion(target, format, precisions[precision as keyof typeof precisions]);
  const schemas = new SchemaCache((schema) => converted(schema, field, target, convert));

  return {
    apply(record) {
      const schema = part.schemaOf(record);
      const value = part.valueOf(record) ?? null;
      if (schema === null) {
        if (value === null || field === '') return part.replaced(record, null, convert(null, value));
        const updated: Record<string, unknown> = { ...requireMap(value, purpose) };
        put(updated, field, convert(null, Object.hasOwn(updated, field) ? updated[field] : null));
        return part.replaced(record, null, updated);
      }
      if (field === '') return part.replaced(record, schemas.get(schema), convert(schema, value));
      if (value === null) return part.replaced(record, schemas.get(schema), null);
      const struct = requireStruct(schema, value, purpose);
      const updated: Record<string, unknown> = {};
      for (const each of schema.fields ?? []) {
        const item = fieldValue(struct, each, defaults);
        put(updated, each.name, each.name === field ? convert(each.schema, item) : item);
      }
      return part.replaced(record, schemas.get(schema), updated);
    },
  };
});

function converted(
  schema: Schema,
  field: string,
  target: TargetType,
  convert: (schema: Schema | null, value: unknown) => unknown,
): Schema {
  if (field === '') return targetSchema(target, schema.optional);
  const fields = (schema.fields ?? []).map((each) =>
    each.name === field ? { name: field, schema: targetSchema(target, each.schema.optional) } : each,
  );
  const made: Schema = { ...structLike(schema, fields), optional: schema.optional };
  const fallback = schema.default as Readonly<Record<string, unknown>> | null | undefined;
  const timed = schema.fields?.find(({ name }) => name === field);
  if (fallback === undefined || fallback === null || timed === undefined) return withDefault(made, fallback);
  return { ...made, default: { ...fallback, [field]: convert(timed.schema, fallback[field] ?? null) } };
}

function formatOf(pattern: string): ReturnType<typeof dateFormat> {
  try {
    return dateFormat(pattern);
  } catch (error) {
    throw new TributaryError(
      'CONFIG_INVALID',
      `TimestampConverter requires a SimpleDateFormat-compatible pattern for string timestamps: ${pattern}`,
      { cause: error },
    );
  }
}
