import { deepEqual, equal, ok } from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { SqlCase } from '../../src/sql/cases/case.ts';
import { playCase } from '../../src/sql/cases/play-case.ts';
import { sqlErrorCodes } from '../../src/sql/sql-error.ts';
import { playAll } from './runners/sql.ts';

const cases = [...playAll(join(import.meta.dirname, 'sql'))];

for (const { id, note, differences } of cases) {
  test(`${id}: ${note}`, () => equal(differences.join('\n'), ''));
}

test('the cases have been found', () => ok(cases.length >= 300, `${cases.length} cases`));

const errorCases = readFileSync(join(import.meta.dirname, 'sql/cases/errors.jsonl'), 'utf8')
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line) as SqlCase);

const script = 'CREATE STREAM In (a LONG); INSERT INTO Out SELECT a FROM In;';
const right: SqlCase = {
  id: 'right',
  events: [
    { stream: 'In', ts: 5, row: { a: 1 } },
    { stream: 'In', row: { a: 2 } },
  ],
  expect: [
    { stream: 'Out', row: { a: 1 }, ts: 5 },
    { stream: 'Out', row: { a: 2 } },
  ],
};
const wrong: Readonly<Record<string, Partial<SqlCase>>> = {
  'a value': {
    expect: [
      { stream: 'Out', row: { a: 1 } },
      { stream: 'Out', row: { a: 3 } },
    ],
  },
  'a kind of value': {
    expect: [
      { stream: 'Out', row: { a: true } },
      { stream: 'Out', row: { a: 2 } },
    ],
  },
  'a row too few': { expect: [{ stream: 'Out', row: { a: 1 } }] },
  'a row too many': { expect: [1, 2, 3].map((a) => ({ stream: 'Out', row: { a } })) },
  'the order': { expect: [2, 1].map((a) => ({ stream: 'Out', row: { a } })) },
  'a row too many in any order': { order: 'any', expect: [2, 1, 1].map((a) => ({ stream: 'Out', row: { a } })) },
  'a time': {
    expect: [
      { stream: 'Out', row: { a: 1 }, ts: 6 },
      { stream: 'Out', row: { a: 2 } },
    ],
  },
  'a column': { expect: [1, 2].map((a) => ({ stream: 'Out', row: { a, b: null } })) },
  'a type': { schema: { Out: { a: 'INT' } } },
  'a message': { expect_messages: [{ stream: 'Out', text: '{}' }] },
  'a count of what was dropped': { expect_dropped: { In: 1 } },
  'an error that does not come': { error: { code: 'E_TYPE', line: 1, column: 1, message_contains: [] } },
};
test('a case that is right passes, in any order too', () => {
  deepEqual(playCase(right, script), []);
  deepEqual(playCase({ ...right, order: 'any', expect: right.expect!.toReversed() }, script), []);
});
for (const [what, change] of Object.entries(wrong)) {
  test(`a case that is wrong about ${what} is seen to be wrong`, () => {
    equal(playCase({ ...right, ...change }, script).length, 1);
  });
}

test('every error code of the specification is reached by a case or by a test', () => {
  const reached = new Set(errorCases.map(({ error }) => error!.code));
  deepEqual(
    sqlErrorCodes.filter((code) => !reached.has(code)),
    [],
  );
});
