import { TributaryError } from '../base/errors.ts';
import { define, parse } from '../config/config-def.ts';
import { list } from '../config/option.ts';
import { DECIMAL_NAME, epochMsOf } from '../record/logical.ts';
import type { Field, Schema } from '../record/schema.ts';
import { type CastType, castTypes, castValue } from './cast-value.ts';
import { keyAndValue } from './record-part.ts';
import { replaceNullWithDefault } from './replace-null.ts';
import { fieldValue, put, requireMap, requireStruct } from './requirements.ts';
import { SchemaCache } from './schema-cache.ts';
import { basicsOf, structLike, withDefault } from './struct-schema.ts';

const config = define({
  spec: list({
    doc: `Pairs field:type, or one type for the whole. Types: ${castTypes.join(', ')}. Bytes become texts alone, in base64`,
    importance: 'high',
    validate: (spec) => {
      const parsed = parseSpec(spec ?? []);
      return 'problem' in parsed ? { text: parsed.problem } : undefined;
    },
  }),
  'replace.null.with.default': replaceNullWithDefault,
});

const purpose = 'cast types';

/** Fields, or the whole part, become values of another type. A null part stays null. */
export const cast = keyAndValue('org.apache.kafka.connect.transforms.Cast', config, (raw, part) => {
  const { spec, 'replace.null.with.default': defaults } = parse(config, raw);
  const casts = parseSpec(spec);
  if ('problem' in casts) throw new TributaryError('CONFIG_INVALID', casts.problem);
  const { whole, fields } = casts;
  const schemas = new SchemaCache((schema) =>
    whole === undefined ? castFields(schema, fields) : castWhole(schema, whole),
  );

  return {
    apply(record) {
      const value = part.valueOf(record);
      if (value === null || value === undefined) return record;
      const schema = part.schemaOf(record);
      if (whole !== undefined) {
        const updated = castValue(schema, value, whole);
        return part.replaced(record, schema === null ? null : schemas.get(schema), updated);
      }
      if (schema === null) {
        const updated: Record<string, unknown> = { ...requireMap(value, purpose) };
        for (const [name, type] of fields)
          put(updated, name, castValue(null, Object.hasOwn(updated, name) ? updated[name] : null, type));
        return part.replaced(record, null, updated);
      }
      const struct = requireStruct(schema, value, purpose);
      const updated: Record<string, unknown> = {};
      for (const field of schema.fields ?? []) {
        const type = fields.get(field.name);
        const item = fieldValue(struct, field, defaults);
        put(updated, field.name, type === undefined ? item : castValue(field.schema, item, type));
      }
      return part.replaced(record, schemas.get(schema), updated);
    },
  };
});

interface Casts {
  readonly whole: CastType | undefined;
  readonly fields: ReadonlyMap<string, CastType>;
}

function parseSpec(spec: readonly string[]): Casts | { readonly problem: string } {
  if (spec.length === 0) return { problem: 'Must specify at least one field to cast.' };
  const fields = new Map<string, CastType>();
  let whole: CastType | undefined;
  for (const mapping of spec) {
    const parts = mapping.replace(/:+$/, '').split(':');
    if (parts.length > 2)
      return {
        problem: `Invalid value [${spec.join(', ')}] for configuration renames: Invalid rename mapping: ${mapping}`,
      };
    const word = parts.at(-1)!.trim();
    const type = castTypes.find((known) => known === word.toLowerCase());
    if (type === undefined) {
      return /^(bytes|array|map|struct)$/i.test(word)
        ? {
            problem: `Cast transformation does not support casting to ${word.toUpperCase()}; supported types are ${supported}`,
          }
        : {
            problem: `Invalid value [${spec.join(', ')}] for configuration spec: Invalid type found in casting spec: ${word}`,
          };
    }
    if (parts.length === 1) whole = type;
    else fields.set(parts[0]!.trim(), type);
  }
  if (whole !== undefined && spec.length > 1) {
    return {
      problem:
        'Cast transformations that specify a type to cast the entire value to may only specify a single cast in their spec',
    };
  }
  return { whole, fields };
}

const supported = `[${castTypes.map((type) => type.toUpperCase()).join(', ')}]`;

function castWhole(schema: Schema, type: CastType): Schema {
  // A logical type's name would promise what the value no longer is.
  const isLogical = schema.name === DECIMAL_NAME || epochMsOf(schema, 0) !== undefined;
  const made: Schema = { ...(isLogical ? {} : basicsOf(schema)), type, optional: schema.optional };
  return withDefault(made, schema.default === undefined ? undefined : castValue(schema, schema.default, type));
}

function castFields(schema: Schema, casts: ReadonlyMap<string, CastType>): Schema {
  const fields = (schema.fields ?? []).map((field): Field => {
    const type = casts.get(field.name);
    if (type === undefined) return field;
    const { optional, default: fallback } = field.schema;
    const made: Schema = { type, optional };
    return {
      name: field.name,
      schema: withDefault(made, fallback === undefined ? undefined : castValue(field.schema, fallback, type)),
    };
  });
  return { ...structLike(schema, fields), optional: schema.optional };
}
