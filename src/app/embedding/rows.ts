/** Rows as plain objects, and back. */
import { Buffer } from 'node:buffer';
import { TributaryError } from '../../base/errors.ts';
import { suggest } from '../../base/nearest.ts';
import type { StreamPlan } from '../../sql/check/stream-plan.ts';
import { longFromBig } from '../../sql/values/long.ts';
import type { Type } from '../../sql/values/type.ts';
import type { Json, Value, Values } from '../../sql/values/value.ts';

/** A value of JSON. Whole numbers beyond 2^53 are bigints. */
export type PlainJson = null | boolean | number | bigint | string | readonly PlainJson[] | PlainObject;

export interface PlainObject {
  readonly [member: string]: PlainJson;
}

/** INT, LONG, FLOAT, DOUBLE: number, or bigint where a LONG is beyond 2^53. BYTES: bytes. OBJECT: any JSON. NULL: null. */
export type PlainValue = PlainJson | Uint8Array;

/** By column. A column that is not there is NULL. */
export type PlainRow = Readonly<Record<string, PlainValue>>;

/** Throws USAGE where a value is none of its column's type, or the stream has no such column. */
export function valuesOf({ name, columns }: StreamPlan, row: PlainRow): Values {
  const known = columns.map((column) => column.name);
  const stranger = Object.keys(row).find((key) => !known.includes(key));
  if (stranger !== undefined)
    throw new TributaryError('USAGE', `Stream "${name}" has no column "${stranger}".${suggest(stranger, known)}`);
  return columns.map((column) => {
    const given = row[column.name] ?? null;
    const value = given === null ? null : columnValue(column.type, given);
    if (value === undefined)
      throw new TributaryError(
        'USAGE',
        `Cannot use column "${column.name}" of stream "${name}": it must be ${wanted[column.type]}`,
      );
    return value;
  });
}

const wanted: Readonly<Record<Type, string>> = {
  STRING: 'a string',
  INT: 'a whole number of 32 bits',
  LONG: 'a whole number of 64 bits (a bigint beyond 2^53)',
  FLOAT: 'a finite number',
  DOUBLE: 'a finite number',
  BOOL: 'true or false',
  OBJECT: 'a value of JSON',
  BYTES: 'a Uint8Array',
};

/** undefined where it does not fit. */
function columnValue(type: Type, value: PlainValue): Value | undefined {
  switch (type) {
    case 'STRING':
      return typeof value === 'string' ? value : undefined;
    case 'BOOL':
      return typeof value === 'boolean' ? value : undefined;
    case 'BYTES':
      return value instanceof Uint8Array ? Buffer.from(value) : undefined;
    case 'INT':
      return Number.isInteger(value) && (value as number) === ((value as number) | 0) ? (value as number) : undefined;
    case 'LONG':
      return longOf(value);
    case 'FLOAT': // kept in double precision: 123.45 stays 123.45
    case 'DOUBLE':
      return Number.isFinite(value) ? (value as number) : undefined;
    case 'OBJECT':
      return value instanceof Uint8Array ? undefined : jsonOf(value);
  }
}

function longOf(value: PlainValue): Value | undefined {
  if (typeof value === 'bigint') return longFromBig(value) ?? undefined;
  return Number.isSafeInteger(value) ? (value as number) : undefined;
}

function jsonOf(value: PlainJson): Json | undefined {
  if (typeof value === 'bigint') return longFromBig(value) ?? undefined;
  if (typeof value === 'number') return Number.isFinite(value) ? value : undefined;
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) {
    const elements = value.map(jsonOf);
    return elements.includes(undefined) ? undefined : (elements as Json[]);
  }
  const members = Object.entries(value).map(([key, member]) => [key, jsonOf(member as PlainJson)] as const);
  return members.some(([, member]) => member === undefined) ? undefined : new Map(members as [string, Json][]);
}

export function plainRow({ columns }: StreamPlan, values: Values): PlainRow {
  return Object.fromEntries(columns.map(({ name }, index) => [name, plainOf(values[index]!)]));
}

function plainOf(value: Value): PlainValue {
  if (value instanceof Uint8Array) return Uint8Array.from(value);
  return plainJson(value);
}

function plainJson(value: Json): PlainJson {
  if (Array.isArray(value)) return value.map(plainJson);
  if (value instanceof Map) return Object.fromEntries([...value].map(([key, member]) => [key, plainJson(member)]));
  return value as PlainJson;
}
