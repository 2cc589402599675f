import { deepEqual, equal, match } from 'node:assert/strict';
import { test } from 'node:test';
import { check } from '../../check/check.ts';
import { cutOf } from './cut.ts';

const trades = `CREATE STREAM T (s STRING NOT NULL, u STRING, n LONG, o OBJECT, t LONG)
  WITH (type = 'source', extension = 'kafka', format = 'json', kafka.topic = 't', kafka.key = 's', event.time.field = 't');`;
const quotes = `CREATE STREAM Q (s STRING NOT NULL, u STRING, p DOUBLE, t LONG)
  WITH (type = 'source', extension = 'kafka', format = 'json', kafka.topic = 'q', event.time.field = 't');`;

function cut(queries: string, isAligned?: (stream: string) => boolean) {
  return cutOf(check(`${trades} ${quotes} ${queries}`, { now: () => 0, random: () => 0 }), isAligned);
}

/** Exchanges as `stream by keys > readers`. */
function exchanges(queries: string, isAligned?: (stream: string) => boolean): string[] {
  const made = cut(queries, isAligned);
  if (made.kind === 'whole') throw new Error(made.reason);
  return made.exchanges.map(
    ({ stream, keys, readers }) =>
      `${stream} by ${keys.map(({ shown }) => shown).join(',') || 'nothing'} > ${[...readers].join(',')}`,
  );
}

const table: readonly (readonly [what: string, queries: string, wanted: readonly string[]])[] = [
  ['rows by themselves', 'SELECT s, n FROM T WHERE n > 1;', []],
  ['rows of a window without groups', 'SELECT u FROM T WINDOW TUMBLING(1 sec);', []],
  ['groups by the record key', 'SELECT s, COUNT(*) AS c FROM T WINDOW TUMBLING(1 sec) GROUP BY s;', []],
  [
    'groups by the record key and more',
    'SELECT s, u, COUNT(*) AS c FROM T WINDOW HOP(2 sec, 1 sec) GROUP BY u, s;',
    [],
  ],
  ['groups by another column', 'SELECT u, COUNT(*) AS c FROM T WINDOW TUMBLING(1 sec) GROUP BY u;', ['T by u > 0']],
  ['running groups', 'SELECT u, COUNT(*) AS c FROM T GROUP BY u;', ['T by u > 0']],
  ['groups of a stream without a record key', 'SELECT s, COUNT(*) AS c FROM Q GROUP BY s;', ['Q by s > 0']],
  ['groups by an expression', 'SELECT o.x AS x, COUNT(*) AS c FROM T GROUP BY o.x;', ['T by x > 0']],
  ['plain columns are enough', 'SELECT COUNT(*) AS c FROM T GROUP BY UPPER(s), u, n;', ['T by u,n > 0']],
  ['no groups', 'SELECT COUNT(*) AS c FROM T WINDOW TUMBLING(1 sec);', ['T by nothing > 0']],
  ['a group by the clock', 'SELECT COUNT(*) AS c FROM T GROUP BY NOW();', ['T by nothing > 0']],
  ['an order', 'SELECT s, COUNT(*) AS c FROM T WINDOW TUMBLING(1 sec) GROUP BY s ORDER BY s;', ['T by nothing > 0']],
  ['distinct', 'SELECT DISTINCT s FROM T WINDOW TUMBLING(1 sec);', ['T by nothing > 0']],
  ['a rate', 'SELECT s FROM T OUTPUT LAST EVERY 5 EVENTS;', ['T by nothing > 0']],
  ['a window that counts', 'SELECT s, SUM(n) AS m FROM T WINDOW LENGTH(5) GROUP BY s;', ['T by nothing > 0']],
  ['sessions of a key', 'SELECT u, COUNT(*) AS c FROM T WINDOW SESSION(1 sec, u) GROUP BY u;', ['T by u > 0']],
  ['sessions of the groups', 'SELECT s, COUNT(*) AS c FROM T WINDOW SESSION(1 sec) GROUP BY s;', []],
  ['a session of everything', 'SELECT COUNT(*) AS c FROM T WINDOW SESSION(1 sec);', ['T by nothing > 0']],
  ['the first of each', 'SELECT u FROM T WINDOW FIRSTUNIQUE(u);', ['T by u > 0']],
  ['the newest of each, in groups of it', 'SELECT s, SUM(n) AS m FROM T WINDOW UNIQUE(s) GROUP BY s;', []],
  [
    'the newest of each, in other groups',
    'SELECT u, SUM(n) AS m FROM T WINDOW UNIQUE(s) GROUP BY u;',
    ['T by nothing > 0'],
  ],
  ['a pattern', 'SELECT e1.n AS a FROM PATTERN (e1=T[n = 1] -> e2=T[n = 2]);', ['T by nothing > 0']],
  [
    'two queries by the same key share an exchange',
    'INSERT INTO A SELECT u, COUNT(*) AS c FROM T GROUP BY u; INSERT INTO B SELECT u, SUM(n) AS c FROM T GROUP BY u;',
    ['T by u > 0,1'],
  ],
  [
    'what is grouped behind a group by the same key is there',
    'INSERT INTO A SELECT u, COUNT(*) AS c FROM T WINDOW TUMBLING(1 sec) GROUP BY u; INSERT INTO B SELECT u, MAX(c) AS m FROM A WINDOW TUMBLING(5 sec) GROUP BY u;',
    ['T by u > 0'],
  ],
  [
    'a key that was renamed is still the key',
    'INSERT INTO A SELECT n, s AS name FROM T WHERE n > 0; INSERT INTO B SELECT name, MAX(n) AS m FROM A GROUP BY name;',
    [],
  ],
  [
    'a key that was changed is not',
    'INSERT INTO A SELECT UPPER(s) AS s, n FROM T; INSERT INTO B SELECT s, MAX(n) AS m FROM A GROUP BY s;',
    ['A by s > 1'],
  ],
  [
    'a stream that two queries write is anywhere',
    'INSERT INTO A SELECT s, n FROM T; INSERT INTO A SELECT s, 1 AS n FROM Q; INSERT INTO B SELECT s, MAX(n) AS m FROM A GROUP BY s;',
    ['A by s > 2'],
  ],
  [
    'all of what is in one part is there',
    'INSERT INTO A SELECT COUNT(*) AS c FROM T; INSERT INTO B SELECT MAX(c) AS m FROM A;',
    ['T by nothing > 0'],
  ],
  [
    'a join by the record key of one side',
    'SELECT T.s AS s, p FROM T WINDOW TIME(1 sec) JOIN Q WINDOW TIME(1 sec) ON T.s = Q.s;',
    ['Q by s > 0'],
  ],
  [
    'a join by another column',
    'SELECT T.u AS s, p FROM T WINDOW TUMBLING(1 sec) JOIN Q WINDOW TUMBLING(1 sec) ON T.u = Q.u;',
    ['T by u > 0', 'Q by u > 0'],
  ],
  [
    'a join grouped by what it is joined by',
    'SELECT T.s AS s, COUNT(*) AS c FROM T WINDOW TIME(1 sec) JOIN Q WINDOW TIME(1 sec) ON T.u = Q.u AND T.s = Q.s GROUP BY T.s;',
    ['Q by s > 0'],
  ],
  [
    'a join grouped by something else',
    'SELECT T.n AS n, COUNT(*) AS c FROM T WINDOW TIME(1 sec) JOIN Q WINDOW TIME(1 sec) ON T.s = Q.s GROUP BY T.n;',
    ['T by nothing > 0', 'Q by nothing > 0'],
  ],
  [
    'a join without an equality',
    'SELECT n FROM T WINDOW TIME(1 sec) JOIN Q WINDOW TIME(1 sec) ON T.n > Q.p;',
    ['T by nothing > 0', 'Q by nothing > 0'],
  ],
  [
    'a stream joined with itself by two keys',
    'SELECT a.n AS n FROM T WINDOW TIME(1 sec) AS a JOIN T WINDOW TIME(1 sec) AS b ON a.u = b.s;',
    ['T by nothing > 0'],
  ],
  [
    'a query behind a left join does not trust the side that may be absent',
    'INSERT INTO A SELECT Q.s AS s, n FROM T WINDOW TIME(1 sec) LEFT JOIN Q WINDOW TIME(1 sec) ON T.s = Q.s; INSERT INTO B SELECT s, COUNT(*) AS c FROM A GROUP BY s;',
    ['Q by s > 0', 'A by s > 1'],
  ],
  [
    'PARTITION by another column, with a query behind it',
    'PARTITION WITH (u OF T) BEGIN INSERT INTO A SELECT u, n FROM T WINDOW LENGTH(2); INSERT INTO B SELECT u, SUM(n) AS m FROM A; END; INSERT INTO C SELECT u, MAX(m) AS m FROM B GROUP BY u;',
    ['T by u > 0', 'B by u > 2'],
  ],
  [
    'PARTITION by the record key',
    'PARTITION WITH (s OF T) BEGIN SELECT s, n FROM T OUTPUT FIRST EVERY 2 EVENTS; END;',
    [],
  ],
];

for (const [what, queries, wanted] of table) test(`exchanges: ${what}`, () => deepEqual(exchanges(queries), wanted));

test('a record key is of no use where the topic has another number of partitions', () => {
  deepEqual(
    exchanges('SELECT s, COUNT(*) AS c FROM T GROUP BY s;', (stream) => stream !== 'T'),
    ['T by s > 0'],
  );
});

test('a record key that may be NULL, or has no text of its own, is of no use', () => {
  for (const column of ['s STRING', 's DOUBLE NOT NULL']) {
    const script = `CREATE STREAM S (${column}) WITH (type = 'source', extension = 'kafka', format = 'json', kafka.topic = 's', kafka.key = 's');
      SELECT s, COUNT(*) AS c FROM S GROUP BY s;`;
    const made = cutOf(check(script, { now: () => 0, random: () => 0 }));
    equal(made.kind === 'parts' && made.exchanges.length, 1, column);
  }
});

const whole: readonly (readonly [queries: string, reason: RegExp])[] = [
  [
    "CREATE STREAM W (a LONG) WITH (type = 'source', extension = 'websocket', format = 'json', websocket.url = 'ws://x/'); SELECT a FROM W;",
    /stream W reads a websocket connection/,
  ],
  ['CREATE TABLE Names (s STRING PRIMARY KEY); INSERT INTO Names SELECT s FROM T;', /table Names/],
  [
    'CREATE STREAM A (n LONG); INSERT INTO A SELECT n FROM T; INSERT INTO A SELECT n + 1 AS n FROM A WHERE n < 3;',
    /query 2 reads.*what it writes itself/,
  ],
  [
    'PARTITION WITH (s OF T) BEGIN SELECT e1.n AS n FROM PATTERN (e1=T -> e2=Q); END;',
    /query 1 reads stream Q under PARTITION without a key/,
  ],
];
for (const [queries, reason] of whole)
  test(`stays whole: ${queries.slice(0, 50)}`, () => {
    const made = cut(queries);
    match(made.kind === 'whole' ? made.reason : 'it was cut', reason);
  });
