/** What a transform wants of the part it works on, with the refusals of Kafka Connect. */
import { TributaryError } from '../base/errors.ts';
import type { Field, Schema } from '../record/schema.ts';
import { inferType, javaClass } from './java-class.ts';

/** Fields of a struct, or entries of a map without schema, by name. */
export type Fields = Readonly<Record<string, unknown>>;

export function dataError(text: string): TributaryError {
  return new TributaryError('TRANSFORM_FAILED', text);
}

export function requireStruct(schema: Schema, value: unknown, purpose: string): Fields {
  if (schema.type === 'struct' && typeof value === 'object' && value !== null) return value as Fields;
  throw dataError(`Only Struct objects supported for [${purpose}], found: ${javaClass(schema, value)}`);
}

export function requireMap(value: unknown, purpose: string): Fields {
  if (value instanceof Map) return Object.fromEntries(value);
  if (inferType(value) === 'map') return value as Fields;
  throw dataError(`Only Map objects supported in absence of schema for [${purpose}], found: ${javaClass(null, value)}`);
}

/** A field's value; a null becomes the field's default where that is wanted. */
export function fieldValue(struct: Fields, { name, schema }: Field, defaultForNull: boolean): unknown {
  const value = Object.hasOwn(struct, name) ? struct[name] : null;
  if (value !== null && value !== undefined) return value;
  return (defaultForNull ? schema.default : null) ?? null;
}

/** An assignment that also takes the name `__proto__`. */
export function put(fields: Record<string, unknown>, name: string, value: unknown): void {
  if (name === '__proto__') {
    Object.defineProperty(fields, name, { value, enumerable: true, configurable: true, writable: true });
  } else {
    fields[name] = value;
  }
}
