import { define, parse } from '../config/config-def.ts';
import { list } from '../config/option.ts';
import type { Field, Schema } from '../record/schema.ts';
import { keyAndValue } from './record-part.ts';
import { replaceNullWithDefault } from './replace-null.ts';
import { fieldValue, put, requireMap, requireStruct } from './requirements.ts';
import { SchemaCache } from './schema-cache.ts';
import { structLike } from './struct-schema.ts';

const config = define({
  exclude: list({ default: [], doc: 'Fields to leave out, whatever include says' }),
  include: list({ default: [], doc: 'Fields to keep; where none is named, all are kept' }),
  renames: list({
    default: [],
    doc: 'Pairs old:new of names to change',
    validate: (pairs) => {
      const wrong = pairs?.find((pair) => pairOf(pair) === undefined);
      return wrong === undefined ? undefined : `Invalid rename mapping: ${wrong}`;
    },
  }),
  'replace.null.with.default': replaceNullWithDefault,
});

const purpose = 'field replacement';

/** Leaves out fields and renames others. A null part stays null. */
export const replaceField = keyAndValue('org.apache.kafka.connect.transforms.ReplaceField', config, (raw, part) => {
  const options = parse(config, raw);
  const defaults = options['replace.null.with.default'];
  const exclude = new Set(options.exclude);
  const include = new Set(options.include);
  const renames = new Map(options.renames.map((pair) => pairOf(pair)!));
  const isKept = (name: string): boolean => !exclude.has(name) && (include.size === 0 || include.has(name));
  const plans = new SchemaCache((schema) => planFor(schema, isKept, renames));

  return {
    apply(record) {
      const value = part.valueOf(record);
      if (value === null || value === undefined) return record;
      const schema = part.schemaOf(record);
      const updated: Record<string, unknown> = {};
      if (schema === null) {
        for (const [name, item] of Object.entries(requireMap(value, purpose))) {
          if (isKept(name)) put(updated, renames.get(name) ?? name, item);
        }
        return part.replaced(record, null, updated);
      }
      const struct = requireStruct(schema, value, purpose);
      const plan = plans.get(schema);
      for (const { name, from } of plan.fields) put(updated, name, fieldValue(struct, from, defaults));
      return part.replaced(record, plan.schema, updated);
    },
  };
});

interface Plan {
  readonly schema: Schema;
  readonly fields: readonly { readonly name: string; readonly from: Field }[];
}

function planFor(schema: Schema, isKept: (name: string) => boolean, renames: ReadonlyMap<string, string>): Plan {
  const fields = (schema.fields ?? [])
    .filter(({ name }) => isKept(name))
    .map((from) => ({ name: renames.get(from.name) ?? from.name, from }));
  return {
    schema: structLike(
      schema,
      fields.map(({ name, from }) => ({ name, schema: from.schema })),
    ),
    fields,
  };
}

/** As Java splits it: empty parts at the end do not count. */
function pairOf(text: string): readonly [string, string] | undefined {
  const parts = text.replace(/:+$/, '').split(':');
  return parts.length === 2 ? [parts[0]!, parts[1]!] : undefined;
}
