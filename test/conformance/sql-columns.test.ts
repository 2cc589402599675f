/** The conformance cases of SQL with nothing in the columns that no query looks at: what comes out must be the same. */
import { deepEqual, equal } from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { playCase } from '../../src/sql/cases/play-case.ts';
import { Application } from '../../src/sql/plan/application.ts';
import { casesOf } from './runners/sql.ts';

for (const { sqlCase } of casesOf(join(import.meta.dirname, 'sql'))) {
  if (sqlCase.error !== undefined) continue;
  test(`${sqlCase.id}: only the columns that are read`, () => {
    equal(playCase(sqlCase, sqlCase.sql ?? '', { onlyRead: true }).join('\n'), '');
  });
}

function columnsRead(query: string): Record<string, string[] | undefined> {
  const columns = '(a STRING, b LONG, c DOUBLE, d OBJECT, t LONG)';
  const application = new Application(
    `CREATE STREAM S ${columns} WITH (event.time.field = 't'); CREATE STREAM U ${columns}; ${query}`,
    { random: () => 0 },
  );
  const names = (stream: string): string[] | undefined => {
    const read = application.columnsRead(stream);
    return read && [...'abcdt'].filter((_, place) => read.has(place));
  };
  return { S: names('S'), U: names('U') };
}

test('columns count as read wherever a query names them, and only there', () => {
  const wanted: Readonly<Record<string, readonly [S: string, U: string]>> = {
    'INSERT INTO O SELECT a FROM S;': ['at', ''],
    'INSERT INTO O SELECT * FROM U;': ['t', 'abcdt'],
    'INSERT INTO O SELECT a FROM S WHERE b > 1;': ['abt', ''],
    'INSERT INTO O SELECT d.x.y AS y, d->>0 AS z FROM U;': ['t', 'd'],
    'INSERT INTO O SELECT COUNT(*) AS n FROM S WINDOW TUMBLING(1 sec) GROUP BY a HAVING SUM(c) > 1;': ['act', ''],
    'INSERT INTO O SELECT COUNT(*) AS n FROM U WINDOW EXTERNALTIME(t, 1 sec);': ['t', 't'],
    'INSERT INTO O SELECT x.a AS a FROM S AS x WINDOW LENGTH(2) JOIN U AS y WINDOW LENGTH(2) ON x.b = y.c;': [
      'abt',
      'c',
    ],
    'INSERT INTO O SELECT x.a AS l, y.b AS r FROM U AS x WINDOW LENGTH(2) JOIN U AS y WINDOW LENGTH(2) ON TRUE;': [
      't',
      'ab',
    ],
    'INSERT INTO O SELECT x.a AS a FROM PATTERN (x = U -> U[c > 1]);': ['t', 'abcdt'],
    'PARTITION WITH (b OF U) BEGIN INSERT INTO O SELECT a FROM U; END;': ['t', 'ab'],
    'INSERT INTO O SELECT a FROM U; INSERT INTO P SELECT c FROM U;': ['t', 'ac'],
  };
  for (const [query, [S, U]] of Object.entries(wanted)) deepEqual(columnsRead(query), { S: [...S], U: [...U] }, query);
});

test('who listens to a stream gets all its columns', () => {
  const application = new Application('CREATE STREAM S (a LONG, b LONG); INSERT INTO O SELECT a FROM S;', {
    random: () => 0,
  });
  application.subscribe('S', () => {});
  equal(application.columnsRead('S'), undefined);
});
