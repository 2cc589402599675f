/** Every operator with state, over random rows: an application that goes on from a snapshot gives what one without a cut gives. */
import { deepEqual, ok, throws } from 'node:assert/strict';
import { test } from 'node:test';
import { fuzzRuns, seeded, testSeed } from '../../../test/support/random.ts';
import { StateReader } from '../state/state-reader.ts';
import { StateWriter } from '../state/state-writer.ts';
import type { Row, Value } from '../values/value.ts';
import { Application } from './application.ts';

const aggregates =
  'COUNT(*) AS n, SUM(v) AS s, SUM(d) AS sd, AVG(d) AS a, STDDEV(d) AS sd2, MIN(d) AS lo, MAX(k) AS hi, FIRST(v) AS f, ' +
  'LAST(v) AS l, COUNT(DISTINCT v) AS u, SUM(DISTINCT d) AS sdd, MAX_FOREVER(v) AS ever';
const grouped = `k, ${aggregates}`;
const queries: Readonly<Record<string, string>> = {
  'groups without a window': `SELECT ${grouped} FROM Feed GROUP BY k`,
  TUMBLING: `SELECT ${grouped} FROM Feed WINDOW TUMBLING(50 ms) GROUP BY k ORDER BY s DESC LIMIT 3`,
  'TUMBLING with rows': 'SELECT DISTINCT k, v FROM Feed WINDOW TUMBLING(50 ms)',
  HOP: `SELECT ${grouped} FROM Feed WINDOW HOP(100 ms, 20 ms) GROUP BY k`,
  'HOP with rows': 'SELECT k, v, d FROM Feed WINDOW HOP(100 ms, 20 ms)',
  SESSION: `SELECT ${grouped} FROM Feed WINDOW SESSION(15 ms, k) GROUP BY k`,
  'SESSION with rows': 'SELECT k, v FROM Feed WINDOW SESSION(15 ms)',
  TIMEBATCH: `SELECT ${grouped} FROM Feed WINDOW TIMEBATCH(40 ms) GROUP BY k`,
  LENGTHBATCH: `SELECT ${grouped} FROM Feed WINDOW LENGTHBATCH(7) GROUP BY k`,
  EXTERNALTIMEBATCH: `SELECT ${grouped} FROM Feed WINDOW EXTERNALTIMEBATCH(t, 30 ms) GROUP BY k`,
  TIME: `SELECT ${grouped} FROM Feed WINDOW TIME(60 ms) GROUP BY k`,
  LENGTH: `SELECT ${grouped} FROM Feed WINDOW LENGTH(9) WHERE v > 2 GROUP BY k`,
  EXTERNALTIME: `SELECT ${grouped} FROM Feed WINDOW EXTERNALTIME(t, 60 ms) GROUP BY k`,
  UNIQUE: `SELECT ${grouped} FROM Feed WINDOW UNIQUE(v) GROUP BY k`,
  FIRSTUNIQUE: `SELECT ${grouped} FROM Feed WINDOW FIRSTUNIQUE(v) GROUP BY k`,
  SORT: `SELECT ${grouped} FROM Feed WINDOW SORT(5, d, 'desc', v) GROUP BY k`,
  DELAY: 'SELECT k, v FROM Feed WINDOW DELAY(25)',
  'a rate': 'SELECT k, v FROM Feed OUTPUT ALL EVERY 5 EVENTS',
  'a rate of the last': 'SELECT k, v FROM Feed OUTPUT LAST EVERY 4 EVENTS',
  'a join of lengths':
    'SELECT Feed.v AS a, Other.v AS b FROM Feed WINDOW LENGTH(6) FULL JOIN Other WINDOW LENGTH(4) ON Feed.k = Other.k',
  'a join of times':
    'SELECT Feed.v AS a, Other.v AS b FROM Feed WINDOW TIME(40 ms) LEFT JOIN Other WINDOW TIME(60 ms) ON Feed.k = Other.k AND Feed.d <= Other.d',
  'a tumbling join':
    'SELECT Feed.v AS a, Other.v AS b FROM Feed WINDOW TUMBLING(50 ms) FULL JOIN Other WINDOW TUMBLING(50 ms) ON Feed.k = Other.k',
  'a table': 'SELECT Feed.v AS a, T.v AS b FROM Feed LEFT JOIN T ON Feed.k = T.k',
  'a pattern of both':
    'SELECT a.v AS a, b.v AS b, c.v AS c FROM PATTERN (EVERY a = Feed -> (b = Other AND c = Feed[c.v < a.v]))',
  PATTERN: 'SELECT a.v AS a, b.v AS b FROM PATTERN (EVERY a = Feed[v > 5] -> b = Other[b.k = a.k]) WITHIN 60 ms',
  SEQUENCE: 'SELECT a.v AS a, b.v AS b FROM SEQUENCE (a = Feed -> b = Feed[b.v > a.v])',
};

function script(query: string, time: string): string {
  const columns = '(k STRING, v LONG, d DOUBLE, t LONG)';
  return `CREATE STREAM Feed ${columns}${time}; CREATE STREAM Other ${columns}${time};
    CREATE TABLE T (k STRING PRIMARY KEY, v LONG); INSERT INTO T SELECT k, v FROM Other; INSERT INTO Out ${query};`;
}

const times: Readonly<Record<string, string>> = {
  'the clock': '',
  'event time': " WITH (event.time.field = 't', watermark.delay.ms = 20, watermark.idle.ms = 500)",
};

type Step = { readonly stream: string; readonly at: number; readonly values: readonly Value[] };

function stepsOf(random: () => number): Step[] {
  let at = 1_000;
  return Array.from({ length: 150 }, () => {
    at += Math.floor(random() * 12);
    const pick = (): Value => (random() < 0.1 ? null : ['a', 'b', 'c', 'd'][Math.floor(random() * 4)]!);
    const number = random() < 0.02 ? 2n ** 62n : Math.floor(random() * 12);
    const values = [pick(), number, random() * 10 - 3, at - Math.floor(random() * 30)];
    return { stream: random() < 0.6 ? 'Feed' : 'Other', at, values };
  });
}

function play(
  text: string,
  steps: readonly Step[],
  cuts: ReadonlySet<number>,
): { readonly rows: Row[]; readonly counts: unknown } {
  const rows: Row[] = [];
  const start = (): Application => {
    const application = new Application(text, { random: () => 0.5, maxState: 60 });
    application.subscribe('Out', (row) => rows.push(row));
    return application;
  };
  let application = start();
  for (const [index, { stream, at, values }] of steps.entries()) {
    if (cuts.has(index)) {
      const writer = new StateWriter();
      application.snapshot(writer);
      application = start();
      application.restore(new StateReader(writer.take()));
    }
    application.advance(at);
    application.push(stream, values);
  }
  application.advance(steps.at(-1)!.at + 2_000);
  return { rows, counts: application.statistics() };
}

for (const [name, query] of Object.entries(queries)) {
  for (const [kind, time] of Object.entries(times)) {
    for (const partition of [false, true]) {
      test(`${name} by ${kind}${partition ? ', partitioned,' : ''} goes on where it was (seed ${testSeed})`, () => {
        const plain = script(query, time);
        const text = partition
          ? plain.replace(
              /INSERT INTO Out (.*);/,
              'PARTITION WITH (k OF Feed, k OF Other) BEGIN INSERT INTO Out $1; END;',
            )
          : plain;
        const random = seeded(testSeed);
        for (let run = 0; run < fuzzRuns(1); run++) {
          const steps = stepsOf(random);
          const whole = play(text, steps, new Set());
          ok(whole.rows.length > 0, 'nothing came out that could differ');
          const cuts = new Set(Array.from({ length: 4 }, () => Math.floor(random() * steps.length)));
          deepEqual(play(text, steps, cuts), whole);
        }
      });
    }
  }
}

test('timers of the same time fire in the order in which they were set, whatever order the windows lie in', () => {
  const time = " WITH (event.time.field = 't', watermark.delay.ms = 20)";
  const text = script('SELECT k, COUNT(*) AS n FROM Feed WINDOW SESSION(15 ms, k) GROUP BY k', time);
  // The session of b was opened first; that of a got first to the time that both have in the end.
  const rows = [
    ['b', 112],
    ['a', 112],
    ['a', 110],
    ['b', 110],
    ['c', 900],
  ] as const;
  const steps = rows.map(([k, t]): Step => ({ stream: 'Feed', at: 1000, values: [k, 1, 1, t] }));
  const whole = play(text, steps, new Set());
  deepEqual(
    whole.rows.map(({ values }) => values[0]),
    ['a', 'b'],
  );
  deepEqual(play(text, steps, new Set([4])), whole);
});

test('the snapshot of another script is refused', () => {
  const writer = new StateWriter();
  new Application(script(queries['HOP']!, ''), { random: () => 0 }).snapshot(writer);
  const other = new Application(script(queries['PATTERN']!, ''), { random: () => 0 });
  throws(() => other.restore(new StateReader(writer.take())), { code: 'BATCH_CORRUPT' });
});
