import { DATE_NAME, DECIMAL_NAME, TIME_NAME, TIMESTAMP_NAME } from '../record/logical.ts';
import type { Schema, SchemaType } from '../record/schema.ts';

const byType: Readonly<Record<SchemaType, string>> = {
  int8: 'java.lang.Byte',
  int16: 'java.lang.Short',
  int32: 'java.lang.Integer',
  int64: 'java.lang.Long',
  float32: 'java.lang.Float',
  float64: 'java.lang.Double',
  boolean: 'java.lang.Boolean',
  string: 'java.lang.String',
  bytes: '[B',
  array: 'java.util.ArrayList',
  map: 'java.util.HashMap',
  struct: 'org.apache.kafka.connect.data.Struct',
};

const byName: Readonly<Record<string, string>> = {
  [DECIMAL_NAME]: 'java.math.BigDecimal',
  [DATE_NAME]: 'java.util.Date',
  [TIME_NAME]: 'java.util.Date',
  [TIMESTAMP_NAME]: 'java.util.Date',
};

/** The class that a value would have in Kafka Connect: its error texts name it, and people search for them. */
export function javaClass(schema: Schema | null, value: unknown): string {
  if (value === null || value === undefined) return 'null';
  if (schema !== null) return byName[schema.name ?? ''] ?? byType[schema.type];
  if (value instanceof Date) return 'java.util.Date';
  const type = inferType(value);
  return type === undefined ? typeof value : byType[type];
}

/** The type that Kafka Connect sees in a value without schema; undefined for what its data model does not have. */
export function inferType(value: unknown): SchemaType | undefined {
  switch (typeof value) {
    case 'string':
      return 'string';
    case 'boolean':
      return 'boolean';
    case 'bigint':
      return 'int64';
    case 'number':
      return Number.isInteger(value) && Math.abs(value) < 2 ** 63 ? 'int64' : 'float64';
    case 'object':
      if (value === null || value instanceof Date) return undefined;
      if (value instanceof Uint8Array) return 'bytes';
      return Array.isArray(value) ? 'array' : 'map';
    default:
      return undefined;
  }
}
