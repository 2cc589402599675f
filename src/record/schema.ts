/** The types of Kafka Connect's data model. */
export type SchemaType =
  | 'int8'
  | 'int16'
  | 'int32'
  | 'int64'
  | 'float32'
  | 'float64'
  | 'boolean'
  | 'string'
  | 'bytes'
  | 'array'
  | 'map'
  | 'struct';

export interface Field {
  readonly name: string;
  readonly schema: Schema;
}

/**
 * A schema of Kafka Connect's data model. How values look for each type:
 * int8..int32, float32, float64: number; int64: bigint or a safe integer; boolean; array: JavaScript array;
 * map: Map; struct: plain object by field name; bytes: Uint8Array;
 * string: a string, or a Uint8Array holding its UTF-8 form (text that nothing has looked at yet is never decoded).
 * A null schema means schemaless: the value is what JSON can say, or a Uint8Array.
 */
export interface Schema {
  readonly type: SchemaType;
  readonly optional: boolean;
  readonly name?: string;
  readonly version?: number;
  readonly doc?: string;
  readonly parameters?: Readonly<Record<string, string>>;
  readonly default?: unknown;
  /** Of a struct. */
  readonly fields?: readonly Field[];
  /** Of a map. */
  readonly keySchema?: Schema;
  /** Of a map or an array. */
  readonly valueSchema?: Schema;
}

export const STRING: Schema = Object.freeze({ type: 'string', optional: false });
export const OPTIONAL_STRING: Schema = Object.freeze({ type: 'string', optional: true });
export const BYTES: Schema = Object.freeze({ type: 'bytes', optional: false });
export const OPTIONAL_BYTES: Schema = Object.freeze({ type: 'bytes', optional: true });
export const INT32: Schema = Object.freeze({ type: 'int32', optional: false });
export const OPTIONAL_INT32: Schema = Object.freeze({ type: 'int32', optional: true });
export const INT64: Schema = Object.freeze({ type: 'int64', optional: false });
export const OPTIONAL_INT64: Schema = Object.freeze({ type: 'int64', optional: true });
