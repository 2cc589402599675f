import { deepEqual, equal, throws } from 'node:assert/strict';
import { test } from 'node:test';
import type { Schema, SchemaType } from '../record/schema.ts';
import { findConverter } from './converters.ts';

function toBytes(converter: string, type: SchemaType | null, value: unknown): Uint8Array | null | undefined {
  const found = findConverter(`org.apache.kafka.connect.converters.${converter}`);
  const schema: Schema | null = type === null ? null : { type, optional: true };
  return found?.make({}, { registry: undefined } as never).toBytes('t', schema, value);
}

const written: readonly (readonly [string, SchemaType, unknown, string])[] = [
  ['BooleanConverter', 'boolean', true, '01'],
  ['BooleanConverter', 'boolean', false, '00'],
  ['ShortConverter', 'int16', 258, '0102'],
  ['ShortConverter', 'int16', -32_768, '8000'],
  ['ShortConverter', 'int16', 32_767, '7fff'],
  ['IntegerConverter', 'int32', -1, 'ffffffff'],
  ['IntegerConverter', 'int32', 2_147_483_647, '7fffffff'],
  ['IntegerConverter', 'int32', -2_147_483_648, '80000000'],
  ['LongConverter', 'int64', 1, '0000000000000001'],
  ['LongConverter', 'int64', 2n ** 63n - 1n, '7fffffffffffffff'],
  ['LongConverter', 'int64', -(2n ** 63n), '8000000000000000'],
  ['FloatConverter', 'float32', 1.5, '3fc00000'],
  ['FloatConverter', 'float32', Number.NaN, '7fc00000'],
  ['FloatConverter', 'float32', Number.NEGATIVE_INFINITY, 'ff800000'],
  ['DoubleConverter', 'float64', -0.1, 'bfb999999999999a'],
  ['DoubleConverter', 'float64', 5e-324, '0000000000000001'],
  ['ByteArrayConverter', 'bytes', Uint8Array.of(0, 255), '00ff'],
  ['ByteArrayConverter', 'bytes', new Uint8Array(), ''],
];

for (const [converter, type, value, hex] of written) {
  test(`${converter} writes ${typeof value === 'bigint' ? `${value}n` : String(value)} as ${hex}, with a schema or none`, () => {
    equal(Buffer.from(toBytes(converter, type, value)!).toString('hex'), hex);
    equal(Buffer.from(toBytes(converter, null, value)!).toString('hex'), hex);
  });
}

const refused: readonly (readonly [string, SchemaType | null, unknown, RegExp])[] = [
  ['BooleanConverter', 'string', 'true', /takes boolean only/],
  ['BooleanConverter', null, 1, /takes boolean only/],
  ['BooleanConverter', 'int8', true, /takes boolean only/],
  ['ShortConverter', 'int32', 1, /takes int16 only/],
  ['ShortConverter', null, '1', /takes int16 only/],
  ['ShortConverter', 'int16', 32_768, /is no int16/],
  ['ShortConverter', 'int16', -32_769, /is no int16/],
  ['IntegerConverter', 'int64', 1, /takes int32 only/],
  ['IntegerConverter', null, 2_147_483_648, /is no int32/],
  ['IntegerConverter', null, 1.5, /is no int32/],
  ['IntegerConverter', null, Number.NaN, /is no int32/],
  ['LongConverter', 'int32', 1, /takes int64 only/],
  ['LongConverter', null, 2n ** 63n, /is no int64/],
  ['LongConverter', null, 0.5, /is no int64/],
  ['LongConverter', null, Number.POSITIVE_INFINITY, /is no int64/],
  ['FloatConverter', 'float64', 1, /takes float32 only/],
  ['FloatConverter', null, true, /takes float32 only/],
  ['DoubleConverter', 'float32', 1, /takes float64 only/],
  ['DoubleConverter', null, {}, /takes float64 only/],
  ['ByteArrayConverter', 'string', 'text', /Invalid schema type for ByteArrayConverter: STRING/],
  ['ByteArrayConverter', null, 'text', /not compatible with objects of type string/],
];

for (const [converter, type, value, message] of refused) {
  test(`${converter} refuses ${typeof value} ${String(value)} with ${type ?? 'no'} schema`, () => {
    throws(() => toBytes(converter, type, value), { code: 'CONVERSION_FAILED', message });
  });
}

test('no value is no bytes for each of them', () => {
  const names = [...new Set(written.map(([converter, type]) => [converter, type] as const))];
  for (const [converter, type] of names) {
    deepEqual([toBytes(converter, type, null), toBytes(converter, null, undefined)], [null, null]);
  }
});
