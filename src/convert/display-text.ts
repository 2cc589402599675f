import { decimalText, unscaledOf } from '../record/decimal.ts';
import { doubleText, floatText } from '../record/java-number.ts';
import { DECIMAL_NAME, epochMsOf, scaleOf } from '../record/logical.ts';
import type { Schema } from '../record/schema.ts';
import { utf8Text } from './utf8.ts';

/**
 * The text that Java's toString gives for values of Kafka Connect's data model: `Struct{a=1,b=x}` for structures (null
 * fields left out), `[1, 2]` for arrays, `{a=1}` for maps. Undefined for what is no value of that model.
 */
export function displayText(schema: Schema | null, value: unknown): string | undefined {
  if (value === null || value === undefined) return 'null';
  if (value instanceof Uint8Array) return bytesText(schema, value);
  if (value instanceof Date) return dateText(value.getTime());
  if (Array.isArray(value))
    return `[${value.map((item) => displayText(schema?.valueSchema ?? null, item)).join(', ')}]`;
  if (value instanceof Map) {
    const entries = [...value].map(
      ([key, item]) =>
        `${displayText(schema?.keySchema ?? null, key)}=${displayText(schema?.valueSchema ?? null, item)}`,
    );
    return `{${entries.join(', ')}}`;
  }
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return String(value);
    case 'bigint':
    case 'number':
      return numberText(schema, value);
    case 'object':
      if (hasOwnText(value)) return String(value);
      return schema?.type === 'struct' ? structText(schema, value) : mapText(value);
    default:
      return undefined;
  }
}

/** A number of the schema's type, or without a schema of the type that JSON would give it. */
export function numberText(schema: Schema | null, value: number | bigint): string {
  if (typeof value === 'bigint') return String(value);
  const ms = schema === null ? undefined : epochMsOf(schema, value);
  if (ms !== undefined) return dateText(ms);
  if (schema?.type === 'float32') return floatText(value);
  const isDouble = schema === null ? !Number.isInteger(value) || Math.abs(value) >= 2 ** 63 : schema.type === 'float64';
  return isDouble ? doubleText(value) : String(value);
}

function bytesText(schema: Schema | null, bytes: Uint8Array): string {
  if (schema?.type === 'string') return utf8Text(bytes);
  if (schema?.name === DECIMAL_NAME) return decimalText(unscaledOf(bytes), scaleOf(schema));
  return `[B@${bytes.length.toString(16)}`;
}

/** java.util.Date.toString in UTC: `Sun Sep 13 12:26:40 UTC 2020`. */
function dateText(ms: number): string {
  const [weekday = '', day, month, year, time] = new Date(ms).toUTCString().split(' ');
  return `${weekday.replace(',', '')} ${month} ${day} ${time} UTC ${year}`;
}

function structText(schema: Schema, value: object): string {
  const fields = (schema.fields ?? [])
    .map(({ name, schema: field }) => ({ name, field, item: (value as Record<string, unknown>)[name] }))
    .filter(({ item }) => item !== null && item !== undefined);
  return `Struct{${fields.map(({ name, field, item }) => `${name}=${displayText(field, item)}`).join(',')}}`;
}

/** As in Java, the text of a structure is its class's own, where a connector has made one. */
function hasOwnText(value: object): boolean {
  return typeof value.toString === 'function' && value.toString !== Object.prototype.toString;
}

function mapText(value: object): string {
  const entries = Object.entries(value).map(([key, item]) => `${key}=${displayText(null, item)}`);
  return `{${entries.join(', ')}}`;
}
