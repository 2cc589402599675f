import { define, parse } from '../config/config-def.ts';
import { string } from '../config/option.ts';
import type { Schema } from '../record/schema.ts';
import { keyAndValue } from './record-part.ts';
import { SchemaCache } from './schema-cache.ts';

const config = define({
  field: string({ doc: 'Name of the one field that the whole key or value becomes' }),
});

/** The whole part becomes the only field of a structure: a map where there is no schema, a struct where there is one. */
export const hoistField = keyAndValue('org.apache.kafka.connect.transforms.HoistField', config, (raw, part) => {
  const { field } = parse(config, raw);
  const schemas = new SchemaCache(
    (schema): Schema => ({
      type: 'struct',
      optional: false,
      fields: [{ name: field, schema }],
    }),
  );
  return {
    apply(record) {
      const schema = part.schemaOf(record);
      return part.replaced(record, schema === null ? null : schemas.get(schema), { [field]: part.valueOf(record) });
    },
  };
});
