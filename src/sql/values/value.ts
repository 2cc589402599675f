import type { Long } from './long.ts';

/** A JSON value. Objects are maps, so that their members keep their order whatever they are called; integers are exact. */
export type Json = null | boolean | Long | string | readonly Json[] | JsonObject;

export interface JsonObject extends ReadonlyMap<string, Json> {}

/** A value of any SQL type; NULL is null. Which of these it is, the column's type says. */
export type Value = Json | Uint8Array;

export type Values = readonly Value[];

export interface Row {
  readonly values: Values;
  /** Milliseconds since 1970. */
  readonly timestamp: number;
}

/** What an expression can see while it is evaluated. One object for each query, filled anew for each row or group. */
export interface Frame {
  values: Values;
  timestamp: number;
  /** Results of the query's aggregates, for expressions behind the aggregation. */
  aggregates: Values;
  /** The group's key, in batches. */
  keys: Values;
  /** The row's selected columns, for HAVING and ORDER BY. */
  outputs: Values;
  windowStart: number;
  windowEnd: number;
}

export type Evaluate = (frame: Frame) => Value;

export function newFrame(): Frame {
  return { values: [], timestamp: 0, aggregates: [], keys: [], outputs: [], windowStart: 0, windowEnd: 0 };
}
