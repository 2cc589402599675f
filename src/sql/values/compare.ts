import { Buffer } from 'node:buffer';
import { writeJson } from '../json/write.ts';
import { compareText } from './text.ts';
import { type ExpressionType, isNumeric } from './type.ts';
import type { Json, Value } from './value.ts';

/** Below 0, 0 or above 0; null where two OBJECT values are not of one kind. Neither value is NULL. */
export type Compare = (a: Value, b: Value) => number | null;

/** How values of two types compare; undefined where they do not. */
export function comparison(a: ExpressionType, b: ExpressionType): Compare | undefined {
  if (a === 'NULL' || b === 'NULL') return () => null;
  if (isNumeric(a) && isNumeric(b)) return compareNumbers;
  if (a === 'BYTES' || b === 'BYTES') return a === b ? compareBytes : undefined;
  if (a === 'OBJECT' || b === 'OBJECT') return compareJson;
  if (a !== b) return undefined;
  return a === 'STRING' ? (compareText as Compare) : compareNumbers;
}

/** BOOL, OBJECT of nested values and BYTES are equal or not, but neither is less. */
export function hasOrder(type: ExpressionType): boolean {
  return type !== 'BOOL' && type !== 'BYTES';
}

/** By value over all forms: a bigint and a number compare exactly. */
export function compareNumbers(a: Value, b: Value): number {
  if (a === b) return 0;
  if ((a as number) < (b as number)) return -1;
  return (a as number) > (b as number) ? 1 : 0;
}

function compareBytes(a: Value, b: Value): number {
  return Buffer.compare(a as Uint8Array, b as Uint8Array);
}

function compareJson(a: Value, b: Value): number | null {
  const kind = kindOf(a);
  if (kind !== kindOf(b)) return null;
  if (kind === 'number' || kind === 'boolean') return compareNumbers(a, b);
  if (kind === 'string') return compareText(a as string, b as string);
  return compareText(writeJson(a as Json), writeJson(b as Json));
}

function kindOf(value: Value): string {
  if (typeof value === 'bigint') return 'number';
  return Array.isArray(value) ? 'array' : typeof value;
}

/** A value as a Map's key: equal values have equal keys, whatever their types. */
export function mapKey(value: Value): unknown {
  if (typeof value === 'number') {
    // A double beyond 2^53 equals the LONG of that value, which is a bigint.
    return Number.isInteger(value) && !Number.isSafeInteger(value) ? BigInt(value) : value;
  }
  if (typeof value !== 'object' || value === null) return value;
  return value instanceof Uint8Array ? `b${Buffer.from(value).toString('base64')}` : `j${writeJson(value)}`;
}

/** Several values as one key. Lengths stand in front, so that no two lists have the same text. */
export function mapKeyOfAll(values: readonly Value[]): string {
  let key = '';
  for (const value of values) {
    const part = mapKey(value);
    const text = String(part);
    key += `${(typeof part)[0]}${typeof value === 'object' ? (value === null ? 'n' : 'o') : ''}${text.length}:${text}`;
  }
  return key;
}
