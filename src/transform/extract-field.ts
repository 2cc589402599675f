import { define, parse } from '../config/config-def.ts';
import { oneOf, string } from '../config/option.ts';
import type { Schema } from '../record/schema.ts';
import { type FieldPath, fieldPath } from './field-path.ts';
import { keyAndValue } from './record-part.ts';
import { replaceNullWithDefault } from './replace-null.ts';
import { dataError, fieldValue, requireMap, requireStruct } from './requirements.ts';
import { SchemaCache } from './schema-cache.ts';

const config = define({
  field: string({ doc: 'Field to take out' }),
  'replace.null.with.default': replaceNullWithDefault,
  'field.syntax.version': string({
    default: 'V1',
    doc: 'V1: the field is one name. V2: it is a path, names with dots between them, in backticks where a name has dots',
    importance: 'high',
    validate: oneOf(['V1', 'V2'], { ignoreCase: true }),
  }),
});

const purpose = 'field extraction';

/** One field becomes the whole part. A null part stays null. */
export const extractField = keyAndValue('org.apache.kafka.connect.transforms.ExtractField', config, (raw, part) => {
  const options = parse(config, raw);
  const defaults = options['replace.null.with.default'];
  const path = fieldPath(options.field, options['field.syntax.version'].toUpperCase() === 'V2');
  const schemas = new SchemaCache((schema) => schemaAt(schema, path));
  return {
    apply(record) {
      const schema = part.schemaOf(record);
      const value = part.valueOf(record) ?? null;
      if (schema === null) return part.replaced(record, null, value === null ? null : entryAt(value, path));
      if (value !== null) requireStruct(schema, value, purpose);
      const found = schemas.get(schema);
      if (found === undefined) throw dataError(`Unknown field: ${options.field}`);
      return part.replaced(record, found, value === null ? null : valueAt(schema, value, path, defaults));
    },
  };
});

function schemaAt(schema: Schema, path: FieldPath): Schema | undefined {
  let current: Schema | undefined = schema;
  for (const step of path) current = current?.fields?.find(({ name }) => name === step)?.schema;
  return current;
}

function valueAt(schema: Schema, struct: unknown, path: FieldPath, defaults: boolean): unknown {
  let current: unknown = struct;
  let currentSchema = schema;
  for (const [i, step] of path.entries()) {
    if (current === null || current === undefined) return null;
    const fields = requireStruct(currentSchema, current, i === 0 ? purpose : 'nested field access');
    const field = currentSchema.fields?.find(({ name }) => name === step);
    if (field === undefined) return null;
    current = fieldValue(fields, field, defaults);
    currentSchema = field.schema;
  }
  return current;
}

function entryAt(map: unknown, path: FieldPath): unknown {
  let current: unknown = map;
  for (const [i, step] of path.entries()) {
    if (current === null || current === undefined) return null;
    const fields = requireMap(current, i === 0 ? purpose : 'nested field access');
    current = Object.hasOwn(fields, step) ? fields[step] : null;
  }
  return current;
}
