// Runs test files with Node's runner, the given ones first: its command line would run them in order of their names, and the
// longest ones, begun last, would be waited for alone. `test-all.mjs LIMIT_MS FILE… [-- FILE…]`
//
// Those behind the `--` are small and share a few processes, which run first: one for each would take twice the processor time of
// all of them, most of it to load the same modules. They stand that, as `npm run check` runs them so, too.
//
// Files that failed run once more at the end, alone (CONTRIBUTING says why); more than a few of them are no chance, and
// TEST_NO_RETRY=1 takes the first result. The runner's own `rerunFailuresFilePath` would leave out the tests that passed
// before, and with them what the failed one builds upon; and it tells tests of one table apart by their number only.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { run } from 'node:test';
import { spec } from 'node:test/reporters';
import { pathToFileURL } from 'node:url';

const [limit, ...words] = process.argv.slice(2);
const separator = words.includes('--') ? words.indexOf('--') : words.length;
const files = words.slice(0, separator);
const small = words.slice(separator + 1);
const sharedProcesses = 6;
/** Most of a file's time is waiting: for a Kafka to start, for a broker that was killed. Three at once left a third of two cores idle. */
const concurrency = 4;
const maxTriedAgain = 3;
const nothing = { tests: 0, failed: 0, passed: 0, cancelled: 0, skipped: 0, todo: 0, topLevel: 0, suites: 0 };

const stopping = new AbortController();
const signals = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 };
for (const [signal, code] of Object.entries(signals)) {
  process.once(signal, () => {
    process.exitCode = code;
    stopping.abort();
  });
}

const folder = mkdtempSync(join(tmpdir(), 'tributary-together-'));
try {
  await runAll();
} finally {
  rmSync(folder, { recursive: true, force: true });
}

async function runAll() {
  const first = await runFiles([...together(), ...files], concurrency, false);
  const again = [...first.failed.keys()];
  const isFailed = !first.isSuccess;
  if (isFailed) process.exitCode ??= 1;
  if (isFailed && again.length > 0 && process.env['TEST_NO_RETRY'] !== '1' && !stopping.signal.aborted) {
    if (again.length > maxTriedAgain) console.log(`\n${again.length} files failed: they are not tried again`);
    else await tryAgain(first, again);
  }
}

/** Programs that each import a part of the small ones. Beside each other in a folder, these are alike long: they go by turns. */
function together() {
  return Array.from({ length: Math.min(sharedProcesses, small.length) }, (_, turn) => {
    const part = small.filter((_, at) => at % sharedProcesses === turn);
    const path = join(folder, `small-files-${turn + 1}.mjs`);
    const urls = part.map((file) => pathToFileURL(resolve(file)).href);
    writeFileSync(path, urls.map((url) => `await import(${JSON.stringify(url)});\n`).join(''));
    return path;
  });
}

async function tryAgain(first, again) {
  const lines = [];
  const counts = { ...first.counts };
  let isMended = true;
  for (const file of again) {
    console.log(`\nTried once more, alone: ${shown(file)}\n`);
    const second = await runFiles([file], 1, true);
    if (stopping.signal.aborted) return;
    isMended &&= second.isSuccess;
    for (const key of Object.keys(counts)) counts[key] += second.counts[key] - (first.countsOf.get(file)?.[key] ?? 0);
    const result = second.isSuccess ? 'passed at the second' : 'its file failed at the second';
    for (const name of first.failed.get(file)) lines.push(`failed at the first try, ${result}: ${name}`);
  }
  console.log(`\n${lines.join('\n')}\n\nWith the second tries in place of the first:`);
  // As the runner names and shows them.
  const { passed: pass, failed: fail, tests, suites, cancelled, skipped, todo } = counts;
  const all = { tests, suites, pass, fail, cancelled, skipped, todo };
  for (const [name, count] of Object.entries(all)) console.log(`ℹ ${name} ${count}`);
  if (isMended) process.exitCode = 0;
}

/** Prints what happens; the runner's counts too, where they are not part of a larger whole. */
async function runFiles(paths, atOnce, isPart) {
  const failed = new Map();
  const countsOf = new Map();
  let whole;
  const tests = run({
    files: paths,
    concurrency: atOnce,
    timeout: Number(limit),
    signal: stopping.signal,
    execArgv: ['--import', new URL('end-of-tests.mjs', import.meta.url).href],
  });
  const add = (file, counts) => {
    const known = countsOf.get(file);
    for (const [key, count] of Object.entries(known ?? {})) counts[key] += count;
    countsOf.set(file, counts);
  };
  const fail = (entry, file, name) => failed.set(entry, [...(failed.get(entry) ?? []), `${shown(file)}: ${name}`]);
  tests.on('test:fail', ({ name, file, entryFile = file, nesting, todo, details }) => {
    if (todo !== undefined || details.error?.failureType === 'subtestsFailed') return;
    // The process of a file that broke down has no summary which would count that.
    const isFile = nesting === 0 && resolve(name) === entryFile;
    if (isFile) add(entryFile, { ...nothing, tests: 1, failed: 1, topLevel: 1 });
    fail(entryFile, isFile ? entryFile : file, isFile ? 'the file itself' : name);
  });
  tests.on('test:summary', ({ file, entryFile = file, success, counts }) => {
    if (entryFile === undefined) whole = { isSuccess: success, counts };
    else add(entryFile, { ...counts });
  });
  const printed = tests
    .compose(async function* (events) {
      for await (const event of events) if (!isPart || !isCount(event)) yield event;
    })
    .compose(spec);
  for await (const text of printed) process.stdout.write(text);
  return { isSuccess: false, counts: nothing, ...whole, failed, countsOf };
}

/** The runner says its counts, at the end, as remarks that belong to no file. */
function isCount({ type, data }) {
  return type === 'test:diagnostic' && data.file === undefined;
}

function shown(file) {
  return dirname(file) === folder ? basename(file) : relative(process.cwd(), file);
}
