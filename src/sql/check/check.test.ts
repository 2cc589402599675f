import { deepEqual, ok, throws } from 'node:assert/strict';
import { test } from 'node:test';
import type { SqlError } from '../sql-error.ts';
import { check } from './check.ts';

/** What the conformance cases leave open: each line is a statement, and how it is refused. */
const streams = `CREATE STREAM In (k STRING, v LONG, d DOUBLE, o OBJECT, b BOOL); CREATE STREAM A (k STRING, x LONG);
CREATE STREAM B (k STRING, y LONG); CREATE TABLE T (k STRING PRIMARY KEY, z LONG);\n`;
const ws = `type='source', extension='websocket', format='json', "websocket.url"='ws://x/'`;

const refused: readonly (readonly [statement: string, code: string, column: number, text?: string])[] = [
  ['SELECT B.y FROM A', 'E_UNKNOWN_STREAM', 8, "did you mean 'A'?"],
  ['SELECT zz.y FROM A', 'E_UNKNOWN_COLUMN', 8],
  ['SELECT A.*, B.* FROM A', 'E_UNKNOWN_STREAM', 13],
  ['SELECT CAST(v AS FLOT) AS x FROM In', 'E_UNKNOWN_TYPE', 18, "did you mean 'FLOAT'?"],
  ['SELECT k FROM In WHERE COUNT(*) > 1', 'E_AGG_CONTEXT', 24, 'WHERE'],
  ['SELECT COUNT(*) AS c FROM In GROUP BY SUM(v)', 'E_AGG_CONTEXT', 39, 'GROUP BY'],
  ['SELECT k FROM A WINDOW LENGTH(1) JOIN B WINDOW LENGTH(1) ON COUNT(*) = 1', 'E_AGG_CONTEXT', 61, 'ON'],
  ['SELECT x FROM A WINDOW SESSION(1 sec) JOIN B WINDOW LENGTH(1) ON A.k = B.k', 'E_JOIN', 24],
  ['SELECT x FROM A WINDOW TUMBLING(1 sec) JOIN B WINDOW TUMBLING(2 sec) ON A.k = B.k', 'E_JOIN', 54],
  ['SELECT x FROM T JOIN A ON A.k = T.k', 'E_JOIN', 15, 'right side'],
  ['SELECT x FROM A JOIN T WINDOW LENGTH(1) ON A.k = T.k', 'E_JOIN', 31],
  ['SELECT A.x AS x FROM A WINDOW LENGTH(1) JOIN A WINDOW LENGTH(1) ON TRUE', 'E_DUPLICATE', 46],
  ['SELECT v FROM In LIMIT 3', 'E_UNBOUNDED', 18, 'LIMIT'],
  ['SELECT v FROM In OFFSET 3', 'E_UNBOUNDED', 18, 'OFFSET'],
  ['SELECT DISTINCT v FROM In', 'E_UNBOUNDED', 1, 'DISTINCT'],
  ['SELECT WINDOW_START() AS s FROM In WINDOW LENGTHBATCH(2)', 'E_WINDOW_ARG', 8],
  ['SELECT v FROM In WHERE WINDOW_END() > 1', 'E_WINDOW_ARG', 24],
  ['SELECT *, COUNT(*) AS c FROM In WINDOW TUMBLING(1 sec)', 'E_GROUP_BY', 8],
  ['SELECT k, COUNT(*) AS c FROM In WINDOW LENGTHBATCH(2) GROUP BY k HAVING v > 1', 'E_GROUP_BY', 73],
  ["SELECT v FROM In WINDOW SORT(2, v, 'up')", 'E_WINDOW_ARG', 36],
  ['SELECT v FROM In WINDOW EXTERNALTIME(k, 1 sec)', 'E_WINDOW_ARG', 38],
  ['SELECT v FROM In WINDOW TUMBLING(-5 sec)', 'E_WINDOW_ARG', 34, 'positive'],
  ['SELECT v FROM In WINDOW LENGTH(2.5)', 'E_WINDOW_ARG', 32, 'whole'],
  ["SELECT v FROM In WINDOW('tumblin', 5 sec)", 'E_UNKNOWN_WINDOW', 25, "did you mean 'TUMBLING'?"],
  ['SELECT NOT v AS x FROM In', 'E_TYPE', 8],
  ['SELECT -k AS x FROM In', 'E_TYPE', 8, 'CAST'],
  ['SELECT k || v AS x FROM In', 'E_TYPE', 10, 'CAST'],
  ["SELECT v LIKE 'a' AS x FROM In", 'E_TYPE', 10],
  ["SELECT v IN (1, 'a') AS x FROM In", 'E_TYPE', 10],
  ['SELECT b BETWEEN TRUE AND FALSE AS x FROM In', 'E_TYPE', 10],
  ['SELECT CASE WHEN v THEN 1 END AS x FROM In', 'E_TYPE', 8],
  ['SELECT COALESCE(k, 1) AS x FROM In', 'E_TYPE', 8],
  ['SELECT k.x AS x FROM In', 'E_TYPE', 9],
  ['SELECT MAX(b) AS x FROM In', 'E_TYPE', 8],
  ['SELECT LENGTH() AS x FROM In', 'E_ARG_COUNT', 8],
  ['SELECT SUM(*) AS x FROM In', 'E_ARG_COUNT', 8],
  ['INSERT INTO T SELECT k FROM A', 'E_INSERT_ARITY', 13],
  ['INSERT INTO Out SELECT k FROM Out', 'E_UNKNOWN_STREAM', 13, 'Declare it'],
  ['PARTITION WITH (zz OF A) BEGIN SELECT x FROM A; END', 'E_UNKNOWN_COLUMN', 17],
  ['SELECT e1.x AS x FROM PATTERN (e1=A -> e1=B)', 'E_DUPLICATE', 43],
  ['SELECT e2.x AS x FROM PATTERN (e1=A[e2.x > 1] -> e2=A)', 'E_UNKNOWN_COLUMN', 37],
  ['SELECT x AS x FROM PATTERN (e1=A -> e2=A)', 'E_AMBIGUOUS_COLUMN', 8],
  ['SELECT e1.x AS x FROM PATTERN (e1=T)', 'E_TABLE', 35],
  [`CREATE STREAM X (a LONG) WITH (extension = 'websocket')`, 'E_OPTION_MISSING', 15, 'type'],
  [`CREATE STREAM X (a LONG) WITH (format = 'json')`, 'E_OPTION_VALUE', 32, 'internal'],
  [`CREATE STREAM X (a LONG) WITH (${ws}, "json.mapping.b" = '$.x')`, 'E_UNKNOWN_COLUMN', 112],
  [`CREATE STREAM X (a LONG) WITH (${ws}, "json.mapping.a" = 'x..y')`, 'E_OPTION_VALUE', 131],
  [`CREATE STREAM X (a LONG) WITH (${ws}, "kafka.topic" = 't')`, 'E_OPTION_UNKNOWN', 112, "extension 'kafka'"],
];

for (const [statement, code, column, text] of refused) {
  test(`${code}: ${statement}`, () => {
    throws(
      () => check(streams + statement, { now: () => 0, random: () => 0 }),
      (error: SqlError) => {
        deepEqual([error.sqlCode, error.line, error.column], [code, 3, column], error.message);
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
