import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import type { OptionType } from './option.ts';
import { parseValue, showValue } from './parse-value.ts';

const good: readonly (readonly [type: OptionType, raw: unknown, value: unknown])[] = [
  ['BOOLEAN', 'true', true],
  ['BOOLEAN', ' False\t', false],
  ['BOOLEAN', true, true],
  ['STRING', '  a b ', 'a b'],
  ['STRING', '', ''],
  ['STRING', 5, '5'],
  ['STRING', true, 'true'],
  ['PASSWORD', ' secret ', 'secret'],
  ['CLASS', ' a.B ', 'a.B'],
  ['INT', ' 7 ', 7],
  ['INT', '+7', 7],
  ['INT', '-0', 0],
  ['INT', '007', 7],
  ['INT', 7, 7],
  ['INT', '2147483647', 2 ** 31 - 1],
  ['INT', '-2147483648', -(2 ** 31)],
  ['SHORT', '32767', 32_767],
  ['SHORT', '-32768', -32_768],
  ['LONG', '9007199254740991', Number.MAX_SAFE_INTEGER],
  ['LONG', '9223372036854775807', 2 ** 63],
  ['LONG', '-9223372036854775808', -(2 ** 63)],
  ['DOUBLE', '1', 1],
  ['DOUBLE', '-1.5e3', -1500],
  ['DOUBLE', '.5', 0.5],
  ['DOUBLE', '5.', 5],
  ['DOUBLE', '1d', 1],
  ['DOUBLE', 'Infinity', Number.POSITIVE_INFINITY],
  ['DOUBLE', 'NaN', Number.NaN],
  ['LIST', '', []],
  ['LIST', '  ', []],
  ['LIST', 'a', ['a']],
  ['LIST', ' a , b,c ', ['a', 'b', 'c']],
  ['LIST', 'a,,b,', ['a', '', 'b', '']],
  ['LIST', ['a', 2], ['a', '2']],
];

for (const [type, raw, value] of good) {
  test(`${type}: ${JSON.stringify(raw)} is ${JSON.stringify(value)}`, () => {
    deepEqual(parseValue(type, raw), { ok: true, value });
  });
}

const types: readonly OptionType[] = [
  'BOOLEAN',
  'STRING',
  'INT',
  'SHORT',
  'LONG',
  'DOUBLE',
  'LIST',
  'CLASS',
  'PASSWORD',
];

for (const type of types) {
  test(`${type}: null is no value`, () => {
    deepEqual(parseValue(type, null), { ok: true, value: null });
    deepEqual(parseValue(type, undefined), { ok: true, value: null });
  });

  test(`${type}: an object is none, and neither is a list but for LIST`, () => {
    deepEqual(parseValue(type, { a: 1 }), { ok: false, problem: `Expected a ${type.toLowerCase()}` });
    equal(parseValue(type, ['a']).ok, type === 'LIST');
  });
}

const bad: readonly (readonly [type: OptionType, raws: readonly unknown[], problem: string])[] = [
  ['BOOLEAN', ['', 'yes', '1', 'tru e', 1], 'Expected value to be either true or false'],
  ['INT', ['', 'x', '1.0', '1e3', '0x10', '1 000', '1_000', '2147483648', '-2147483649', 1.5, true], 'INT'],
  ['SHORT', ['32768', '-32769', 'a'], 'SHORT'],
  ['LONG', ['9223372036854775808', '-9223372036854775809', '1L', ''], 'LONG'],
  ['DOUBLE', ['', '1,5', '1e', 'e5', '.', 'one', '--1'], 'DOUBLE'],
];

for (const [type, raws, problem] of bad) {
  for (const raw of raws) {
    test(`${type}: ${JSON.stringify(raw)} cannot be parsed`, () => {
      const said = problem === type ? `Not a number of type ${type}` : problem;
      deepEqual(parseValue(type, raw), { ok: false, problem: said });
    });
  }
}

const shown: readonly (readonly [type: OptionType, value: unknown, text: string | null])[] = [
  ['STRING', null, null],
  ['STRING', undefined, null],
  ['PASSWORD', null, null],
  ['PASSWORD', 'secret', '[hidden]'],
  ['PASSWORD', '', '[hidden]'],
  ['LIST', [], ''],
  ['LIST', ['a', 'b'], 'a,b'],
  ['BOOLEAN', false, 'false'],
  ['INT', -5, '-5'],
  ['LONG', 604_800_000, '604800000'],
  ['LONG', 2 ** 63, '9223372036854775807'],
  ['LONG', -(2 ** 63), '-9223372036854775808'],
  ['DOUBLE', 1, '1.0'],
  ['DOUBLE', 0.25, '0.25'],
  ['DOUBLE', 1e7, '1.0E7'],
  ['DOUBLE', -12_345_678.5, '-1.23456785E7'],
  ['DOUBLE', 0.0005, '5.0E-4'],
  ['DOUBLE', 9_999_999, '9999999.0'],
  ['DOUBLE', Number.POSITIVE_INFINITY, 'Infinity'],
  ['DOUBLE', Number.NaN, 'NaN'],
  ['DOUBLE', -0, '-0.0'],
];

for (const [type, value, text] of shown) {
  test(`${type}: ${String(value)} is shown as ${text}`, () => equal(showValue(type, value), text));
}
