import type { Field, Schema } from '../record/schema.ts';

/** A struct of these fields with the name, version, documentation and parameters of another schema. */
export function structLike(schema: Schema, fields: readonly Field[]): Schema {
  return { ...basicsOf(schema), type: 'struct', optional: false, fields };
}

/** What Kafka Connect's transforms carry over from the schema they start from. */
export function basicsOf({ name, version, doc, parameters }: Schema): Partial<Schema> {
  return {
    ...(name === undefined ? {} : { name }),
    ...(version === undefined ? {} : { version }),
    ...(doc === undefined ? {} : { doc }),
    ...(parameters === undefined ? {} : { parameters }),
  };
}

export function withDefault(schema: Schema, value: unknown): Schema {
  return value === undefined || value === null ? schema : { ...schema, default: value };
}
