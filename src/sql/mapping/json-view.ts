import type { Type } from '../values/type.ts';
import type { Json } from '../values/value.ts';

/** How to look into a parsed message, whoever parsed it. */
export interface JsonView {
  isObject(value: unknown): value is object;
  /** A value that was written otherwise, or that this view cannot hand on as a column's. */
  isInexact(value: unknown, type: Type): boolean;
  /** By name of an object, by index from 0 of an array; undefined where there is none. */
  member(value: unknown, key: string | number): unknown;
  keys(value: object): Iterable<string>;
}

/** What JSON.parse gives. */
export const nativeView: JsonView = {
  isObject: (value): value is object => typeof value === 'object' && value !== null && !Array.isArray(value),
  isInexact(value, type) {
    // What is beyond 2^53 stays beyond it when it is rounded.
    if (typeof value === 'number')
      return type !== 'DOUBLE' && type !== 'FLOAT' && Number.isInteger(value) && !Number.isSafeInteger(value);
    return typeof value === 'object' && value !== null && (type === 'OBJECT' || type === 'STRING');
  },
  member(value, key) {
    if (typeof value !== 'object' || value === null || Array.isArray(value) !== (typeof key === 'number'))
      return undefined;
    return Object.hasOwn(value, key) ? (value as Readonly<Record<string | number, unknown>>)[key] : undefined;
  },
  keys: Object.keys,
};

/** What parseJson gives. */
export const ownView: JsonView = {
  isObject: (value): value is object => value instanceof Map,
  isInexact: () => false,
  member(value, key) {
    if (typeof key === 'string') return value instanceof Map ? (value.get(key) as Json | undefined) : undefined;
    return Array.isArray(value) ? (value[key] as unknown) : undefined;
  },
  keys: (value) => (value as ReadonlyMap<string, Json>).keys(),
};
