import type { Converter } from './converter.ts';
import { jsonConverter } from './json.ts';
import { utf8Bytes } from './utf8.ts';

/** The default under `start`: text and bytes as they are, everything else as JSON without schema. */
export function naturalConverter(): Converter {
  const json = jsonConverter({ 'schemas.enable': 'false' });
  const isPlain = (schema: Parameters<Converter['passes']>[0]): boolean =>
    schema === null || schema.type === 'string' || schema.type === 'bytes';
  return {
    passes: isPlain,
    append: json.append!,
    toBytes(topic, schema, value) {
      if (value === null || value === undefined) return null;
      if (isPlain(schema) && (typeof value === 'string' || value instanceof Uint8Array)) return utf8Bytes(value);
      return json.toBytes(topic, schema, value);
    },
  };
}
