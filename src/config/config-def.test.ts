import { deepEqual, doesNotMatch, equal, match, throws } from 'node:assert/strict';
import { test } from 'node:test';
import { isError } from '../base/errors.ts';
import { define, merge, parse, unknownKeys, validate } from './config-def.ts';
import { boolean, className, double, int, list, long, oneOf, password, range, short, string } from './option.ts';

const doc = 'What it is for';

/** What is wrong with one option, given its value (undefined: the key is missing). */
function errorsOf(option: Parameters<typeof define>[0][string], raw: string | null | undefined): readonly string[] {
  const [found] = validate(define({ k: option }), raw === undefined ? {} : { k: raw });
  return found!.errors;
}

const never = (): string => 'never good';

const cases: readonly (readonly [
  name: string,
  option: Parameters<typeof define>[0][string],
  raw: string | null | undefined,
  errors: readonly string[],
])[] = [
  ['a required key is missing', string({ doc }), undefined, [missing()]],
  [
    'a required key with a validator is missing',
    int({ doc, min: 1 }),
    undefined,
    [missing(), wrong('null', nonNull())],
  ],
  ['a key that is there without a value is not missing', string({ doc }), null, []],
  ['a default needs no key', int({ doc, default: 5, min: 1 }), undefined, []],
  ['a default is checked, too', int({ doc, default: 0, min: 1 }), undefined, [wrong('0', 'Value must be at least 1')]],
  ['null by default is no value', int({ doc, default: null, min: 1 }), undefined, []],
  ['the lowest value', int({ doc, min: 1, max: 3 }), '1', []],
  ['the highest value', int({ doc, min: 1, max: 3 }), '3', []],
  ['a value below the bound', int({ doc, min: 1 }), '0', [wrong('0', 'Value must be at least 1')]],
  ['a value above the bound', long({ doc, max: 3 }), '4', [wrong('4', 'Value must be no more than 3')]],
  ['a double below the bound', double({ doc, min: 0.5 }), '0.4', [wrong('0.4', 'Value must be at least 0.5')]],
  [
    'what cannot be parsed is checked as null as well',
    int({ doc, min: 1 }),
    'x',
    [wrong('x', 'Not a number of type INT'), wrong('null', nonNull())],
  ],
  ['what cannot be parsed, without a validator', short({ doc }), ' 70000 ', [wrong(' 70000 ', notA('SHORT'))]],
  ['a boolean that is none', boolean({ doc }), 'yes', [wrong('yes', 'Expected value to be either true or false')]],
  ['one of some words', string({ doc, validate: oneOf(['a', 'b']) }), ' b ', []],
  ['none of the words', string({ doc, validate: oneOf(['a', 'b']) }), 'B', [wrong('B', 'String must be one of: a, b')]],
  ['one of some words, whatever their case', string({ doc, validate: oneOf(['a'], { ignoreCase: true }) }), 'A', []],
  [
    'none of the words, whatever their case',
    string({ doc, validate: oneOf(['a'], { ignoreCase: true }) }),
    'c',
    [wrong('c', 'String must be one of (case insensitive): A')],
  ],
  [
    'the validator of a bounded option runs behind its bounds',
    int({ doc, min: 1, validate: never }),
    '5',
    [wrong('5', 'never good')],
  ],
  [
    'only the first problem of a value is told',
    int({ doc, min: 9, validate: never }),
    '5',
    [wrong('5', 'Value must be at least 9')],
  ],
  ['a list', list({ doc, validate: never }), 'a, b', [wrong('[a, b]', 'never good')]],
  ['an empty list', list({ doc, validate: never }), '', [wrong('[]', 'never good')]],
  ['a class', className({ doc, validate: never }), 'a.B', [wrong('a.B', 'never good')]],
  ['a password is not told', password({ doc, validate: never }), 'canary', [wrong('[hidden]', 'never good')]],
  ['a missing password', password({ doc, validate: never }), undefined, [missing(), wrong('null', 'never good')]],
  ['a problem with a text of its own', string({ doc, validate: () => ({ text: 'All of it' }) }), 'x', ['All of it']],
];

for (const [name, option, raw, errors] of cases) {
  test(`validate: ${name}`, () => deepEqual(errorsOf(option, raw), errors));
}

test('validate: values are parsed, defaults or null, in the order of the definition', () => {
  const definition = define({
    b: int({ doc, default: 3 }),
    a: list({ doc }),
    n: string({ doc, default: null }),
    broken: int({ doc, default: 8 }),
  });
  deepEqual(
    validate(definition, { a: 'x,y', broken: 'z', unknown: '1' }).map(({ name, value }) => [name, value]),
    [
      ['b', 3],
      ['a', ['x', 'y']],
      ['n', null],
      ['broken', null],
    ],
  );
});

test('validate: an inherited name is no value', () => {
  const [found] = validate(define({ toString: string({ doc, default: 'd' }) }), {});
  equal(found!.value, 'd');
});

test('parse: gives the values, or names all that is wrong at once and no password', () => {
  const definition = define({
    url: string({ doc }),
    size: int({ doc, default: 1, min: 1 }),
    key: password({ doc, validate: never }),
  });
  throws(
    () => parse(definition, { size: '0', key: 'canary' }),
    (error) => {
      if (!isError(error, 'CONFIG_INVALID')) return false;
      equal(error.message.split('\n').length, 3);
      match(error.message, /"url"[\s\S]*configuration size[\s\S]*configuration key/);
      doesNotMatch(error.message, /canary/);
      return true;
    },
  );
  const { url, size } = parse(define({ url: string({ doc }), size: int({ doc, default: 1 }) }), { url: ' u ' });
  deepEqual([url, size], ['u', 1]);
});

test('merge: keeps the order, and a name in two definitions is a mistake', () => {
  const one = define({ a: string({ doc }) });
  const two = define({ b: string({ doc }) });
  deepEqual(Object.keys(merge(two, one).options), ['b', 'a']);
  throws(() => merge(one, two, one), /"a" is declared twice/);
});

test('unknownKeys: names the nearest key, and leaves known prefixes alone', () => {
  const definition = define({ 'websocket.url': string({ doc }), topic: string({ doc }) });
  const raw = { 'websocket.ulr': 'x', topic: 't', 'producer.override.acks': 'all', zzzzzz: '1', toString: 'x' };
  deepEqual(unknownKeys(definition, raw, ['producer.override.']), [
    { key: 'websocket.ulr', hint: ' Did you mean "websocket.url"?' },
    { key: 'zzzzzz', hint: '' },
    { key: 'toString', hint: '' },
  ]);
});

test('range: without bounds everything is good but null', () => {
  equal(range(undefined, undefined)(5, 'k'), undefined);
  equal(range(undefined, undefined)(null, 'k'), 'Value must be non-null');
  equal(range(1, 2, true)(null, 'k'), undefined);
});

function missing(): string {
  return 'Missing required configuration "k" which has no default value.';
}

function nonNull(): string {
  return 'Value must be non-null';
}

function notA(type: string): string {
  return `Not a number of type ${type}`;
}

function wrong(value: string, problem: string): string {
  return `Invalid value ${value} for configuration k: ${problem}`;
}
