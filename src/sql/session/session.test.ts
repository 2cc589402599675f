import { deepEqual, equal, match, throws } from 'node:assert/strict';
import { test } from 'node:test';
import { check } from '../check/check.ts';
import { SqlError } from '../sql-error.ts';
import { type Entered, isComplete, SqlSession } from './session.ts';

const source = (name: string): string =>
  `CREATE STREAM ${name} (k STRING, v LONG) WITH (type = 'source', extension = 'kafka', format = 'json', kafka.topic = '${name}');`;

const texts: readonly (readonly [text: string, complete: boolean])[] = [
  ['', false],
  ['SELECT a FROM b', false],
  ['SELECT a FROM b;', true],
  ["SELECT ';", false],
  ["SELECT 'a;'", false],
  ["SELECT 'a' FROM b -- ;", false],
  ['SELECT 1 /* ; */', false],
  ['SELECT 1 /* ;', false],
  ['SELECT CASE WHEN a THEN 1 END AS x FROM b; -- done', true],
  ['PARTITION WITH (k OF A) BEGIN SELECT a FROM A;', false],
  ['PARTITION WITH (k OF A) BEGIN SELECT a FROM A; END;', true],
];
for (const [text, complete] of texts) {
  test(`${JSON.stringify(text)} is ${complete ? 'whole' : 'not yet whole'}`, () => equal(isComplete(text), complete));
}

function scriptOf(entered: readonly Entered[]): string {
  const [last] = entered.slice(-1);
  equal(last!.kind, 'query');
  return (last as Entered & { readonly kind: 'query' }).script;
}

test('a query runs with what it needs, and with nothing else', () => {
  const session = new SqlSession();
  deepEqual(session.enter(source('A')), [{ kind: 'defined', what: 'stream A' }]);
  session.enter(source('B'));
  deepEqual(session.enter('INSERT INTO Big SELECT k, v FROM A WHERE v > 10;'), [
    { kind: 'defined', what: 'query into Big' },
  ]);
  deepEqual(
    [...check(scriptOf(session.enter('SELECT k FROM Big;')), { now: () => 0, random: () => 0 }).streams.keys()],
    ['A', 'Big', 'OutputStream'],
  );
  match(scriptOf(session.enter('SELECT v FROM B;')), /^CREATE STREAM "B" [^\n]*\nSELECT "v" FROM "B";$/);
  deepEqual([...session.plan.streams.keys()], ['A', 'B', 'Big']); // queries that were only looked at are not kept
});

test('a query into a sink runs at once', () => {
  const session = new SqlSession();
  session.load(
    `${source('A')} CREATE STREAM Out (k STRING) WITH (type = 'sink', extension = 'log', format = 'json'); SELECT k FROM A;`,
  );
  const [entered] = session.enter('INSERT INTO Out SELECT k FROM A;');
  deepEqual([entered!.kind, entered!.kind === 'query' && entered!.shows], ['query', 'Out']);
});

test('an error shows its place in what was entered, whatever stands before', () => {
  const session = new SqlSession();
  session.enter(source('A'));
  throws(
    () => session.enter('SELECT k,\n  😀, w FROM A;'),
    (error: SqlError) => {
      equal(
        error.explanation.split('\n')[0],
        "E_SYNTAX at line 2, column 3: unexpected character '😀', expected an expression",
      );
      return true;
    },
  );
  throws(
    () => session.enter("SELECT k,\n  '😀' AS s, w FROM A;"),
    (error: SqlError) => {
      deepEqual(error.explanation.split('\n'), [
        "E_UNKNOWN_COLUMN at line 2, column 13: unknown column 'w', did you mean 'k'?",
        "2 |   '😀' AS s, w FROM A",
        '                ^',
      ]);
      return true;
    },
  );
  throws(() => session.enter(`${source('B')} ${source('A')}`), { sqlCode: 'E_DUPLICATE' });
  throws(() => session.load('SELECT a FROM b'), SqlError);
});
