import { define, parse } from '../config/config-def.ts';
import { string } from '../config/option.ts';
import type { Field, Schema } from '../record/schema.ts';
import { inferType, javaClass } from './java-class.ts';
import { keyAndValue } from './record-part.ts';
import { dataError, type Fields, put, requireMap, requireStruct } from './requirements.ts';
import { SchemaCache } from './schema-cache.ts';
import { basicsOf, structLike } from './struct-schema.ts';

const config = define({
  delimiter: string({ default: '.', doc: 'What stands between the names of the levels in the name of a flat field' }),
});

const purpose = 'flattening';

/** Nested structures become one level: the field `c` in the field `a` becomes `a.c`. Arrays stay as they are. */
export const flatten = keyAndValue('org.apache.kafka.connect.transforms.Flatten', config, (raw, part) => {
  const { delimiter } = parse(config, raw);
  const plans = new SchemaCache((schema) => planFor(schema, delimiter));
  return {
    apply(record) {
      const value = part.valueOf(record);
      if (value === null || value === undefined) return record;
      const schema = part.schemaOf(record);
      if (schema === null) {
        const flat: Record<string, unknown> = {};
        flattenMap(requireMap(value, purpose), '', delimiter, flat);
        return part.replaced(record, null, flat);
      }
      const struct = requireStruct(schema, value, purpose);
      const plan = plans.get(schema);
      const flat: Record<string, unknown> = {};
      for (const { name, path, fallback } of plan.leaves) put(flat, name, leafOf(struct, path) ?? fallback);
      return part.replaced(record, plan.schema, flat);
    },
  };
});

interface Leaf {
  readonly name: string;
  readonly path: readonly string[];
  /** The default of the field itself, null where it has none. */
  readonly fallback: unknown;
}

interface Plan {
  readonly schema: Schema;
  readonly leaves: readonly Leaf[];
}

function planFor(schema: Schema, delimiter: string): Plan {
  const leaves: Leaf[] = [];
  const fields: Field[] = [];
  const visit = (struct: Schema, path: readonly string[], optional: boolean, inherited: Fields | undefined): void => {
    for (const { name, schema: field } of struct.fields ?? []) {
      const steps = [...path, name];
      const fieldOptional = optional || field.optional;
      const fallback = field.default ?? inherited?.[name] ?? undefined;
      if (field.type === 'struct') {
        visit(field, steps, fieldOptional, fallback as Fields | undefined);
        continue;
      }
      const flat = steps.join(delimiter);
      if (field.type === 'map') {
        throw dataError(`Flatten transformation does not support MAP for record with schemas (for field ${flat}).`);
      }
      leaves.push({ name: flat, path: steps, fallback: field.default ?? null });
      fields.push({ name: flat, schema: flatField(field, fieldOptional, fallback) });
    }
  };
  visit(schema, [], schema.optional, (schema.default ?? undefined) as Fields | undefined);
  return { schema: structLike(schema, fields), leaves };
}

/** What lies in something optional is optional itself, and a default of the whole holds for its parts. */
function flatField(field: Schema, optional: boolean, fallback: unknown): Schema {
  const { type, keySchema, valueSchema } = field;
  return {
    type,
    optional,
    ...basicsOf(field),
    ...(keySchema === undefined ? {} : { keySchema }),
    ...(valueSchema === undefined ? {} : { valueSchema }),
    ...(fallback === undefined || fallback === null ? {} : { default: fallback }),
  };
}

function leafOf(struct: Fields, path: readonly string[]): unknown {
  let current: unknown = struct;
  for (const step of path) {
    if (current === null || current === undefined) return null;
    current = (current as Fields)[step];
  }
  return current;
}

function flattenMap(map: Fields, prefix: string, delimiter: string, flat: Record<string, unknown>): void {
  for (const [key, value] of Object.entries(map)) {
    const name = prefix === '' ? key : prefix + delimiter + key;
    const type = value === null || value === undefined ? null : inferType(value);
    if (type === undefined) {
      throw dataError(
        `Flatten transformation was passed a value of type class ${javaClass(null, value)} which is not supported by Connect's data API`,
      );
    }
    if (type === 'map') flattenMap(requireMap(value, purpose), name, delimiter, flat);
    else put(flat, name, value ?? null);
  }
}
