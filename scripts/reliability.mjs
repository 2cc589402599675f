// Runs the tests that test/support/fault-rows.ts names for each fault, and writes docs/reliability.md. `reliability.mjs FILE…`
// runs these files only. With TEST_LONG=1 those that have a form in full are run in it. Whatever is not run keeps the result
// that stands in the document.
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { run } from 'node:test';
import { spec } from 'node:test/reporters';
import {
  cellsOf,
  longResultText,
  nameOf,
  noLongForm,
  notRun,
  reportOf,
  resultText,
} from '../test/support/fault-report.ts';
import { faultRows } from '../test/support/fault-rows.ts';

const root = join(import.meta.dirname, '..');
const document = join(root, 'docs/reliability.md');
const isLong = process.env.TEST_LONG === '1';
const tests = faultRows.flatMap((row) => row.tests);
const named = [...new Set(tests.map(({ file }) => file))];
const withLongForm = new Set(tests.filter(hasLongForm).map(({ file }) => file));
const asked = process.argv.length > 2 ? process.argv.slice(2) : named;
const files = isLong ? asked.filter((file) => withLongForm.has(file)) : asked;
const unknown = asked.filter((file) => !named.includes(file));
if (unknown.length > 0) {
  console.error(`No row of test/support/fault-rows.ts names "${unknown.join('", "')}".`);
  process.exit(2);
}

const stopping = new AbortController();
process.once('SIGINT', () => stopping.abort()).once('SIGTERM', () => stopping.abort());
for (const file of files) {
  const begun = { day: new Date().toISOString().slice(0, 10), commit: commitOfSources() };
  const results = await resultsOf(file);
  if (stopping.signal.aborted) break;
  // After each file: runs in full take hours, and what was found is kept when a later one is stopped.
  writeFileSync(document, reportOf(faultRows, cellsWith(file, results, begun)));
}

if (stopping.signal.aborted) {
  console.error('Stopped: docs/reliability.md has the results of the files that came to their end.');
  process.exitCode = 130;
} else {
  writeFileSync(document, reportOf(faultRows, cellsWith('', [], {})));
  const failed = [...cells()].filter(([, { last, long }]) => /\bfailed\b/.test(`${last} ${long}`));
  for (const [name] of failed) console.error(`failed: ${name}`);
  if (failed.length > 0) process.exitCode = 1;
}

/** All that is known, with the results of one file in the place of its earlier ones. */
function cellsWith(run, results, { day, commit }) {
  const known = cells();
  const entries = tests.map((test) => {
    const before = known.get(nameOf(test));
    let last = before?.last ?? notRun;
    let long = hasLongForm(test) ? (before?.long ?? notRun).replace(noLongForm, notRun) : noLongForm;
    if (test.file === run && isLong) long = longResultText(test, results, day, commit);
    else if (test.file === run) last = `${resultText(test, results)}, ${day}`.replace(/^not run, .*/, notRun);
    return [nameOf(test), { last, long }];
  });
  return new Map(entries);
}

function cells() {
  return cellsOf(readFileSync(document, 'utf8'));
}

/** Counts of the tests of a file, or of those that it runs, may depend on TEST_LONG. */
function hasLongForm({ file, source = file }) {
  return [file, source].some((path) => /\bTEST_LONG\b|\bfuzzRuns\(/.test(readFileSync(join(root, path), 'utf8')));
}

/** The last commit that changed what is tested; commits of documents and tests tell nothing of it. */
function commitOfSources() {
  const git = (...words) => spawnSync('git', words, { cwd: root, encoding: 'utf8' }).stdout?.trim() ?? '';
  const commit = git('log', '-1', '--format=%h', '--', 'src') || 'no commit';
  return git('status', '--porcelain', '--', 'src') === '' ? commit : `${commit} with changes`;
}

async function resultsOf(file) {
  const found = [];
  /** Titles of the groups and the test that have begun, by depth. */
  const titles = [];
  const note = (outcome) => (event) => {
    if (event.details?.type === 'suite' || event.file === undefined) return;
    const isSkipped = event.skip !== undefined && event.skip !== false;
    found.push({
      file: relative(root, event.file),
      titles: [...titles.slice(0, event.nesting), event.name],
      outcome: isSkipped ? 'skipped' : outcome,
      durationMs: event.details.duration_ms,
    });
  };
  const tests = run({ files: [join(root, file)], signal: stopping.signal });
  tests.on('test:start', ({ name, nesting }) => {
    titles.length = nesting;
    titles[nesting] = name;
  });
  tests.on('test:pass', note('passed')).on('test:fail', note('failed'));
  tests.compose(spec).pipe(process.stdout, { end: false });
  await new Promise((resolve) => tests.once('end', resolve));
  return found;
}
