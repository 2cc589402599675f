import type { Json } from '../values/value.ts';

export type Path = readonly (string | number)[];

/** `$`, `.name` and `[n]`; undefined for anything else. */
export function parsePath(text: string): Path | undefined {
  if (!/^\$(\.[^.[\]]+|\[\d{1,9}\])*$/.test(text)) return undefined;
  return [...text.matchAll(/\.([^.[\]]+)|\[(\d+)\]/g)].map(([, name, index]) => name ?? Number(index));
}

/** A member of an object by name, or an element of an array by index from 0; else null. */
export function member(value: Json, key: string | number): Json {
  if (value === null || typeof value !== 'object') return null;
  if (typeof key === 'string') return value instanceof Map ? (value.get(key) ?? null) : null;
  return Array.isArray(value) ? ((value[key] as Json | undefined) ?? null) : null;
}
