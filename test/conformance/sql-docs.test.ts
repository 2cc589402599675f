/** docs/sql.md against the code. */
import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import { checkScript } from '../../src/app/sql-files.ts';
import { aggregateFunctions } from '../../src/sql/functions/aggregates.ts';
import { plainName, scalarFunctions } from '../../src/sql/functions/functions.ts';
import { sqlErrorCodes } from '../../src/sql/sql-error.ts';
import { readDocument, withTables } from '../support/sql-docs.ts';

const text = readDocument();

test('the tables of options are those of the code (node test/support/sql-docs.ts writes them)', () => {
  equal(text, withTables(text));
});

test('every error code and every function has its place', () => {
  const words = new Set(text.match(/[A-Z][A-Z0-9_]+/g)!.flatMap((word) => [word, plainName(word)]));
  deepEqual(
    sqlErrorCodes.filter((code) => !words.has(code)),
    [],
  );
  const functions = [...scalarFunctions, ...aggregateFunctions];
  // One of its names is enough.
  deepEqual(
    functions.filter(({ names }) => !names.some((name) => words.has(plainName(name)))).map(({ names }) => names[0]),
    [],
  );
});

test('the script that it begins with is right', () => {
  const [, script] = /```sql\n([\s\S]*?)```/.exec(text)!;
  deepEqual([...checkScript(script!).streams.keys()], ['Trades', 'Vwap']);
});
