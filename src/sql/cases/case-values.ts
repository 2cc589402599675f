import { Buffer } from 'node:buffer';
import { longFromText } from '../values/long.ts';
import type { Json, Value } from '../values/value.ts';

/** A value of a case's row: `{"$long": digits}` and `{"$bytes": base64}` stand for what JSON has no form for. */
export function valueOfCase(value: unknown): Value {
  if (typeof value === 'object' && value !== null) {
    if ('$long' in value) return longFromText(String(value.$long));
    if ('$bytes' in value) return Buffer.from(String(value.$bytes), 'base64');
  }
  return jsonOf(value);
}

/** What JSON.parse gives, in the form that streams carry. */
function jsonOf(value: unknown): Json {
  if (Array.isArray(value)) return value.map(jsonOf);
  if (typeof value === 'object' && value !== null)
    return new Map(Object.entries(value).map(([key, member]) => [key, jsonOf(member)]));
  return value as Json;
}

/** Equal, numbers within the tolerance; `true` is never 1. */
export function isSame(actual: Value, expected: Value, tolerance: number): boolean {
  if (typeof actual === 'number' && typeof expected === 'number')
    return actual === expected || Math.abs(actual - expected) <= tolerance;
  if (actual instanceof Uint8Array) return expected instanceof Uint8Array && Buffer.compare(actual, expected) === 0;
  if (Array.isArray(actual)) {
    return (
      Array.isArray(expected) &&
      actual.length === expected.length &&
      actual.every((element, index) => isSame(element, expected[index], tolerance))
    );
  }
  if (actual instanceof Map) {
    if (!(expected instanceof Map) || actual.size !== expected.size) return false;
    return [...actual].every(([key, member]) => expected.has(key) && isSame(member, expected.get(key), tolerance));
  }
  return actual === expected;
}

/** A value as the report of a difference shows it. */
export function shown(value: Value): string {
  if (value instanceof Uint8Array) return `bytes ${Buffer.from(value).toString('base64')}`;
  return JSON.stringify(value, (_, part: unknown) => {
    if (typeof part === 'bigint') return `long ${part}`;
    return part instanceof Map ? Object.fromEntries(part) : part;
  });
}
