import { deepEqual, equal, ok } from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import {
  type Cells,
  cellsOf,
  isOf,
  longResultText,
  nameOf,
  reportOf,
  resultText,
  type TestResult,
  withoutResults,
} from './fault-report.ts';
import { faultRows } from './fault-rows.ts';

const root = join(import.meta.dirname, '../..');

test('there is a row for each of the 38 faults, and a test for each row', () => {
  deepEqual(
    faultRows.map(({ number }) => number),
    Array.from({ length: 38 }, (_, index) => index + 1),
  );
  for (const { number, tests } of faultRows) ok(tests.length > 0, `row ${number}`);
});

for (const { number, tests } of faultRows) {
  test(`the tests of row ${number} are there`, () => {
    for (const { file, title, source = file } of tests) {
      ok(existsSync(join(root, file)), file);
      const text = readFileSync(join(root, source), 'utf8');
      ok(
        ["'", '"', '`'].some((quote) => text.includes(`${quote}${title}${quote}`)),
        `"${title}" in ${source}`,
      );
    }
  });
}

test('docs/reliability.md is made of these rows', () => {
  const report = readFileSync(join(root, 'docs/reliability.md'), 'utf8');
  equal(withoutResults(report), withoutResults(reportOf(faultRows, new Map())), 'run "npm run reliability"');
  const neverRun = [...cellsOf(report)].filter(([, { last }]) => last === 'not run');
  deepEqual(neverRun, [], 'each test of it has run');
});

// biome-ignore lint/suspicious/noTemplateCurlyInString: a title as it is written in a test
const named = { file: 'a.test.ts', title: 'killed at ${kills} moments (seed ${seed})' };
const result = (title: string, outcome: TestResult['outcome'] = 'passed', group = 'all'): TestResult => ({
  file: 'a.test.ts',
  titles: [group, title],
  outcome,
  durationMs: 6100,
});

test('a result belongs to the test of its title, or of the title of its group', () => {
  ok(isOf(named, result('killed at 50 moments (seed 7)')));
  ok(isOf(named, result('kafka: killed at 50 moments (seed 7)')));
  ok(isOf({ file: 'a.test.ts', title: 'all' }, result('whatever')));
  ok(!isOf(named, result('not killed at 50 moments')));
  ok(!isOf({ ...named, file: 'b.test.ts' }, result('killed at 50 moments (seed 7)')));
  const shared = { ...named, file: 'b.test.ts', source: 'a.test.ts', within: 'kafka: ' };
  ok(isOf(shared, result('kafka: killed at 50 moments (seed 7)')));
  ok(!isOf(shared, result('embedded: killed at 50 moments (seed 7)')));
});

test('results are counted by their outcome', () => {
  const results = [result('killed at 1 moments (seed 1)'), result('killed at 2 moments (seed 1)', 'failed')];
  equal(resultText(named, results), '1 passed, 1 failed');
  equal(resultText(named, []), 'not run');
  equal(longResultText(named, results, '2026-11-22', 'abc1234'), '1 passed, 1 failed in 12 s, 2026-11-22, abc1234');
  equal(longResultText(named, [], '2026-11-22', 'abc1234'), 'not run');
});

test('a report gives back the results that it was made of', () => {
  const tests = [...new Map(faultRows.flatMap((row) => row.tests.map((one) => [nameOf(one), one]))).values()];
  const cells = new Map<string, Cells>(
    tests.map((one, at) => [nameOf(one), { last: `${at} passed, 2026-11-22`, long: at % 2 === 0 ? '–' : 'not run' }]),
  );
  deepEqual(cellsOf(reportOf(faultRows, cells)), cells);
});
