import { TributaryError } from '../base/errors.ts';
import type { Converter } from './converter.ts';

/** ByteArrayConverter: bytes go out as they are; anything else is an error. */
export const bytesConverter: Converter = {
  passes: (schema) => schema === null || schema.type === 'bytes',
  toBytes(_topic, schema, value) {
    if (schema !== null && schema.type !== 'bytes') {
      throw new TributaryError(
        'CONVERSION_FAILED',
        `Invalid schema type for ByteArrayConverter: ${schema.type.toUpperCase()}`,
      );
    }
    if (value === null || value === undefined) return null;
    if (!(value instanceof Uint8Array)) {
      throw new TributaryError(
        'CONVERSION_FAILED',
        `ByteArrayConverter is not compatible with objects of type ${typeof value}`,
      );
    }
    return value;
  },
};
