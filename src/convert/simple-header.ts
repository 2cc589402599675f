import type { HeaderConverter } from './converter.ts';
import { displayText } from './display-text.ts';
import { jsonConverter } from './json.ts';

/** SimpleHeaderConverter: text and numbers as text, structures as JSON, bytes in base64. */
export function simpleHeaderConverter(): HeaderConverter {
  const json = jsonConverter({ 'schemas.enable': 'false' });
  return {
    toBytes(topic, _header, schema, value) {
      if (value === null || value === undefined) return null;
      if (value instanceof Uint8Array && schema?.type !== 'string')
        return Buffer.from(Buffer.from(value).toString('base64'));
      if (typeof value === 'object' && !(value instanceof Uint8Array)) return json.toBytes(topic, schema, value);
      return Buffer.from(displayText(schema, value) ?? '');
    },
  };
}
