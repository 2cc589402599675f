/**
 * Kafka Connect's logical types, told by a schema's name. A value is always that of the type beneath: days since 1970
 * (Date), milliseconds of the day (Time), milliseconds since 1970 (Timestamp), the bytes of the unscaled number (Decimal).
 */
import type { Schema } from './schema.ts';

export const DECIMAL_NAME = 'org.apache.kafka.connect.data.Decimal';
export const DATE_NAME = 'org.apache.kafka.connect.data.Date';
export const TIME_NAME = 'org.apache.kafka.connect.data.Time';
export const TIMESTAMP_NAME = 'org.apache.kafka.connect.data.Timestamp';

export const DATE: Schema = Object.freeze({ type: 'int32', optional: false, name: DATE_NAME, version: 1 });
export const OPTIONAL_DATE: Schema = Object.freeze({ ...DATE, optional: true });
export const TIME: Schema = Object.freeze({ type: 'int32', optional: false, name: TIME_NAME, version: 1 });
export const OPTIONAL_TIME: Schema = Object.freeze({ ...TIME, optional: true });
export const TIMESTAMP: Schema = Object.freeze({ type: 'int64', optional: false, name: TIMESTAMP_NAME, version: 1 });
export const OPTIONAL_TIMESTAMP: Schema = Object.freeze({ ...TIMESTAMP, optional: true });

export const msPerDay = 86_400_000;

export function scaleOf(schema: Schema): number {
  return Number(schema.parameters?.['scale'] ?? 0);
}

/** Milliseconds since 1970 that a value of Date, Time or Timestamp stands for; undefined for another schema. */
export function epochMsOf(schema: Schema, value: number | bigint): number | undefined {
  switch (schema.name) {
    case DATE_NAME:
      return Number(value) * msPerDay;
    case TIME_NAME:
    case TIMESTAMP_NAME:
      return Number(value);
    default:
      return undefined;
  }
}
