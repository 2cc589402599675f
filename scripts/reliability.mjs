// Runs the tests that test/support/fault-rows.ts names for each fault, and writes docs/reliability.md. `reliability.mjs FILE…`
// runs these files only; of the others it keeps what was found last.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { run } from 'node:test';
import { spec } from 'node:test/reporters';
import { reportOf } from '../test/support/fault-report.ts';
import { faultRows } from '../test/support/fault-rows.ts';

const root = join(import.meta.dirname, '..');
const kept = join(root, '.cache/reliability.json');
const wanted = process.argv.slice(2);
const named = [...new Set(faultRows.flatMap(({ tests }) => tests.map(({ file }) => file)))];
const files = wanted.length === 0 ? named : wanted;
/** Results by the file that was run, one file after the other: an event only tells where its test stands. */
const results = wanted.length > 0 && existsSync(kept) ? JSON.parse(readFileSync(kept, 'utf8')) : {};

const stopping = new AbortController();
process.once('SIGINT', () => stopping.abort()).once('SIGTERM', () => stopping.abort());
for (const file of files) {
  if (stopping.signal.aborted) break;
  results[file] = await resultsOf(file);
}

if (stopping.signal.aborted) {
  console.error('Stopped: docs/reliability.md stays as it was.');
  process.exitCode = 130;
} else {
  mkdirSync(join(root, '.cache'), { recursive: true });
  writeFileSync(kept, JSON.stringify(results));
  const form = process.env.TEST_LONG === '1' ? 'in full (`TEST_LONG=1`)' : 'in the reduced form of `npm test`';
  const day = `${new Date().toISOString().slice(0, 10)}, Node ${process.versions.node}, ${form}.`;
  const lastRun =
    wanted.length === 0 ? day : `${day} Not all files were run then: the others have their result from before.`;
  const all = Object.values(results).flat();
  writeFileSync(join(root, 'docs/reliability.md'), reportOf(faultRows, all, lastRun));
  if (all.some(({ outcome }) => outcome === 'failed')) process.exitCode = 1;
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
