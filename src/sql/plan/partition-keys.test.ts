/** Keys of PARTITION come and go: what they leave behind is nothing, whatever number of them there was. */
import { deepEqual, equal, ok } from 'node:assert/strict';
import { test } from 'node:test';
import { StateReader } from '../state/state-reader.ts';
import { StateWriter } from '../state/state-writer.ts';
import { Application } from './application.ts';

const keyCount = 500;
const columns = '(k STRING, v LONG, t LONG)';
const eventTime = " WITH (event.time.field = 't', watermark.delay.ms = 0)";

function partitioned(queries: string, time = '', maxState = 12): Application {
  return new Application(
    `CREATE STREAM Feed ${columns}${time}; CREATE STREAM Other ${columns}${time};
     PARTITION WITH (k OF Feed, k OF Other) BEGIN ${queries} END;`,
    { random: () => 0, maxState },
  );
}

/** Each key is there for some rows, and never again. */
function feed(application: Application): void {
  for (let i = 0; i < keyCount; i++) {
    const now = 1000 + i * 1000;
    application.advance(now);
    for (const stream of ['Feed', 'Other', 'Feed']) application.push(stream, [`key ${i}`, i, now]);
  }
  application.advance(1_000_000);
}

const queries: Readonly<Record<string, string>> = {
  'a filter': 'INSERT INTO Out SELECT k, v FROM Feed WHERE v >= 0;',
  'a filter and what reads it':
    'INSERT INTO Mid SELECT k, v FROM Feed; INSERT INTO Out SELECT k FROM Mid WHERE v >= 0;',
  TUMBLING: 'INSERT INTO Out SELECT k, COUNT(DISTINCT v) AS n FROM Feed WINDOW TUMBLING(1 sec) GROUP BY k;',
  HOP: 'INSERT INTO Out SELECT k, COUNT(*) AS n FROM Feed WINDOW HOP(2 sec, 1 sec) GROUP BY k;',
  'HOP with rows': 'INSERT INTO Out SELECT k, v FROM Feed WINDOW HOP(2 sec, 1 sec);',
  SESSION: 'INSERT INTO Out SELECT k, COUNT(*) AS n FROM Feed WINDOW SESSION(500 ms, k) GROUP BY k;',
  LENGTHBATCH: 'INSERT INTO Out SELECT k, COUNT(*) AS n FROM Feed WINDOW LENGTHBATCH(2) GROUP BY k;',
  'a rate': 'INSERT INTO Out SELECT k, v FROM Feed OUTPUT ALL EVERY 2 EVENTS;',
  'a tumbling join':
    'INSERT INTO Out SELECT Feed.k AS k FROM Feed WINDOW TUMBLING(1 sec) JOIN Other WINDOW TUMBLING(1 sec) ON Feed.v = Other.v;',
  PATTERN: 'INSERT INTO Out SELECT a.k AS k FROM PATTERN (EVERY a = Other -> b = Feed);',
};

for (const [name, query] of Object.entries(queries)) {
  for (const [kind, time] of [
    ['the clock', ''],
    ['event time', eventTime],
  ] as const) {
    test(`keys of ${name} by ${kind} are given back`, () => {
      const application = partitioned(query, time);
      const keys = new Set<unknown>();
      application.subscribe('Out', ({ values }) => keys.add(values[0]));
      feed(application);
      const counts = application.statistics().queries;
      deepEqual(
        counts.map(({ refused }) => refused),
        counts.map(() => 0),
      );
      ok(keys.size >= keyCount - 2, `rows of ${keys.size} keys`);
      ok(counts.every(({ state }) => state <= 6));
    });
  }
}

test('DELAY gives its keys back when the last row has gone', () => {
  const application = partitioned('INSERT INTO Out SELECT k FROM Feed WINDOW DELAY(100);');
  feed(application);
  const [{ state, refused, rowsOut } = {}] = application.statistics().queries;
  deepEqual([state, refused, rowsOut], [0, 0, 2 * keyCount]);
});

for (const [kind, time] of [
  ['the clock', ''],
  ['event time', eventTime],
] as const) {
  test(`a PATTERN that waits in vain gives its keys back when WITHIN is over by ${kind}, also after a restart`, () => {
    const query = 'INSERT INTO Out SELECT a.k AS k FROM PATTERN (EVERY a = Other -> b = Feed[v < 0]) WITHIN 1500 ms;';
    const application = partitioned(query, time);
    feed(application);
    const [{ state, refused } = { state: -1, refused: -1 }] = application.statistics().queries;
    equal(refused, 0);
    // Event time stands still with the last row; what is younger than WITHIN then is kept.
    ok(state <= (time === '' ? 0 : 4), `${state} are kept`);

    const writer = new StateWriter();
    const before = partitioned(query, time);
    before.advance(1000);
    before.push('Other', ['key', 1, 1000]);
    before.snapshot(writer);
    const after = partitioned(query, time);
    after.restore(new StateReader(writer.take()));
    equal(after.statistics().queries[0]!.state, 2);
    after.advance(10_000);
    for (const stream of ['Feed', 'Other']) after.push(stream, [null, 1, 10_000]);
    after.advance(11_000);
    equal(after.statistics().queries[0]!.state, 2); // of the key NULL
  });
}

test('a PATTERN in time gives its match, and its last millisecond counts', () => {
  const application = partitioned(
    'INSERT INTO Out SELECT a.k AS k FROM PATTERN (EVERY a = Other -> b = Feed) WITHIN 100 ms;',
  );
  const rows: unknown[] = [];
  application.subscribe('Out', ({ values }) => rows.push(values[0]));
  for (const [key, afterMs] of [
    ['in time', 100],
    ['too late', 101],
  ] as const) {
    const now = 1000 * (afterMs - 99);
    application.advance(now);
    application.push('Other', [key, 1, 1]);
    application.advance(now + afterMs);
    application.push('Feed', [key, 1, 1]);
  }
  deepEqual(rows, ['in time']);
});

const tumbling = 'INSERT INTO Out SELECT k, COUNT(*) AS n FROM Feed WINDOW TUMBLING(1 sec) GROUP BY k;';

test('timers fire in the order in which keys were first seen, also of one that was away, and after a restart', () => {
  for (const restarts of [false, true]) {
    let application = partitioned(tumbling);
    const rows: unknown[] = [];
    const listen = (): void => application.subscribe('Out', ({ values }) => rows.push(values[0]));
    listen();
    for (const [second, key] of ['a', 'b', 'c', 'c', 'b', 'a'].entries()) {
      application.advance(second < 3 ? 1000 : 5000);
      application.push('Feed', [key, 1, 1]);
      if (second !== 3 || !restarts) continue;
      const writer = new StateWriter();
      application.snapshot(writer);
      application = partitioned(tumbling);
      application.restore(new StateReader(writer.take()));
      listen();
    }
    application.advance(9000);
    deepEqual(rows, ['a', 'b', 'c', 'a', 'b', 'c']);
  }
});

test('a row that belongs to no key is for all that there are, and is counted where there is none', () => {
  const application = partitioned(
    'INSERT INTO Mid SELECT k, v FROM Feed; INSERT INTO Out SELECT k, v FROM Mid WHERE v > 0;',
  );
  const rows: unknown[] = [];
  application.subscribe('Out', ({ values }) => rows.push(values[0]));
  const keyless = () => application.statistics().queries.map((query) => query.keyless);
  application.advance(1000);
  application.push('Mid', ['from outside', 1]);
  deepEqual([rows, keyless()], [[], [0, 1]]);
  application.push('Feed', ['a', 1, 1]);
  deepEqual([rows, keyless()], [['a'], [0, 1]]);
});

test('a key that a query of the partition still remembers stays', () => {
  const application = partitioned('INSERT INTO Out SELECT k, COUNT(*) AS n FROM Feed GROUP BY k;');
  feed(application);
  const [{ state, refused } = { state: 0, refused: 0 }] = application.statistics().queries;
  equal(state, 12);
  ok(refused > 0);
});

test('a table that a partitioned query looks up is indexed once', () => {
  const application = new Application(
    `CREATE STREAM Feed ${columns}; CREATE TABLE T (k STRING PRIMARY KEY, v LONG); CREATE STREAM Rows ${columns};
     INSERT INTO T SELECT k, v FROM Rows;
     PARTITION WITH (k OF Feed) BEGIN INSERT INTO Out SELECT Feed.k AS k, T.v AS v FROM Feed JOIN T ON Feed.k = T.k; END;`,
    { random: () => 0 },
  );
  const rows: unknown[] = [];
  application.subscribe('Out', ({ values }) => rows.push(values));
  application.push('Rows', ['a', 7, 0]);
  for (const key of ['a', 'b', 'a']) application.push('Feed', [key, 1, 1]);
  deepEqual(rows, [
    ['a', 7],
    ['a', 7],
  ]);
  equal(application.statistics().queries[1]!.state, 0);
});
