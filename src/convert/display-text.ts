import type { Schema } from '../record/schema.ts';
import { utf8Text } from './utf8.ts';

/**
 * The text that Java's toString gives for values of Kafka Connect's data model: `Struct{a=1,b=x}` for structures (null
 * fields left out), `[1, 2]` for arrays, `{a=1}` for maps. Undefined for what is no value of that model.
 */
export function displayText(schema: Schema | null, value: unknown): string | undefined {
  if (value === null || value === undefined) return 'null';
  if (value instanceof Uint8Array)
    return schema?.type === 'string' ? utf8Text(value) : `[B@${value.length.toString(16)}`;
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
    case 'bigint':
      return String(value);
    case 'number':
      return isFloat(schema) && Number.isInteger(value) ? `${value}.0` : String(value);
    case 'object':
      return schema?.type === 'struct' ? structText(schema, value) : mapText(value);
    default:
      return undefined;
  }
}

function structText(schema: Schema, value: object): string {
  const fields = (schema.fields ?? [])
    .map(({ name, schema: field }) => ({ name, field, item: (value as Record<string, unknown>)[name] }))
    .filter(({ item }) => item !== null && item !== undefined);
  return `Struct{${fields.map(({ name, field, item }) => `${name}=${displayText(field, item)}`).join(',')}}`;
}

function mapText(value: object): string {
  const entries = Object.entries(value).map(([key, item]) => `${key}=${displayText(null, item)}`);
  return `{${entries.join(', ')}}`;
}

function isFloat(schema: Schema | null): boolean {
  return schema?.type === 'float32' || schema?.type === 'float64';
}
