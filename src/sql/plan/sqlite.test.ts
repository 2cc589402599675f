import { deepEqual } from 'node:assert/strict';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import fc from 'fast-check';
import { testSeed } from '../../../test/support/random.ts';
import type { Value } from '../values/value.ts';
import { Application } from './application.ts';

/** The relational part, checked by an engine that shares nothing with ours. Its LIKE is told to look at case. */

const numRuns = process.env['TEST_LONG'] === '1' ? 5000 : 150;

const small = fc.integer({ min: -3, max: 6 });
const key = fc.constantFrom('a', 'b', 'B', 'ab', '', null);
const number = fc.oneof({ weight: 5, arbitrary: small }, { weight: 1, arbitrary: fc.constant(null) });
const row = fc.record({ k: key, v: number, w: number });
type Row = { readonly k: string | null; readonly v: number | null; readonly w: number | null };
const columns = ['k', 'v', 'w'] as const;

const { condition, amount } = fc.letrec<{ condition: string; amount: string }>((tie) => ({
  amount: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.constantFrom('v', 'w', 'NULL'),
    small.map(String),
    fc
      .tuple(tie('amount'), fc.constantFrom('+', '-', '*'), tie('amount'))
      .map(([a, operator, b]) => `(${a} ${operator} ${b})`),
    tie('amount').map((a) => `(1.0 * ${a} / 4)`),
    tie('amount').map((a) => `(- ${a})`),
    // SQLite takes remainders of whole numbers only.
    fc.constantFrom('(v % w)', '(w % 3)', '(-7 % v)'),
    fc
      .tuple(tie('condition'), tie('amount'), tie('amount'))
      .map(([c, a, b]) => `CASE WHEN ${c} THEN ${a} ELSE ${b} END`),
    fc.tuple(tie('amount'), tie('amount')).map(([a, b]) => `COALESCE(${a}, ${b})`),
    fc.constant('LENGTH(k)'),
  ),
  condition: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc
      .tuple(tie('amount'), fc.constantFrom('=', '!=', '<', '<=', '>', '>='), tie('amount'))
      .map(([a, operator, b]) => `(${a} ${operator} ${b})`),
    fc.constantFrom(
      "k = 'a'",
      "k < 'b'",
      "k LIKE 'a%'",
      "k LIKE '_'",
      "k NOT LIKE '%b'",
      "k IN ('a', NULL)",
      "k NOT IN ('b', '')",
    ),
    fc.constantFrom('v IS NULL', 'w IS NOT NULL', 'v IN (1, 2, NULL)', 'v NOT IN (1, w)'),
    fc.tuple(tie('amount'), tie('amount'), tie('amount')).map(([a, b, c]) => `(${a} BETWEEN ${b} AND ${c})`),
    fc
      .tuple(tie('condition'), fc.constantFrom('AND', 'OR'), tie('condition'))
      .map(([a, operator, b]) => `(${a} ${operator} ${b})`),
    tie('condition').map((c) => `(NOT ${c})`),
  ),
}));

/** Numbers with a point that sums may round differently are cut; -0 is 0. */
function plain(value: unknown): unknown {
  if (typeof value === 'boolean') return value ? 1 : 0;
  return typeof value === 'number' ? Number(value.toFixed(9)) + 0 : value;
}

function database(tables: Readonly<Record<string, readonly Row[]>>): DatabaseSync {
  const db = new DatabaseSync(':memory:');
  db.exec('PRAGMA case_sensitive_like = ON');
  for (const [name, rows] of Object.entries(tables)) {
    db.exec(`CREATE TABLE ${name} (k TEXT, v INTEGER, w INTEGER)`);
    const insert = db.prepare(`INSERT INTO ${name} VALUES (?, ?, ?)`);
    for (const { k, v, w } of rows) insert.run(k, v, w);
  }
  return db;
}

function query(db: DatabaseSync, sql: string): unknown[][] {
  return db
    .prepare(sql)
    .all()
    .map((found) => Object.values(found).map(plain));
}

function run(script: string, rows: readonly { readonly stream: string; readonly row: Row }[]): unknown[][] {
  const application = new Application(script, { random: () => 0 });
  const found: unknown[][] = [];
  application.subscribe('Out', ({ values }) => found.push(values.map(plain)));
  for (const { stream, row: values } of rows)
    application.push(
      stream,
      columns.map((name): Value => values[name]),
    );
  application.advance(1000);
  return found;
}

const sorted = (rows: unknown[][]): string[] => rows.map((found) => JSON.stringify(found)).sort();

test(`WHERE and expressions give what SQLite gives (seed ${testSeed})`, () => {
  const property = fc.property(
    fc.array(row, { minLength: 1, maxLength: 8 }),
    condition,
    amount,
    (rows, where, item) => {
      const db = database({ t: rows });
      const select = (from: string): string => `SELECT k, ${item} AS x, ${where} AS y FROM ${from}`;
      const script = `CREATE STREAM t (k STRING, v LONG, w LONG); INSERT INTO Out ${select('t')} WHERE ${where} OR v > 1;`;
      deepEqual(
        run(
          script,
          rows.map((values) => ({ stream: 't', row: values })),
        ),
        query(db, `${select('t')} WHERE ${where} OR v > 1`),
      );
      db.close();
    },
  );
  fc.assert(property, { numRuns, seed: testSeed });
});

test(`groups of a batch give what SQLite gives (seed ${testSeed})`, () => {
  const grouping = fc.constantFrom('k', 'v', 'v % 2', 'w, k');
  const having = fc.constantFrom('', 'HAVING COUNT(*) > 1', 'HAVING SUM(w) > 2 OR n = 1', 'HAVING MIN(v) IS NULL');
  const order = fc.constantFrom(
    '',
    'ORDER BY n DESC, s, hi, c, lo, a, u',
    'ORDER BY n, s DESC, hi, c, lo, a, u LIMIT 2 OFFSET 1',
  );
  const rows = fc.array(row, { minLength: 1, maxLength: 12 });
  const property = fc.property(
    rows,
    condition,
    amount,
    grouping,
    having,
    order,
    (all, where, item, group, gate, sort) => {
      const db = database({ t: all });
      const select = `SELECT COUNT(*) AS n, SUM(v) AS s, MIN(${item}) AS lo, MAX(w) AS hi, AVG(v) AS a, COUNT(DISTINCT w) AS c, SUM(DISTINCT v) AS u FROM t`;
      const rest = `WHERE ${where} GROUP BY ${group} ${gate}`;
      const script = `CREATE STREAM t (k STRING, v LONG, w LONG); INSERT INTO Out ${select} WINDOW LENGTHBATCH(${all.length}) ${rest} ${sort};`;
      // SQLite sorts NULL as least, SQL here as greatest.
      const nulls = sort.replace(/(\w+)( DESC)?(?=,| LIMIT|$)/g, (text, _, descending) =>
        /^\d/.test(text) ? text : `${text} NULLS ${descending === undefined ? 'LAST' : 'FIRST'}`,
      );
      const expected = query(db, `${select} ${rest} ${nulls.replace(/OFFSET (\d) NULLS LAST/, 'OFFSET $1')}`);
      const actual = run(
        script,
        all.map((values) => ({ stream: 't', row: values })),
      );
      if (sort === '') deepEqual(sorted(actual), sorted(expected));
      else deepEqual(actual, expected);
      db.close();
    },
  );
  fc.assert(property, { numRuns, seed: testSeed });
});

test(`joins of windows give what SQLite gives (seed ${testSeed})`, () => {
  const type = fc.constantFrom('INNER', 'LEFT', 'RIGHT', 'FULL');
  const on = fc.constantFrom(
    'l.k = r.k',
    'l.v = r.w',
    'l.k = r.k AND l.v < r.v',
    'l.v > r.v',
    'l.v + 1 = r.w AND r.k != l.k',
    'l.k = r.k OR l.v = r.v',
  );
  const rows = fc.array(row, { maxLength: 7 });
  const property = fc.property(rows, rows, type, on, (left, right, kind, equal) => {
    const db = database({ l: left, r: right });
    const select = 'SELECT l.k AS a, l.v AS b, r.k AS c, r.v AS d, r.w AS e';
    const script = `CREATE STREAM l (k STRING, v LONG, w LONG); CREATE STREAM r (k STRING, v LONG, w LONG);
      INSERT INTO Out ${select} FROM l WINDOW TUMBLING(1 sec) ${kind} JOIN r WINDOW TUMBLING(1 sec) ON ${equal};`;
    const pushed = [
      ...left.map((values) => ({ stream: 'l', row: values })),
      ...right.map((values) => ({ stream: 'r', row: values })),
    ];
    deepEqual(sorted(run(script, pushed)), sorted(query(db, `${select} FROM l ${kind} JOIN r ON ${equal}`)));
    db.close();
  });
  fc.assert(property, { numRuns, seed: testSeed });
});
