import { deepEqual, ok, throws } from 'node:assert/strict';
import { test } from 'node:test';
import { refusals } from '../../../test/support/sql-refusals.ts';
import type { SqlError } from '../sql-error.ts';
import { check } from './check.ts';

for (const { script, code, line, column, text } of refusals) {
  test(`${code}: ${script.split('\n').at(-1)}`, () => {
    throws(
      () => check(script, { now: () => 0, random: () => 0 }),
      (error: SqlError) => {
        deepEqual([error.sqlCode, error.line, error.column], [code, line, column], error.message);
        ok(error.message.includes(text ?? ''), error.message);
        return true;
      },
    );
  });
}

test('credentials of an address and values of headers are not shown', () => {
  const script = `CREATE STREAM X (a LONG) WITH (type='source', extension='websocket', format='json', "websocket.url"='http://me:secret@x/');`;
  throws(
    () => check(script, { now: () => 0, random: () => 0 }),
    (error: SqlError) => {
      ok(!error.explanation.includes('secret'), error.explanation);
      return true;
    },
  );
});
