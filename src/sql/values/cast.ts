import { Buffer, isUtf8 } from 'node:buffer';
import { asBuffer } from '../../base/as-buffer.ts';
import { parseJson } from '../json/parse.ts';
import { writeJson } from '../json/write.ts';
import { intFromLong, type Long, longFromDouble, longFromText } from './long.ts';
import { type ExpressionType, isInteger, type Type } from './type.ts';
import type { Json, Value } from './value.ts';

type Cast = (value: Value) => Value;

/** How a value of one type becomes one of another. What cannot be converted is NULL; NULL stays NULL. */
export function cast(from: ExpressionType, to: Type): Cast {
  const convert = castNonNull(from, to);
  return (value) => (value === null ? null : convert(value));
}

function castNonNull(from: ExpressionType, to: Type): Cast {
  if (from === to || from === 'NULL') return (value) => value;
  if (from === 'OBJECT') return (value) => castJson(value as Json, to);
  if (from === 'BYTES') return castBytes(to);
  switch (to) {
    case 'STRING':
      return (value) => textOf(value as Long | boolean);
    case 'INT':
      return (value) => toInt(toLong(value));
    case 'LONG':
      return isInteger(from) ? (value) => value : toLong;
    case 'FLOAT':
    case 'DOUBLE':
      return toDouble;
    case 'BOOL':
      return toBool;
    case 'OBJECT':
      return from === 'STRING' ? (value) => objectFromText(value as string) : (value) => value;
    case 'BYTES':
      return from === 'STRING' ? (value) => Buffer.from(value as string) : () => null;
  }
}

/** A number in the shortest form that reads back to the same; integral values have no point. */
export function textOf(value: Long | boolean | string): string {
  return String(value);
}

export function toLong(value: Value): Long | null {
  switch (typeof value) {
    case 'number':
      return longFromDouble(value);
    case 'bigint':
      return value;
    case 'boolean':
      return value ? 1 : 0;
    case 'string':
      return longFromText(value.trim());
    default:
      return null;
  }
}

function toInt(value: Long | null): number | null {
  return value === null ? null : intFromLong(value);
}

export function toDouble(value: Value): number | null {
  switch (typeof value) {
    case 'number':
      return value;
    case 'bigint':
      return Number(value);
    case 'boolean':
      return value ? 1 : 0;
    case 'string':
      return doubleFromText(value.trim());
    default:
      return null;
  }
}

function doubleFromText(text: string): number | null {
  if (!/^[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?$/.test(text)) return null;
  const value = Number(text);
  return Number.isFinite(value) ? value : null;
}

export function toBool(value: Value): boolean | null {
  switch (typeof value) {
    case 'boolean':
      return value;
    case 'number':
    case 'bigint':
      return value !== 0;
    case 'string':
      return boolFromText(value.trim().toLowerCase());
    default:
      return null;
  }
}

function boolFromText(text: string): boolean | null {
  if (text === 'true' || text === '1' || text === 'yes') return true;
  return text === 'false' || text === '0' || text === 'no' ? false : null;
}

/** By its JSON value; an array or object becomes only text. */
function castJson(value: Json, to: Type): Value {
  if (typeof value === 'object') return to === 'STRING' ? writeJson(value) : null;
  if (to === 'BYTES') return typeof value === 'string' ? bytesFromBase64(value) : null;
  const from = typeof value === 'string' ? 'STRING' : typeof value === 'boolean' ? 'BOOL' : 'DOUBLE';
  return castNonNull(from, to)(value);
}

function castBytes(to: Type): Cast {
  if (to === 'STRING') return (value) => textFromBytes(value as Uint8Array);
  if (to === 'OBJECT') return (value) => Buffer.from(value as Uint8Array).toString('base64');
  return () => null;
}

/** Null where the bytes are not UTF-8. */
export function textFromBytes(bytes: Uint8Array): string | null {
  if (!isUtf8(bytes)) return null;
  return asBuffer(bytes).toString('utf8');
}

/** Null where the text is not base64, with or without padding. */
export function bytesFromBase64(text: string): Uint8Array | null {
  const bytes = Buffer.from(text, 'base64');
  return bytes.toString('base64').replace(/=+$/, '') === text.replace(/=+$/, '') ? bytes : null;
}

/** Text that is a JSON array or object becomes that; any other is a JSON string. */
function objectFromText(text: string): Json {
  if (!/^\s*[[{]/.test(text)) return text;
  return parseJson(text) ?? text;
}
