import { TributaryError } from '../base/errors.ts';
import { define, parse } from '../config/config-def.ts';
import { list, oneOf, string } from '../config/option.ts';
import type { Field, Schema } from '../record/schema.ts';
import type { SourceHeader } from '../record/source-record.ts';
import { keyAndValue, withHeaders } from './record-part.ts';
import { replaceNullWithDefault } from './replace-null.ts';
import { dataError, type Fields, fieldValue, put, requireMap, requireStruct } from './requirements.ts';
import { SchemaCache } from './schema-cache.ts';
import { structLike } from './struct-schema.ts';
import { nonEmptyList } from './validators.ts';

const config = define({
  fields: list({ doc: 'Fields whose values become headers', importance: 'high', validate: nonEmptyList }),
  headers: list({ doc: 'Names of the headers, one for each field', importance: 'high', validate: nonEmptyList }),
  operation: string({
    doc: 'move: the fields are taken out of the record. copy: they stay in it, too',
    importance: 'high',
    validate: oneOf(['move', 'copy']),
  }),
  'replace.null.with.default': replaceNullWithDefault,
});

/** Fields become headers, behind those that the record has. */
export const headerFrom = keyAndValue('org.apache.kafka.connect.transforms.HeaderFrom', config, (raw, part) => {
  const { fields, headers, operation, 'replace.null.with.default': defaults } = parse(config, raw);
  if (fields.length !== headers.length) {
    throw new TributaryError(
      'CONFIG_INVALID',
      "'fields' config must have the same number of elements as 'headers' config.",
    );
  }
  const moved = new Set(operation === 'move' ? fields : []);
  const purpose = `header ${operation}`;
  const plans = new SchemaCache((schema) => planFor(schema, fields, moved));

  return {
    apply(record) {
      const schema = part.schemaOf(record);
      const value = part.valueOf(record);
      const added: SourceHeader[] = [];
      if (schema === null) {
        const map = requireMap(value, purpose);
        for (const [i, name] of fields.entries()) {
          added.push({ key: headers[i]!, value: (Object.hasOwn(map, name) ? map[name] : null) ?? null, schema: null });
        }
        const rest = moved.size === 0 ? map : without(map, moved);
        return withHeaders(part.replaced(record, null, rest), [...record.headers, ...added]);
      }
      const struct = requireStruct(schema, value, purpose);
      const plan = plans.get(schema);
      for (const [i, field] of plan.taken.entries()) {
        added.push({ key: headers[i]!, value: fieldValue(struct, field, defaults), schema: field.schema });
      }
      const rest = moved.size === 0 ? struct : without(struct, moved);
      return withHeaders(part.replaced(record, plan.schema, rest), [...record.headers, ...added]);
    },
  };
});

interface Plan {
  readonly schema: Schema;
  /** One for each of `fields`. */
  readonly taken: readonly Field[];
}

function planFor(schema: Schema, names: readonly string[], moved: ReadonlySet<string>): Plan {
  const taken = names.map((name) => {
    const field = schema.fields?.find((candidate) => candidate.name === name);
    if (field === undefined) throw dataError(`Field does not exist: ${name}`);
    return field;
  });
  if (moved.size === 0) return { schema, taken };
  return {
    schema: structLike(
      schema,
      (schema.fields ?? []).filter(({ name }) => !moved.has(name)),
    ),
    taken,
  };
}

function without(fields: Fields, moved: ReadonlySet<string>): Fields {
  const rest: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(fields)) if (!moved.has(name)) put(rest, name, value);
  return rest;
}
