import { deepEqual, equal, ok } from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { test } from 'node:test';
import fc from 'fast-check';
import { fuzzRuns, seeded, testSeed } from '../../../test/support/random.ts';
import type { Column } from '../check/scope.ts';
import { textFromBytes } from '../values/cast.ts';
import { decimalOf } from '../values/decimal-bytes.ts';
import { types } from '../values/type.ts';
import type { Value } from '../values/value.ts';
import { jsonBytesMapper } from './json-bytes-mapper.ts';
import { jsonMapper } from './json-mapper.ts';
import { findsOf } from './json-targets.ts';

const names = ['s', 'S', 'p', 'price', 'Price', 'a', 'é', '', 'k', '0', '__proto__', 'a.b'];
const paths = ['$', '$.a', '$.a.b', '$.a[0]', '$.a[1].b', '$.p', '$.Price', '$[0]', '$.a.b.s', '$.é'];

const column = fc.record({
  name: fc.constantFrom(...names),
  type: fc.constantFrom(...types),
  path: fc.option(fc.constantFrom(...paths), { freq: 2, nil: undefined }),
});
const columnSets = fc.uniqueArray(column, { selector: ({ name }) => name, minLength: 1, maxLength: 5 });

/** Values as they are written: the forms of numbers that differ from what JSON.stringify gives are the point. */
const number = fc.oneof(
  fc.constantFrom('0', '-0', '1e2', '4.0', '0.10', '9007199254740993', '-9223372036854775808', '9223372036854775808'),
  fc.constantFrom('1E-7', '123456789.123456', '0.1234567890123456', '1e400', '100000000000000000000', '2147483648'),
  fc.integer().map(String),
  fc.maxSafeInteger().map(String),
  fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => JSON.stringify(value)),
  fc.tuple(fc.integer({ min: -100_000, max: 100_000 }), fc.nat(99)).map(([whole, part]) => `${whole}.${part}`),
);
const text = fc.oneof(
  number.map((value) => `"${value}"`),
  fc.constantFrom(
    '"+5"',
    '" 7 "',
    '"5."',
    '".5"',
    '"true"',
    '"no"',
    '"AAH/"',
    '"\\u0041"',
    '"\\"\\\\"',
    '"é"',
    '"\\ud800"',
  ),
  fc.constantFrom('"a long text without anything odd in it"', '"BTCUSDT"', '"\\x"', '"\u0001"', '"-"', '"."', '""'),
  fc.string({ unit: 'grapheme' }).map((value) => JSON.stringify(value)),
);
const key = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.constantFrom(...names, 'b', 'PRICE', 'pRice', 'B', 'É').map((name) => JSON.stringify(name)),
  },
  { weight: 1, arbitrary: fc.constantFrom('"\\u0073"', '"\u212a"', '"an unknown key"') },
);
const blank = fc.constantFrom('', '', '', ' ', '\n\t ');
const { value: json } = fc.letrec<{ value: string; object: string; array: string }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small' },
    fc.oneof(number, text, fc.constantFrom('true', 'false', 'null')),
    tie('object'),
    tie('array'),
  ),
  object: fc
    .tuple(fc.array(fc.tuple(key, blank, tie('value')), { maxLength: 8 }), blank)
    .map(
      ([members, space]) => `{${members.map(([name, gap, value]) => `${gap}${name}${gap}:${gap}${value}`)}${space}}`,
    ),
  array: fc
    .tuple(fc.array(tie('value'), { maxLength: 4 }), blank)
    .map(([elements, gap]) => `[${gap}${elements}${gap}]`),
}));
const object = fc
  .array(fc.tuple(key, blank, json), { maxLength: 8 })
  .map((members) => `{${members.map(([name, gap, value]) => `${name}${gap}:${gap}${value}`)}}`);

type ColumnSet = readonly (Column & { readonly path: string | undefined })[];

const around = Buffer.from('1"}');

function mappersOf(columns: ColumnSet, used?: ReadonlySet<number>) {
  const options = new Map(
    columns.flatMap(({ name, path }) => (path === undefined ? [] : [[`json.mapping.${name}`, path]])),
  );
  const finds = findsOf(columns, options as Map<string, string>);
  const scan = jsonBytesMapper(columns, finds, used);
  // In the midst of others, as messages lie in a batch: what stands before and behind it must make no difference.
  const fast = (message: Buffer) => scan?.(Buffer.concat([around, message, around]), 3, 3 + message.length);
  return { full: jsonMapper(columns, finds), fast };
}

/** Zeros are equal whatever their sign, and written alike. */
function unsigned(value: Value): Value {
  return value === 0 ? 0 : value;
}

function checkSame(columns: ColumnSet, bytes: Buffer): boolean {
  const { full, fast } = mappersOf(columns);
  const values = fast(bytes);
  if (values === undefined) return false;
  const whole = textFromBytes(bytes);
  ok(whole !== null, 'the message is not UTF-8, but was taken');
  const { rows, dropped } = full(whole);
  deepEqual([values.map(unsigned), 0], [rows[0]?.map(unsigned), dropped]);
  return true;
}

test(`a row made from bytes is the row that the full parser makes (seed ${testSeed})`, () => {
  let taken = 0;
  let all = 0;
  const property = fc.property(columnSets, fc.oneof(object, object, json), (columns, message) => {
    all++;
    if (checkSame(columns, Buffer.from(message))) taken++;
  });
  fc.assert(property, { seed: testSeed, numRuns: fuzzRuns(1500) });
  // Messages with a value that does not fit its column are for the full parser, which says so.
  ok(taken > all / 10, `only ${taken} of ${all} messages were read from their bytes`);
});

test(`damaged messages are never taken for something that the full parser would refuse (seed ${testSeed})`, () => {
  const random = seeded(testSeed);
  const any = (count: number): number => Math.floor(random() * count);
  const property = fc.property(columnSets, object, (columns, message) => {
    const bytes = Buffer.from(message);
    for (let i = 0; i < 10; i++) {
      const damaged = Buffer.from(bytes);
      damaged[any(damaged.length)] = random() < 0.5 ? any(256) : '"\\{}[]:,0-.eE \u0001é'.charCodeAt(any(17));
      checkSame(columns, random() < 0.3 ? damaged.subarray(0, any(damaged.length)) : damaged);
    }
  });
  fc.assert(property, { seed: testSeed, numRuns: fuzzRuns(300) });
});

test(`what other messages had for keys makes no difference (seed ${testSeed})`, () => {
  // Few keys in many orders, so that some are where they were, and some only nearly.
  const member = fc.tuple(fc.constantFrom('"a"', '"s"', '"S"', '"p"', '"price"', '"Price"', '"é"', '"0"'), blank, json);
  const message = fc
    .array(member, { maxLength: 5 })
    .map((members) => `{${members.map(([name, gap, value]) => `${name}${gap}:${value}`)}}`);
  const property = fc.property(columnSets, fc.array(message, { minLength: 2, maxLength: 6 }), (columns, messages) => {
    const { fast } = mappersOf(columns);
    for (const each of [...messages, ...messages])
      deepEqual(fast(Buffer.from(each)), mappersOf(columns).fast(Buffer.from(each)), each);
  });
  fc.assert(property, { seed: testSeed, numRuns: fuzzRuns(200) });
});

test('a column of a key that is where it was is found, and one of another case is not taken for it', () => {
  const columns = [
    { name: 'price', type: 'LONG', path: undefined },
    { name: 'b', type: 'LONG', path: '$.a.b' },
  ] as const;
  const { fast } = mappersOf(columns);
  for (let turn = 0; turn < 2; turn++) {
    deepEqual(fast(Buffer.from('{"price":1,"a":{"b":2}}')), [1, 2]);
    deepEqual(fast(Buffer.from('{"PRICE":3,"a":{"c":2}}')), [3, null]);
    deepEqual(fast(Buffer.from('{"PRICE":3,"price":4,"a":{"b" :5}}')), [4, 5]);
    equal(fast(Buffer.from('{"PRICE":3,"Price":4}')), undefined);
    equal(fast(Buffer.from('{"price"')), undefined);
  }
});

test(`columns that nobody reads are checked all the same (seed ${testSeed})`, () => {
  const property = fc.property(columnSets, object, fc.nat(31), (columns, message, mask) => {
    const used = new Set(columns.flatMap((_, index) => (((mask >> index) & 1) === 1 ? [index] : [])));
    const all = mappersOf(columns).fast(Buffer.from(message));
    const some = mappersOf(columns, used).fast(Buffer.from(message));
    if (all === undefined) equal(some, undefined);
    else for (const index of used) deepEqual(some?.[index], all[index]);
  });
  fc.assert(property, { seed: testSeed, numRuns: fuzzRuns(500) });
});

test(`decimals are read as Number() reads them, or not at all (seed ${testSeed})`, () => {
  const property = fc.property(fc.oneof(number, fc.stringMatching(/^[-+]?[0-9]{0,16}[.]?[0-9]{0,8}$/)), (written) => {
    const value = decimalOf(Buffer.from(`x${written}y`), 1, written.length + 1);
    if (!Number.isNaN(value)) equal(value, Number(written));
  });
  fc.assert(property, { seed: testSeed, numRuns: fuzzRuns(2000) });
  equal(decimalOf(Buffer.from('123456.7890123'), 0, 14), 123456.7890123);
  equal(decimalOf(Buffer.from('1700000000123'), 0, 13), 1700000000123);
});

test('a usual message is read from its bytes, whatever the order of its keys', () => {
  const columns = [
    { name: 's', type: 'STRING', path: undefined },
    { name: 'p', type: 'DOUBLE', path: undefined },
    { name: 'T', type: 'LONG', path: undefined },
    { name: 'deep', type: 'BOOL', path: '$.o.list[1].flag' },
  ] as const;
  const { fast } = mappersOf(columns);
  deepEqual(
    fast(Buffer.from('{"e":"trade","s":"BTCUSDT","p":"42000.10","T":1700000000123,"o":{"list":[0,{"flag":true}]}}')),
    ['BTCUSDT', 42000.1, 1700000000123, true],
  );
  deepEqual(fast(Buffer.from(' { "T" : 5 , "S" : "x", "o" : {"list":[]}, "p" : 1.5 } ')), ['x', 1.5, 5, null]);
  equal(fast(Buffer.from('{"s":"x","p":"none"}')), undefined);
});
