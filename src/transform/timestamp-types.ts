/** Forms of a time that TimestampConverter reads and makes; milliseconds since 1970 stand between them. */
import {
  DATE,
  DATE_NAME,
  epochMsOf,
  msPerDay,
  OPTIONAL_DATE,
  OPTIONAL_TIME,
  OPTIONAL_TIMESTAMP,
  TIME,
  TIME_NAME,
  TIMESTAMP,
  TIMESTAMP_NAME,
} from '../record/logical.ts';
import { INT64, OPTIONAL_INT64, OPTIONAL_STRING, type Schema, STRING } from '../record/schema.ts';
import type { DateFormat } from './date-format.ts';
import { inferType, javaClass } from './java-class.ts';
import { dataError } from './requirements.ts';

export const targetTypes = ['string', 'unix', 'Date', 'Time', 'Timestamp'] as const;
export type TargetType = (typeof targetTypes)[number];

/** Units of a millisecond, or milliseconds of a unit. */
export const precisions = {
  nanoseconds: { perMs: 1_000_000n, ms: 1n },
  microseconds: { perMs: 1000n, ms: 1n },
  milliseconds: { perMs: 1n, ms: 1n },
  seconds: { perMs: 1n, ms: 1000n },
} as const;
export type Precision = (typeof precisions)[keyof typeof precisions];

export function targetSchema(target: TargetType, optional: boolean): Schema {
  switch (target) {
    case 'string':
      return optional ? OPTIONAL_STRING : STRING;
    case 'unix':
      return optional ? OPTIONAL_INT64 : INT64;
    case 'Date':
      return optional ? OPTIONAL_DATE : DATE;
    case 'Time':
      return optional ? OPTIONAL_TIME : TIME;
    case 'Timestamp':
      return optional ? OPTIONAL_TIMESTAMP : TIMESTAMP;
  }
}

/** The form that a value is in is told by its schema, or without one by the value. Null stays null. */
export function instantConversion(
  target: TargetType,
  format: DateFormat | undefined,
  precision: Precision,
): (schema: Schema | null, value: unknown) => unknown {
  const fromText = (text: string): number => {
    const ms = format?.parse(text);
    if (ms === undefined) {
      throw dataError(`Could not parse timestamp: the value does not match pattern (${format?.pattern ?? ''})`);
    }
    return ms;
  };
  return (schema, value) => {
    if (value === null || value === undefined) {
      if (schema !== null) formOf(schema);
      return null;
    }
    const ms =
      schema === null ? withoutSchema(value, fromText, precision) : withSchema(schema, value, fromText, precision);
    return made(ms, target, format, precision, schema !== null);
  };
}

function formOf(schema: Schema): 'logical' | 'string' | 'unix' {
  if (schema.name === TIMESTAMP_NAME || schema.name === DATE_NAME || schema.name === TIME_NAME) return 'logical';
  if (schema.type === 'string') return 'string';
  if (schema.type === 'int64') return 'unix';
  throw dataError(
    `Schema Schema{${schema.name === undefined ? '' : `${schema.name}:`}${schema.type.toUpperCase()}} does not correspond to a known timestamp type format`,
  );
}

function withSchema(schema: Schema, value: unknown, fromText: (text: string) => number, precision: Precision): number {
  switch (formOf(schema)) {
    case 'logical':
      return epochMsOf(schema, value as number)!;
    case 'string':
      return fromText(textOf(value));
    case 'unix':
      return fromUnix(value as number | bigint, precision);
  }
}

function withoutSchema(value: unknown, fromText: (text: string) => number, precision: Precision): number {
  if (value instanceof Date) return value.getTime();
  switch (inferType(value)) {
    case 'string':
      return fromText(value as string);
    case 'int64':
      return fromUnix(value as number | bigint, precision);
    default:
      throw dataError(`TimestampConverter does not support class ${javaClass(null, value)} objects as timestamps`);
  }
}

function textOf(value: unknown): string {
  if (!(value instanceof Uint8Array)) return String(value);
  return Buffer.from(value.buffer, value.byteOffset, value.length).toString('utf8');
}

/** Cut towards zero, as Java's TimeUnit does. */
function fromUnix(value: number | bigint, { perMs, ms }: Precision): number {
  if (perMs === 1n) return Number(value) * Number(ms);
  return Number(BigInt(value) / perMs);
}

/** Without a schema there is nothing to tell a Date from a number but the value: it is a JavaScript Date. */
function made(
  ms: number,
  target: TargetType,
  format: DateFormat | undefined,
  precision: Precision,
  hasSchema: boolean,
): unknown {
  switch (target) {
    case 'string':
      return format!.format(ms);
    case 'unix':
      return toUnix(ms, precision);
    case 'Date': {
      const days = Math.floor(ms / msPerDay);
      return hasSchema ? days : new Date(days * msPerDay);
    }
    case 'Time': {
      const ofDay = ms - Math.floor(ms / msPerDay) * msPerDay;
      return hasSchema ? ofDay : new Date(ofDay);
    }
    case 'Timestamp':
      return hasSchema ? ms : new Date(ms);
  }
}

function toUnix(ms: number, { perMs, ms: unit }: Precision): number | bigint {
  if (perMs === 1n) return Math.trunc(ms / Number(unit)) + 0;
  const exact = BigInt(ms) * perMs;
  return Number.isSafeInteger(Number(exact)) ? Number(exact) : exact;
}
