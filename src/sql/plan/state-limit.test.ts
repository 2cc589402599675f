/** Every kind of state, filled past a small limit: what is kept stays within it, and what did not fit is counted. */
import { equal, ok } from 'node:assert/strict';
import { test } from 'node:test';
import { Application } from './application.ts';

const maxState = 10;
const rowCount = 300;

const distinct = 'COUNT(DISTINCT v) AS n, DISTINCT_COUNT(v) AS m, SUM(DISTINCT d) AS s';
const forever = 'k, MAX_FOREVER(v) AS hi, MIN_FOREVER(v) AS lo';
const plain = 'k, SUM(v) AS s, LAST(d) AS l';
const windows = [
  '',
  'WINDOW TUMBLING(1 hour)',
  'WINDOW TIMEBATCH(1 hour)',
  'WINDOW EXTERNALTIMEBATCH(v, 1 hour)',
  'WINDOW HOP(1 hour, 1 min)',
  'WINDOW SESSION(1 hour, k)',
  'WINDOW LENGTHBATCH(1000000)',
  'WINDOW LENGTH(1000000)',
  'WINDOW TIME(1 hour)',
  'WINDOW EXTERNALTIME(v, 1 hour)',
  'WINDOW UNIQUE(v)',
  'WINDOW FIRSTUNIQUE(v)',
  'WINDOW SORT(1000000, v)',
];
/** Windows so small that their rows always fit: what fills the state is what the aggregates keep. */
const small = ['WINDOW LENGTH(2)', 'WINDOW LENGTHBATCH(1)', 'WINDOW SORT(2, v)', 'WINDOW TIME(1 ms)'];

const queries: Readonly<Record<string, string>> = {
  ...Object.fromEntries(
    windows.map((window) => [`distinct values ${window}`, `SELECT ${distinct} FROM Feed ${window}`]),
  ),
  ...Object.fromEntries(
    windows.map((window) => [`groups ${window}`, `SELECT ${plain} FROM Feed ${window} GROUP BY k`]),
  ),
  ...Object.fromEntries(
    [...windows, ...small].map((window) => [
      `groups that never reset ${window}`,
      `SELECT ${forever} FROM Feed ${window} GROUP BY k`,
    ]),
  ),
  'rows of TUMBLING': 'SELECT k FROM Feed WINDOW TUMBLING(1 hour)',
  'rows of HOP': 'SELECT k FROM Feed WINDOW HOP(1 hour, 1 min)',
  'rows of SESSION': 'SELECT k FROM Feed WINDOW SESSION(1 hour, k)',
  'rows of LENGTHBATCH': 'SELECT k FROM Feed WINDOW LENGTHBATCH(1000000)',
  'rows of DELAY': 'SELECT k FROM Feed WINDOW DELAY(1 hour)',
  'rows held by a rate': 'SELECT k FROM Feed OUTPUT ALL EVERY 1000000 EVENTS',
  'keys of FIRSTUNIQUE': 'SELECT k FROM Feed WINDOW FIRSTUNIQUE(k)',
  'rows of a join':
    'SELECT Feed.k AS k FROM Feed WINDOW TIME(1 hour) JOIN Other WINDOW TIME(1 hour) ON Feed.k = Other.k',
  'rows of a tumbling join':
    'SELECT Feed.k AS k FROM Feed WINDOW TUMBLING(1 hour) JOIN Other WINDOW TUMBLING(1 hour) ON Feed.k = Other.k',
  'partial matches': 'SELECT a.k AS k FROM PATTERN (EVERY a = Feed -> b = Other[b.k = a.k])',
};

const columns = '(k STRING, v LONG, d DOUBLE)';

function filled(query: string): Application {
  const application = new Application(
    `CREATE STREAM Feed ${columns}; CREATE STREAM Other ${columns}; INSERT INTO Out ${query};`,
    { random: () => 0, maxState },
  );
  for (let i = 0; i < rowCount; i++) {
    application.advance(1000 + i);
    application.push('Feed', [`key ${i}`, i, i + 0.5]);
  }
  return application;
}

for (const [name, query] of Object.entries(queries)) {
  test(`${name}: no more than the limit, and the rest is counted`, () => {
    const application = filled(query);
    const { state, stateLimit, refused } = application.statistics().queries[0]!;
    equal(stateLimit, maxState);
    ok(state > 0 && state <= maxState, `${state} are kept`);
    ok(refused >= rowCount - maxState, `only ${refused} were refused`);
  });
}

const closing: Readonly<Record<string, string>> = {
  TUMBLING: 'TUMBLING(100 ms)',
  HOP: 'HOP(200 ms, 50 ms)',
  SESSION: 'SESSION(100 ms, k)',
  TIMEBATCH: 'TIMEBATCH(100 ms)',
  LENGTHBATCH: 'LENGTHBATCH(30)',
};

const feed = "(k LONG, v LONG, t LONG) WITH (event.time.field = 't', watermark.delay.ms = 1000)";

for (const [name, window] of Object.entries(closing)) {
  test(`distinct values are given back when their window of ${name} closes, merged ones once`, () => {
    const open = (): Application =>
      new Application(
        `CREATE STREAM Feed ${feed}; INSERT INTO Out SELECT k, COUNT(DISTINCT v) AS n FROM Feed WINDOW ${window} GROUP BY k;`,
        { random: () => 0 },
      );
    const stateOf = (application: Application): number => application.statistics().queries[0]!.state;
    const application = open();
    // Out of order, so that sessions of a key grow together.
    for (let i = 0; i < 300; i++) application.push('Feed', [i % 2, i % 7, 1000 + ((i * 80) % 3000)]);
    if (name !== 'LENGTHBATCH') ok(stateOf(application) > 4, 'nothing was kept that could be given back');
    const fresh = open();
    for (const each of [application, fresh]) for (const t of [1e6, 1e6 + 1]) each.push('Feed', [0, 0, t]);
    equal(stateOf(application), stateOf(fresh));
  });
}
