import { TributaryError } from '../base/errors.ts';
import type { SchemaType } from '../record/schema.ts';
import type { Converter } from './converter.ts';

/**
 * Converters of one primitive type each: big-endian bytes of a fixed size, as Kafka's serializers write them. A number that
 * the type cannot hold is an error: DataView would wrap it round in silence.
 */
export const shortConverter: Converter = integer('int16', 2, (bytes, value) => bytes.setInt16(0, Number(value)));
export const integerConverter: Converter = integer('int32', 4, (bytes, value) => bytes.setInt32(0, Number(value)));
export const longConverter: Converter = integer('int64', 8, (bytes, value) => bytes.setBigInt64(0, BigInt(value)));
export const floatConverter: Converter = primitive('float32', 4, (bytes, value) => bytes.setFloat32(0, Number(value)));
export const doubleConverter: Converter = primitive('float64', 8, (bytes, value) => bytes.setFloat64(0, Number(value)));

export const booleanConverter: Converter = {
  passes: () => false,
  toBytes(topic, schema, value) {
    if (value === null || value === undefined) return null;
    if ((schema !== null && schema.type !== 'boolean') || typeof value !== 'boolean') throw wrongType(topic, 'boolean');
    return Uint8Array.of(value ? 1 : 0);
  },
};

function integer(type: SchemaType, size: number, write: (bytes: DataView, value: number | bigint) => void): Converter {
  const limit = 2n ** BigInt(size * 8 - 1);
  const fits = (value: number | bigint): boolean =>
    (typeof value === 'bigint' || Number.isInteger(value)) && value >= -limit && value < limit;
  return primitive(type, size, write, fits);
}

function primitive(
  type: SchemaType,
  size: number,
  write: (bytes: DataView, value: number | bigint) => void,
  fits: (value: number | bigint) => boolean = () => true,
): Converter {
  return {
    passes: () => false,
    toBytes(topic, schema, value) {
      if (value === null || value === undefined) return null;
      const isNumber = typeof value === 'number' || typeof value === 'bigint';
      if ((schema !== null && schema.type !== type) || !isNumber) throw wrongType(topic, type);
      if (!fits(value)) throw outOfRange(topic, type);
      const bytes = new Uint8Array(size);
      write(new DataView(bytes.buffer), value);
      return bytes;
    },
  };
}

function wrongType(topic: string, type: SchemaType): TributaryError {
  return new TributaryError(
    'CONVERSION_FAILED',
    `Cannot write a value for topic "${topic}": the converter takes ${type} only`,
  );
}

/** Without the value: payloads stay out of errors. */
function outOfRange(topic: string, type: SchemaType): TributaryError {
  return new TributaryError(
    'CONVERSION_FAILED',
    `Cannot write a value for topic "${topic}": the number is no ${type}, it is out of range or has a fraction`,
  );
}
