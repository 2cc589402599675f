import { equal } from 'node:assert/strict';
import { test } from 'node:test';
import { DATE, DECIMAL_NAME, TIME, TIMESTAMP } from '../record/logical.ts';
import { BYTES, INT32, INT64, type Schema, STRING } from '../record/schema.ts';
import { simpleHeaderConverter } from './simple-header.ts';

const decimal: Schema = { type: 'bytes', optional: false, name: DECIMAL_NAME, parameters: { scale: '2' } };
const struct: Schema = {
  type: 'struct',
  optional: false,
  fields: [
    { name: 'n', schema: INT32 },
    { name: 's', schema: { type: 'string', optional: false, default: 'd' } },
    { name: 'at', schema: TIMESTAMP },
  ],
};
const float32: Schema = { type: 'float32', optional: false };
const float64: Schema = { type: 'float64', optional: false };
const mapOfBytes: Schema = { type: 'map', optional: false, keySchema: STRING, valueSchema: BYTES };

const forms: readonly (readonly [string, Schema | null, unknown, string])[] = [
  ['a text as it is', STRING, 'a "b" \\', 'a "b" \\'],
  ['a text as UTF-8', STRING, Buffer.from('é'), 'é'],
  ['a whole number', INT64, 2n ** 53n, '9007199254740992'],
  ['a double', float64, 1, '1.0'],
  ['a float', float32, 0.10000000149011612, '0.1'],
  ['a boolean', { type: 'boolean', optional: false }, false, 'false'],
  ['bytes', BYTES, Uint8Array.of(1, 2, 255), 'AQL/'],
  ['a decimal', decimal, Uint8Array.of(0xff, 0x85), '-1.23'],
  ['a date', DATE, 1, '1970-01-02'],
  ['a time of the day', TIME, 3_661_007, '01:01:01.007Z'],
  ['a timestamp', TIMESTAMP, 1_600_000_000_123n, '2020-09-13T12:26:40.123Z'],
  ['a list', { type: 'array', optional: false, valueSchema: STRING }, ['a"b', 'c\\'], '["a\\"b","c\\\\"]'],
  ['a list without schema', null, [1, 'x', null, true, [2.5]], '[1,"x",null,true,[2.5]]'],
  ['a map', mapOfBytes, new Map([['k', Uint8Array.of(7)]]), '{"k":"Bw=="}'],
  ['an object without schema', null, { a: 1, b: { c: 'd' } }, '{"a":1,"b":{"c":"d"}}'],
  [
    'a structure, its default, its time',
    struct,
    { n: 1, at: 1_600_000_000_123 },
    '{"n":1,"s":"d","at":2020-09-13T12:26:40.123Z}',
  ],
];

for (const [what, schema, value, text] of forms) {
  test(`a header of ${what}: ${text}`, () => {
    equal(Buffer.from(simpleHeaderConverter().toBytes('t', 'h', schema, value)!).toString(), text);
  });
}

test('a header without value has no bytes', () => {
  equal(simpleHeaderConverter().toBytes('t', 'h', STRING, null), null);
});
