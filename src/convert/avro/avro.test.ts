/** What we write is read back by another implementation of Avro (avsc), by the schema that we describe. */
import { deepEqual, equal, match, throws } from 'node:assert/strict';
import { test } from 'node:test';
import avsc from 'avsc';
import { DATE, DECIMAL_NAME, OPTIONAL_TIMESTAMP, TIME, TIMESTAMP } from '../../record/logical.ts';
import { OPTIONAL_STRING, type Schema, STRING } from '../../record/schema.ts';
import { avroFormat } from './avro-format.ts';

const format = avroFormat({ metadata: true, scrubNames: false });
const int32: Schema = { type: 'int32', optional: false };
const int64: Schema = { type: 'int64', optional: false };
const decimal: Schema = { type: 'bytes', optional: false, name: DECIMAL_NAME, version: 1, parameters: { scale: '2' } };
const inner: Schema = { type: 'struct', optional: false, name: 'a.b.Inner', fields: [{ name: 'x', schema: int32 }] };

function struct(name: string | undefined, fields: Readonly<Record<string, Schema>>, optional = false): Schema {
  return {
    type: 'struct',
    optional,
    ...(name === undefined ? {} : { name }),
    fields: Object.entries(fields).map(([field, schema]) => ({ name: field, schema })),
  };
}

/** Long values beyond doubles are kept exact by reading longs as bigint. */
const exactLong = avsc.types.LongType.__with({
  fromBuffer: (buffer: Buffer) => buffer.readBigInt64LE(),
  toBuffer: (value: bigint) => {
    const buffer = Buffer.alloc(8);
    buffer.writeBigInt64LE(value);
    return buffer;
  },
  fromJSON: BigInt,
  toJSON: Number,
  isValid: (value: unknown) => typeof value === 'bigint',
  compare: (a: bigint, b: bigint) => (a === b ? 0 : a < b ? -1 : 1),
});

function readBack(schema: Schema, value: unknown): unknown {
  const text = format.describe(schema);
  const bytes = Buffer.from(format.encoder(schema, { id: 258, text })(value));
  deepEqual([...bytes.subarray(0, 5)], [0, 0, 0, 1, 2]);
  const type = avsc.Type.forSchema(JSON.parse(text) as avsc.Schema, {
    registry: { long: exactLong },
    wrapUnions: true,
  });
  return plain(type.fromBuffer(bytes.subarray(5)));
}

/** Without avsc's classes. */
function plain(value: unknown): unknown {
  if (Buffer.isBuffer(value)) return `0x${value.toString('hex')}`;
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, plain(item)]));
}

const cases: readonly (readonly [string, Schema, unknown, unknown])[] = [
  ['a text', STRING, 'grüße', 'grüße'],
  ['a text that nobody decoded', STRING, Buffer.from('grüße'), 'grüße'],
  ['an optional text', OPTIONAL_STRING, 'x', { string: 'x' }],
  ['a boolean', { type: 'boolean', optional: false }, true, true],
  ['a small integer', { type: 'int8', optional: false }, -5, -5],
  ['the smallest int32', int32, -2147483648, -2147483648],
  ['the largest int32', int32, 2147483647, 2147483647],
  ['2^30', int32, 1073741824, 1073741824],
  ['-2^30', int32, -1073741824, -1073741824],
  ['a long', int64, 5000000000, 5000000000n],
  ['the smallest long', int64, -(2n ** 63n), -(2n ** 63n)],
  ['the largest long', int64, 2n ** 63n - 1n, 2n ** 63n - 1n],
  ['a float', { type: 'float32', optional: false }, 1.5, 1.5],
  ['a double', { type: 'float64', optional: false }, -0.1, -0.1],
  ['a list', { type: 'array', optional: false, valueSchema: OPTIONAL_STRING }, ['a', null], [{ string: 'a' }, null]],
  ['an empty list', { type: 'array', optional: false, valueSchema: int32 }, [], []],
  ['a map', { type: 'map', optional: false, keySchema: STRING, valueSchema: int32 }, new Map([['a', 1]]), { a: 1 }],
  [
    'a map by number',
    { type: 'map', optional: false, keySchema: int32, valueSchema: STRING },
    new Map([[1, 'a']]),
    [{ key: 1, value: 'a' }],
  ],
  ['a struct', struct('Trade', { s: STRING, n: OPTIONAL_STRING }), { s: 'x' }, { s: 'x', n: null }],
  ['a struct without a name', struct(undefined, { s: STRING }), { s: 'x' }, { s: 'x' }],
  [
    'the same struct in two places',
    struct('Pair', { a: inner, b: { ...inner, optional: true } }),
    { a: { x: 1 }, b: { x: 2 } },
    { a: { x: 1 }, b: { 'a.b.Inner': { x: 2 } } },
  ],
  [
    'two unnamed structs',
    struct(undefined, { a: struct(undefined, { x: int32 }), b: struct(undefined, { y: STRING }) }),
    { a: { x: 1 }, b: { y: 'z' } },
    { a: { x: 1 }, b: { y: 'z' } },
  ],
  [
    'a default for null',
    struct('D', { n: { type: 'int32', optional: true, default: 7 } }),
    { n: null },
    { n: { int: 7 } },
  ],
  ['a decimal', struct('M', { p: decimal }), { p: Buffer.from([1, 2]) }, { p: '0x0102' }],
  [
    'times',
    struct('T', { d: DATE, t: TIME, ts: TIMESTAMP, o: OPTIONAL_TIMESTAMP }),
    { d: 5, t: 6, ts: 1600000000123, o: null },
    { d: 5, t: 6, ts: 1600000000123, o: null },
  ],
];

for (const [what, schema, value, read] of cases) {
  test(`${what} is read back`, () => deepEqual(readBack(schema, value), read));
}

test('bytes that are the whole value stand bare behind the id', () => {
  const bytes: Schema = { type: 'bytes', optional: false };
  const encoded = format.encoder(bytes, { id: 1, text: format.describe(bytes) })(Buffer.from([9, 8]));
  deepEqual([...encoded], [0, 0, 0, 0, 1, 9, 8]);
});

const descriptions: readonly (readonly [string, Schema, unknown])[] = [
  ['a text', STRING, 'string'],
  ['an optional text', OPTIONAL_STRING, ['null', 'string']],
  [
    'an optional text with a default',
    { ...OPTIONAL_STRING, default: 'x' },
    [{ type: 'string', 'connect.default': 'x' }, 'null'],
  ],
  ['int16', { type: 'int16', optional: false }, { type: 'int', 'connect.type': 'int16' }],
  [
    'a decimal',
    decimal,
    {
      type: 'bytes',
      scale: 2,
      precision: 64,
      'connect.version': 1,
      'connect.parameters': { scale: '2' },
      'connect.name': DECIMAL_NAME,
      logicalType: 'decimal',
    },
  ],
  [
    'a struct',
    {
      ...struct('com.acme.Trade', { s: { ...STRING, doc: 'symbol' }, n: OPTIONAL_STRING }),
      version: 3,
      doc: 'A trade',
    },
    {
      type: 'record',
      name: 'Trade',
      namespace: 'com.acme',
      fields: [
        { name: 's', type: { type: 'string', 'connect.doc': 'symbol' } },
        { name: 'n', type: ['null', 'string'], default: null },
      ],
      'connect.doc': 'A trade',
      'connect.version': 3,
      'connect.name': 'com.acme.Trade',
    },
  ],
  [
    'a struct without a name',
    struct(undefined, {}),
    { type: 'record', name: 'ConnectDefault', namespace: 'io.confluent.connect.avro', fields: [] },
  ],
];

for (const [what, schema, avro] of descriptions) {
  test(`${what} is described as AvroConverter describes it`, () =>
    deepEqual(JSON.parse(format.describe(schema)), avro));
}

test('without metadata a schema says what Avro says', () => {
  const bare = avroFormat({ metadata: false, scrubNames: false });
  equal(bare.describe({ type: 'int8', optional: false, name: 'N' }), '"int"');
});

test('names that Avro cannot have are refused, or scrubbed when asked for', () => {
  const odd = struct('a-b', { 'x.y': STRING, '1z': STRING });
  throws(() => format.describe(odd), /Cannot describe "a-b" in Avro: .*scrub\.invalid\.names/);
  const scrubbing = avroFormat({ metadata: false, scrubNames: true });
  const text = scrubbing.describe(odd);
  match(text, /"name":"a_b".*"name":"x_y".*"name":"_1z"/);
  const bytes = scrubbing.encoder(odd, { id: 1, text })({ 'x.y': 'p', '1z': 'q' });
  deepEqual(plain(avsc.Type.forSchema(JSON.parse(text) as avsc.Schema).fromBuffer(Buffer.from(bytes).subarray(5))), {
    x_y: 'p',
    _1z: 'q',
  });
});

test('a value is written in the form of the schema that is registered: another order, wider numbers, new fields', () => {
  const registered = {
    type: 'record',
    name: 'Trade',
    fields: [
      { name: 'extra', type: ['null', 'string'], default: null },
      { name: 'n', type: 'double' },
      { name: 's', type: ['string', 'null'] },
    ],
  };
  const schema = struct('Trade', { s: STRING, n: int32, unknown: STRING });
  const encode = format.encoder(schema, { id: 1, text: JSON.stringify(registered) });
  const type = avsc.Type.forSchema(registered as avsc.Schema, { wrapUnions: false });
  deepEqual(plain(type.fromBuffer(Buffer.from(encode({ s: 'x', n: 3, unknown: 'y' })).subarray(5))), {
    extra: null,
    n: 3,
    s: 'x',
  });
});

for (const [what, registered, problem] of [
  [
    'a type that does not fit',
    '{"type":"record","name":"T","fields":[{"name":"s","type":"int"}]}',
    /Cannot write "s" as Avro: it is string, the registered schema says int/,
  ],
  [
    'a field that is missing',
    '{"type":"record","name":"T","fields":[{"name":"z","type":"int"}]}',
    /Cannot write "z" as Avro: the record has no such field/,
  ],
  ['no Avro at all', '{', /Cannot use schema 1 of the registry/],
] as const) {
  test(`${what} is an error before the first value`, () => {
    throws(() => format.encoder(struct('T', { s: STRING }), { id: 1, text: registered }), problem);
  });
}

test('a value that its schema does not allow is an error that does not show it', () => {
  const schema = struct('T', { s: int32 });
  const encode = format.encoder(schema, { id: 1, text: format.describe(schema) });
  throws(
    () => encode({ s: 'secret' }),
    (error: Error) => /"s"/.test(error.message) && !/secret/.test(error.message),
  );
  throws(() => encode({ s: null }), /it is null/);
});
