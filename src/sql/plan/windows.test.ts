import { deepEqual } from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { testSeed } from '../../../test/support/random.ts';
import { Application } from './application.ts';

/** Windows that slide are kept up to date in small steps; here they are checked against sums over all rows from scratch. */

const numRuns = process.env['TEST_LONG'] === '1' ? 5000 : 150;

interface Event {
  readonly k: string;
  readonly v: number | null;
  readonly ts: number;
}

const event = fc.record({
  k: fc.constantFrom('a', 'b'),
  v: fc.option(fc.integer({ min: -5, max: 5 }), { nil: null }),
  ts: fc.nat(60),
});
const events = fc.array(event, { maxLength: 25 });

/** SUM, COUNT, MIN, MAX, FIRST, LAST, COUNT(DISTINCT): in arrival order of the rows given. */
function summary(rows: readonly Event[]): unknown[] {
  const values = rows.flatMap(({ v }) => (v === null ? [] : [v]));
  const isEmpty = values.length === 0;
  return [
    isEmpty ? null : values.reduce((a, b) => a + b, 0) + 0,
    rows.length,
    isEmpty ? null : Math.min(...values) + 0,
    isEmpty ? null : Math.max(...values) + 0,
    values[0] ?? null,
    values.at(-1) ?? null,
    new Set(values).size,
  ];
}

const select =
  'k, SUM(v) AS s, COUNT(*) AS n, MIN(v) AS lo, MAX(v) AS hi, FIRST(v) AS f, LAST(v) AS l, COUNT(DISTINCT v) AS d';

function run(window: string, rows: readonly Event[], options: string, isTimed: boolean): unknown[][] {
  const script = `CREATE STREAM t (k STRING, v LONG, ts LONG) ${options}; INSERT INTO Out SELECT ${select}${isTimed ? ', WINDOW_END() AS e' : ''} FROM t WINDOW ${window} GROUP BY k;`;
  const application = new Application(script, { random: () => 0 });
  const found: unknown[][] = [];
  application.subscribe('Out', ({ values }) => found.push([...values]));
  for (const { k, v, ts } of rows) {
    if (options === '') application.advance(ts);
    application.push('t', [k, v, ts]);
  }
  application.advance(1_000_000);
  return found;
}

const eventTime = (delay: number): string => `WITH ("event.time.field" = 'ts', "watermark.delay.ms" = ${delay})`;
const inOrder = (rows: readonly Event[]): Event[] => [...rows].sort((a, b) => a.ts - b.ts);

test(`LENGTH is the last rows of the stream, by group (seed ${testSeed})`, () => {
  const property = fc.property(events, fc.integer({ min: 1, max: 6 }), (rows, n) => {
    const expected = rows.map(({ k }, i) => [
      k,
      ...summary(rows.slice(Math.max(0, i + 1 - n), i + 1).filter((row) => row.k === k)),
    ]);
    deepEqual(
      run(
        `LENGTH(${n})`,
        inOrder(rows).map((row, i) => ({ ...rows[i]!, ts: row.ts })),
        '',
        false,
      ),
      expected,
    );
  });
  fc.assert(property, { numRuns, seed: testSeed });
});

test(`TIME is the rows younger than its size, also out of order (seed ${testSeed})`, () => {
  const property = fc.property(events, fc.integer({ min: 1, max: 30 }), fc.boolean(), (all, ms, ordered) => {
    const rows = ordered ? inOrder(all) : all;
    const actual = run(`TIME(${ms} ms)`, rows, ordered ? '' : eventTime(1000), false);
    const expected = rows.map((row, i) => {
      // A row that had been forgotten when an older one came is not seen again: that is the price of a bound.
      const newest = Math.max(...rows.slice(0, i + 1).map(({ ts }) => ts));
      const seen = rows
        .slice(0, i + 1)
        .filter(({ ts, k }, j) => k === row.k && ts <= row.ts && ts > row.ts - ms && (j === i || ts > newest - ms));
      return [row.k, ...summary(seen)];
    });
    deepEqual(actual, expected);
  });
  fc.assert(property, { numRuns, seed: testSeed });
});

for (const [name, size, slide] of [
  ['HOP', 12, 4],
  ['HOP', 30, 5],
  ['HOP', 7, 7],
] as const) {
  test(`${name}(${size}, ${slide}) is each window by itself, late rows left out (seed ${testSeed})`, () => {
    const property = fc.property(events, fc.integer({ min: 0, max: 40 }), (rows, delay) => {
      const actual = run(`HOP(${size} ms, ${slide} ms)`, rows, eventTime(delay), true);
      deepEqual(actual, windowsByThemselves(rows, delay, size, slide));
    });
    fc.assert(property, { numRuns, seed: testSeed });
  });
}

/** Each row goes into its windows that were open when it came; windows close by the watermark, in the order of their ends. */
function windowsByThemselves(rows: readonly Event[], delay: number, size: number, slide: number): unknown[][] {
  let watermark = Number.NEGATIVE_INFINITY;
  const contents = new Map<number, Event[]>();
  const found: unknown[][] = [];
  for (const row of rows) {
    for (
      let end = Math.floor(row.ts / slide) * slide + slide;
      end <= Math.floor(row.ts / slide) * slide + size;
      end += slide
    ) {
      if (end > watermark) contents.set(end, [...(contents.get(end) ?? []), row]);
    }
    watermark = Math.max(watermark, row.ts - delay);
    for (const end of [...contents.keys()].sort((a, b) => a - b)) {
      if (end > watermark) continue;
      const content = contents.get(end)!;
      contents.delete(end);
      for (const k of new Set(content.map((row) => row.k)))
        found.push([k, ...summary(content.filter((row) => row.k === k)), end]);
    }
  }
  return found;
}

test(`SESSION joins rows less than a gap apart, also out of order (seed ${testSeed})`, () => {
  const property = fc.property(events, fc.integer({ min: 1, max: 15 }), (rows, gap) => {
    // The watermark stays behind all rows until a last one, far away, closes everything.
    const last = { k: 'z', v: null, ts: 10_000 };
    const actual = run(`SESSION(${gap})`, [...rows, last], eventTime(5000), true);
    const sessions = ['a', 'b'].flatMap((k) => {
      const own = rows.filter((row) => row.k === k);
      const times = [...new Set(own.map(({ ts }) => ts))].sort((a, b) => a - b);
      const starts = times.filter((ts, i) => i === 0 || ts - times[i - 1]! >= gap);
      return starts.map((start, i) => {
        const content = own.filter(({ ts }) => ts >= start && ts < (starts[i + 1] ?? Number.POSITIVE_INFINITY));
        return [k, ...summary(content), Math.max(...content.map(({ ts }) => ts)) + gap];
      });
    });
    const byText = (a: unknown[], b: unknown[]): number => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1);
    deepEqual(actual.sort(byText), sessions.sort(byText));
  });
  fc.assert(property, { numRuns, seed: testSeed });
});
