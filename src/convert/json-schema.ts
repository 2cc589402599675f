import type { Schema } from '../record/schema.ts';

const typeNames: Readonly<Record<string, string>> = { float32: 'float', float64: 'double' };

/** The JSON form of a schema in the envelope, its members in the order in which Kafka Connect writes them. */
export function jsonSchema(schema: Schema): Readonly<Record<string, unknown>> {
  const { type, optional, name, version, doc, parameters, fields, keySchema, valueSchema } = schema;
  return {
    type: typeNames[type] ?? type,
    // Members of an array or a map that have no common schema have none.
    ...(type === 'array' ? { items: valueSchema === undefined ? null : jsonSchema(valueSchema) } : {}),
    ...(type === 'map'
      ? {
          keys: keySchema === undefined ? null : jsonSchema(keySchema),
          values: valueSchema === undefined ? null : jsonSchema(valueSchema),
        }
      : {}),
    ...(type === 'struct'
      ? { fields: (fields ?? []).map((field) => ({ ...jsonSchema(field.schema), field: field.name })) }
      : {}),
    optional,
    ...(name === undefined ? {} : { name }),
    ...(version === undefined ? {} : { version }),
    ...(doc === undefined ? {} : { doc }),
    ...(parameters === undefined ? {} : { parameters }),
    ...(schema.default === undefined ? {} : { default: schema.default }),
  };
}
