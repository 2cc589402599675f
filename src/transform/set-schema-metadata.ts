import { TributaryError } from '../base/errors.ts';
import { define, parse } from '../config/config-def.ts';
import { int, string } from '../config/option.ts';
import type { Schema } from '../record/schema.ts';
import { keyAndValue } from './record-part.ts';
import { replaceNullWithDefault } from './replace-null.ts';
import { dataError, type Fields, fieldValue, put } from './requirements.ts';
import { SchemaCache } from './schema-cache.ts';

const config = define({
  'schema.name': string({ default: null, doc: 'Name that the schema gets', importance: 'high' }),
  'schema.version': int({ default: null, doc: 'Version that the schema gets', importance: 'high' }),
  'replace.null.with.default': replaceNullWithDefault,
});

const className = 'org.apache.kafka.connect.transforms.SetSchemaMetadata';

/** Gives the schema a name, a version, or both. Values stay as they are. */
export const setSchemaMetadata = keyAndValue(className, config, (raw, part) => {
  const options = parse(config, raw);
  const { 'schema.name': name, 'schema.version': version, 'replace.null.with.default': defaults } = options;
  if (name === null && version === null) {
    throw new TributaryError('CONFIG_INVALID', 'Neither schema name nor version configured');
  }
  const schemas = new SchemaCache(
    (schema): Schema => ({
      ...schema,
      ...(name === null ? {} : { name }),
      ...(version === null ? {} : { version }),
    }),
  );
  return {
    apply(record) {
      const value = part.valueOf(record) ?? null;
      const schema = part.schemaOf(record);
      if (schema === null && value === null) return record;
      if (schema === null) throw dataError('Schema required for [updating schema metadata]');
      return part.replaced(
        record,
        schemas.get(schema),
        schema.type === 'struct' && defaults ? filled(schema, value) : value,
      );
    },
  };
});

/** The struct with defaults in place of nulls; itself where there is nothing to fill. */
function filled(schema: Schema, value: unknown): unknown {
  if (value === null || schema.fields?.every((field) => field.schema.default === undefined)) return value;
  const struct: Record<string, unknown> = {};
  for (const field of schema.fields ?? []) put(struct, field.name, fieldValue(value as Fields, field, true));
  return struct;
}
