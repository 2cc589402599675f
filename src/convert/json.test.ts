import { equal, throws } from 'node:assert/strict';
import { test } from 'node:test';
import { BYTES, OPTIONAL_STRING, type Schema, STRING } from '../record/schema.ts';
import { jsonConverter } from './json.ts';

const int32: Schema = { type: 'int32', optional: false };
const struct: Schema = {
  type: 'struct',
  optional: false,
  name: 'Event',
  doc: 'An event',
  fields: [
    { name: 'event', schema: { type: 'string', optional: false, doc: 'Its class' } },
    { name: 'id', schema: OPTIONAL_STRING },
  ],
};
const decimal: Schema = {
  type: 'bytes',
  optional: false,
  name: 'org.apache.kafka.connect.data.Decimal',
  parameters: { scale: '2' },
};

const table: readonly (readonly [string, Schema | null, unknown, string])[] = [
  ['a struct', struct, { event: 'tick', id: null }, '{"event":"tick","id":null}'],
  ['an array', { type: 'array', optional: false, valueSchema: int32 }, [1, 2], '[1,2]'],
  [
    'a map by text',
    { type: 'map', optional: false, keySchema: STRING, valueSchema: int32 },
    new Map([['a', 1]]),
    '{"a":1}',
  ],
  [
    'a map by number',
    { type: 'map', optional: false, keySchema: int32, valueSchema: int32 },
    new Map([[1, 2]]),
    '[[1,2]]',
  ],
  ['bytes', BYTES, Buffer.from([1, 2, 255]), '"AQL/"'],
  ['a big integer', { type: 'int64', optional: false }, 9007199254740993n, '9007199254740993'],
  ['NaN', { type: 'float64', optional: false }, Number.NaN, '"NaN"'],
  ['what JSON can say, without a schema', null, { a: [1, null, 'x'], b: true }, '{"a":[1,null,"x"],"b":true}'],
  ['a default for null', { ...int32, default: 7 }, null, '7'],
];

for (const [what, schema, value, json] of table) {
  test(`${what} becomes ${json}`, () => {
    const converter = jsonConverter({ 'schemas.enable': 'false' });
    equal(Buffer.from(converter.toBytes('t', schema, value)!).toString(), json);
  });
}

test('the envelope holds the schema with its members in order', () => {
  const bytes = jsonConverter({}).toBytes('t', struct, { event: 'tick', id: '1' });
  equal(
    Buffer.from(bytes!).toString(),
    '{"schema":{"type":"struct","fields":[{"type":"string","optional":false,"doc":"Its class","field":"event"},' +
      '{"type":"string","optional":true,"field":"id"}],"optional":false,"name":"Event","doc":"An event"},' +
      '"payload":{"event":"tick","id":"1"}}',
  );
});

test('decimals are bytes, or numbers when asked for', () => {
  const value = Buffer.from([0xff, 0x85]); // -123
  equal(Buffer.from(jsonConverter({ 'schemas.enable': 'false' }).toBytes('t', decimal, value)!).toString(), '"/4U="');
  const numeric = jsonConverter({ 'schemas.enable': 'false', 'decimal.format': 'numeric' });
  equal(Buffer.from(numeric.toBytes('t', decimal, value)!).toString(), '-1.23');
});

test('no value and no schema is no value', () => equal(jsonConverter({}).toBytes('t', null, null), null));

test('a value that its schema does not allow is a conversion error that does not show it', () => {
  throws(
    () => jsonConverter({}).toBytes('trades', int32, 'secret'),
    (error: Error) => /topic "trades"/.test(error.message) && !/secret/.test(`${error.message} ${error.cause}`),
  );
});
