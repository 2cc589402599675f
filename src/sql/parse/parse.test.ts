import { deepEqual, equal, ok, throws } from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { arbitraryScript } from '../../../test/support/arbitrary-script.ts';
import { seeded, testSeed } from '../../../test/support/random.ts';
import { print } from '../ast/print.ts';
import { SqlError } from '../sql-error.ts';
import { parse } from './parse.ts';

const long = process.env['TEST_LONG'] === '1';

/** The same tree with every place 0. */
function withoutPlaces(node: unknown): unknown {
  return JSON.parse(
    JSON.stringify(node, (key, value) =>
      /^(at|orderAt)$/.test(key) ? 0 : typeof value === 'bigint' ? `${value}n` : value,
    ),
  );
}

test(`what is printed parses to the same tree (seed ${testSeed})`, () => {
  const property = fc.property(arbitraryScript, (script) => {
    deepEqual(withoutPlaces(parse(print(script))), withoutPlaces(script));
  });
  fc.assert(property, { numRuns: long ? 20_000 : 500, seed: testSeed });
});

test(`no input crashes or hangs the parser (seed ${testSeed})`, () => {
  const random = seeded(testSeed);
  const pieces = [
    ...'SELECT FROM WHERE WINDOW TUMBLING GROUP BY HAVING ORDER LIMIT INSERT INTO CREATE STREAM TABLE WITH JOIN ON AS'.split(
      ' ',
    ),
    ...'PATTERN SEQUENCE EVERY WITHIN PARTITION OF BEGIN END CASE WHEN THEN ELSE CAST AND OR NOT IN IS NULL BETWEEN'.split(
      ' ',
    ),
    ...'( ) [ ] , ; . = <> <= -> ->> || + - * / % \' " -- /* */ { } ? ~ 😀 é \0 \n 1 1.5 .5 1e9 1e a b "x" \'s\' sec'.split(
      ' ',
    ),
  ];
  const runs = long ? 1_000_000 : 10_000;
  for (let run = 0; run < runs; run++) {
    const count = 1 + Math.floor(random() * 30);
    const words = Array.from({ length: count }, () => pieces[Math.floor(random() * pieces.length)]!);
    const script = words.join(random() < 0.8 ? ' ' : '');
    try {
      parse(script);
    } catch (error) {
      ok(error instanceof SqlError, `${JSON.stringify(script)}: ${error}`);
      ok(error.line >= 1 && error.column >= 1);
    }
  }
});

test('deep nesting is refused, not a crash', () => {
  for (const [open, close] of [
    ['(', ')'],
    ['NOT ', ''],
    ['- ', ''],
    ['CASE WHEN TRUE THEN ', ' END'],
    ['ABS(', ')'],
  ]) {
    const script = `SELECT ${open!.repeat(20_000)}1${close!.repeat(20_000)} FROM x`;
    throws(() => parse(script), { sqlCode: 'E_SYNTAX' }, open);
  }
});

test('an error shows the line with a caret under the place, and no secret', () => {
  const script = `CREATE STREAM S (a LONG) WITH (\n  "websocket.headers.Authorization" = 'Bearer abc', x y);`;
  throws(
    () => parse(script),
    (error: SqlError) => {
      equal(error.message, "E_SYNTAX at line 2, column 55: expected '=', found 'y'");
      const [, line, caret] = error.explanation.split('\n');
      equal(line, `2 |   "websocket.headers.Authorization" = '**********', x y);`);
      equal(caret!.indexOf('^'), line!.indexOf('y)'));
      return true;
    },
  );
});

test('an empty line at the end is nothing', () => {
  equal(parse('SELECT a FROM x\n').statements.length, 1);
});

test('a stream that is called as an operator is qualified like any other', () => {
  const script = parse('SELECT In.a, In.* FROM In WHERE NOT In.a IN (In.b, 1)');
  equal(print(script), 'SELECT "In"."a", "In".* FROM "In" WHERE NOT (("In"."a") IN ("In"."b", 1));');
});
