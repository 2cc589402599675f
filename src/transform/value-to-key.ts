import { define, parse } from '../config/config-def.ts';
import { list } from '../config/option.ts';
import type { Field, Schema } from '../record/schema.ts';
import { withKey } from './record-part.ts';
import { replaceNullWithDefault } from './replace-null.ts';
import { dataError, fieldValue, put, requireMap, requireStruct } from './requirements.ts';
import { SchemaCache } from './schema-cache.ts';
import { connectVersion, type TransformClass } from './transform.ts';
import { nonEmptyList } from './validators.ts';

const config = define({
  fields: list({ doc: 'Fields of the value that make the key', importance: 'high', validate: nonEmptyList }),
  'replace.null.with.default': replaceNullWithDefault,
});

const purpose = 'copying fields from value to key';

/** Some fields of the value become the record's key. */
export const valueToKey: TransformClass = {
  kind: 'transformation',
  className: 'org.apache.kafka.connect.transforms.ValueToKey',
  version: connectVersion,
  config,
  make(raw) {
    const { fields, 'replace.null.with.default': defaults } = parse(config, raw);
    const schemas = new SchemaCache((schema) => keySchemaOf(schema, fields));
    return {
      apply(record) {
        const key: Record<string, unknown> = {};
        const schema = record.valueSchema;
        if (schema === null) {
          const map = requireMap(record.value, purpose);
          for (const name of fields) put(key, name, (Object.hasOwn(map, name) ? map[name] : null) ?? null);
          return withKey(record, null, key);
        }
        const struct = requireStruct(schema, record.value, purpose);
        const keySchema = schemas.get(schema);
        for (const field of keySchema.fields!) put(key, field.name, fieldValue(struct, field, defaults));
        return withKey(record, keySchema, key);
      },
    };
  },
};

function keySchemaOf(schema: Schema, names: readonly string[]): Schema {
  const fields = names.map((name): Field => {
    const field = schema.fields?.find((candidate) => candidate.name === name);
    if (field === undefined) throw dataError(`Field does not exist: ${name}`);
    return field;
  });
  return { type: 'struct', optional: false, fields };
}
