import { define } from '../config/config-def.ts';
import { decimalText, unscaledOf } from '../record/decimal.ts';
import { DECIMAL_NAME, epochMsOf, msPerDay, scaleOf } from '../record/logical.ts';
import type { Schema } from '../record/schema.ts';
import type { HeaderConverter } from './converter.ts';
import { numberText } from './display-text.ts';
import { utf8Bytes, utf8Text } from './utf8.ts';

export const simpleHeaderConverterConfig = define({});

/**
 * SimpleHeaderConverter: texts and numbers as texts, times in ISO 8601, bytes in base64; lists `[1,"x"]` and maps and
 * structures `{"a":1}` look like JSON, but for times, which stand without quotation marks.
 */
export function simpleHeaderConverter(): HeaderConverter {
  return {
    toBytes(_topic, _header, schema, value) {
      if (value === null || value === undefined) return null;
      if (value instanceof Uint8Array && schema?.type === 'string') return value;
      return utf8Bytes(textOf(schema, value, false));
    },
  };
}

/** Within a list or a map texts stand in quotation marks. */
function textOf(schema: Schema | null, value: unknown, within: boolean): string {
  if (value === null || value === undefined) return 'null';
  if (value instanceof Uint8Array) return bytesText(schema, value, within);
  if (value instanceof Date) return isoText(value.getTime());
  if (Array.isArray(value)) {
    return `[${value.map((item) => textOf(schema?.valueSchema ?? null, item, true)).join(',')}]`;
  }
  switch (typeof value) {
    case 'string':
      return within ? quoted(value) : value;
    case 'number':
    case 'bigint': {
      const ms = schema === null ? undefined : epochMsOf(schema, value);
      return ms === undefined ? numberText(schema, value) : isoText(ms);
    }
    case 'object':
      return `{${entriesOf(schema, value).join(',')}}`;
    default:
      return String(value);
  }
}

function entriesOf(schema: Schema | null, value: object): string[] {
  if (value instanceof Map) {
    const { keySchema = null, valueSchema = null } = schema ?? {};
    return [...value].map(([key, item]) => `${textOf(keySchema, key, true)}:${textOf(valueSchema, item, true)}`);
  }
  if (schema?.type === 'struct') {
    const fields = value as Readonly<Record<string, unknown>>;
    return (schema.fields ?? []).map(
      ({ name, schema: field }) => `${quoted(name)}:${textOf(field, fields[name] ?? field.default, true)}`,
    );
  }
  return Object.entries(value).map(([key, item]) => `${quoted(key)}:${textOf(null, item, true)}`);
}

function bytesText(schema: Schema | null, bytes: Uint8Array, within: boolean): string {
  if (schema?.name === DECIMAL_NAME) return decimalText(unscaledOf(bytes), scaleOf(schema));
  const text = schema?.type === 'string' ? utf8Text(bytes) : Buffer.from(bytes).toString('base64');
  return within ? quoted(text) : text;
}

function quoted(text: string): string {
  return `"${text.replace(/["\\]/g, '\\$&')}"`;
}

/** A time within the first day stands for a time of the day, midnight for a date. */
function isoText(ms: number): string {
  const text = new Date(ms).toISOString();
  if (ms < msPerDay) return text.slice(text.indexOf('T') + 1);
  return ms % msPerDay === 0 ? text.slice(0, text.indexOf('T')) : text;
}
