import { deepEqual, equal, ok } from 'node:assert/strict';
import { test } from 'node:test';
import { describeError, errorCodes, isError, isRetriable, TributaryError } from './errors.ts';

test('an error carries its code, whether to try again, and its cause', () => {
  const cause = new Error('below');
  const error = new TributaryError('TIMEOUT', 'It took too long', { retriable: true, cause });
  deepEqual([error.name, error.code, error.retriable, error.cause], ['TributaryError', 'TIMEOUT', true, cause]);
  ok(error instanceof Error && /TributaryError: It took too long/.test(error.stack!));
  const plain = new TributaryError('USAGE', 'No');
  deepEqual([plain.retriable, 'cause' in plain], [false, false]);
});

test('isError and isRetriable know ours from others', () => {
  const error = new TributaryError('TIMEOUT', 'late', { retriable: true });
  deepEqual([isError(error), isError(error, 'TIMEOUT'), isError(error, 'USAGE')], [true, true, false]);
  deepEqual([isError(new Error('x')), isError({ code: 'TIMEOUT' }), isError(undefined)], [false, false, false]);
  deepEqual([isRetriable(error), isRetriable(new Error('x')), isRetriable({ retriable: true })], [true, false, false]);
});

test('every code is there once, in capitals', () => {
  equal(new Set(errorCodes).size, errorCodes.length);
  for (const code of errorCodes) ok(/^[A-Z]+(_[A-Z]+)*$/.test(code), code);
});

const cycle = new Error('round');
cycle.cause = cycle;

const described: readonly (readonly [name: string, error: unknown, text: string])[] = [
  ['an error', new Error('plain'), 'plain'],
  ['an error without a text', new TypeError(), 'TypeError'],
  ['no error', 'just text', 'just text'],
  ['nothing', undefined, ''],
  ['causes', new Error('a', { cause: new Error('b', { cause: 'c' }) }), 'a: b: c'],
  [
    'a cause that says the same',
    new Error('cannot dial: refused', { cause: new Error('refused') }),
    'cannot dial: refused',
  ],
  ['several lines', new Error('one\n  two\r\nthree'), 'one two three'],
  ['several failures at once', new AggregateError([new Error('v4'), new Error('v6')]), 'v4; v6'],
  ['several failures with a text', new AggregateError([new Error('v4')], 'both failed'), 'both failed'],
  ['a cycle', cycle, 'round'],
];

for (const [name, error, text] of described) {
  test(`describeError: ${name}`, () => equal(describeError(error), text));
}

test('describeError: a long chain of causes is cut', () => {
  let error = new Error('0');
  for (let depth = 1; depth < 100; depth++) error = new Error(`<${depth}>`, { cause: error });
  equal(describeError(error).split(': ').length, 8);
});
