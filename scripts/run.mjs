// What `npm start`, `npm test` and the others run. It must run on any Node 20 with nothing installed: it installs what
// package-lock.json asks for, then runs the command on the Node that package.json pins.
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { heapOption, mallocSettings } from '../bin/memory-settings.js';
import { installIfNeeded } from './install.mjs';
import { longest } from './longest-tests.mjs';
import { pinnedNode } from './pinned-node.mjs';
import { runChild } from './run-child.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const [command = '', ...args] = process.argv.slice(2);

const commands = {
  // As bin/tributary.js would have it; begun anew there, it would lose the tether of run-child.mjs.
  start: async () => {
    // The page of the demonstration loads the client library.
    if (!namesFile(args)) await run(['scripts/build-client.mjs']);
    return run(
      [heapOption, 'bin/tributary.js', 'start', ...(namesFile(args) ? [] : ['--demo']), ...args],
      process.cwd(),
      notSet(mallocSettings),
    );
  },
  check,
  test: () => test({}),
  'test:long': () => test({ TEST_LONG: '1' }),
  reliability: () => runTests(['scripts/reliability.mjs', ...args]),
  conformance: () => run(['test/conformance/run.ts', ...args]),
  bench: () => run(['bench/run.ts', ...args]),
  build,
};

if (!Object.hasOwn(commands, command)) {
  console.error(`Unknown command "${command}": one of ${Object.keys(commands).join(', ')} is wanted.`);
  process.exit(2);
}
installIfNeeded(root);
const { node, env } = pinnedNode(root);
process.exitCode = await commands[command]();

/** A command line that names a configuration file starts that; any other starts the demonstration. */
function namesFile(words) {
  return words.some((word) => /\.(ya?ml)$/.test(word) || ['--help', '-h', '--demo'].includes(word));
}

/** What the user has not set otherwise. */
function notSet(settings) {
  return Object.fromEntries(Object.entries(settings).filter(([name]) => process.env[name] === undefined));
}

function run(words, cwd = root, more = {}) {
  return runChild(
    node,
    words.map((word) => (isOwnFile(word) ? join(root, word) : word)),
    // Stripping types costs 0.1 s a process; what was compiled once is kept.
    { cwd, env: { NODE_COMPILE_CACHE: join(root, '.cache/compile'), ...env, ...more } },
  );
}

function isOwnFile(word) {
  return /^(bin|bench|scripts|node_modules)\//.test(word) && existsSync(join(root, word));
}

/**
 * The fast gate. Every step runs, beside the others, so that one round shows all there is to mend. Unit tests share two
 * processes: one for each of their files would take three times as long, and a single one waits while a core is idle.
 */
async function check() {
  const unitTests = (shard) => [
    '--test',
    '--test-isolation=none',
    `--test-shard=${shard}`,
    '--test-reporter=dot',
    '--test-timeout=30000',
    'test/layers.test.ts',
    ...['src', 'clients', 'bench'].flatMap((folder) => testFiles(folder)),
  ];
  const steps = {
    'format and lint': ['node_modules/@biomejs/biome/bin/biome', 'check', '--error-on-warnings'],
    types: ['node_modules/typescript/bin/tsc', '-p', '.'],
    'layers and unit tests, one half': unitTests('1/2'),
    'unit tests, the other half': unitTests('2/2'),
  };
  const codes = await Promise.all(
    Object.entries(steps).map(async ([name, words]) => {
      const startedAt = Date.now();
      const code = await (words[0] === '--test' ? runTests(words) : run(words));
      console.log(`${code === 0 ? 'ok' : 'FAILED'}  ${name} (${((Date.now() - startedAt) / 1000).toFixed(1)} s)`);
      return code;
    }),
  );
  const stopped = codes.find((code) => code >= 128); // by a signal
  if (stopped !== undefined) return stopped;
  const failed = Object.keys(steps).filter((_, at) => codes[at] !== 0);
  if (failed.length > 0) console.error(`check failed: ${failed.join(', ')}`);
  return failed.length > 0 ? 1 : 0;
}

async function test(more) {
  const files = args.filter((arg) => !arg.startsWith('-'));
  const flags = args.filter((arg) => arg.startsWith('-'));
  if (files.length === 0) {
    const code = await run(['scripts/setup-tests.mjs']);
    if (code !== 0) return code;
  }
  const limit = more.TEST_LONG === undefined ? 600_000 : 6 * 3_600_000;
  // What is named twice runs once, where it is named first.
  const large = [...new Set([...longest, ...testFiles('test')])];
  const small = ['src', 'clients', 'bench'].flatMap((folder) => testFiles(folder));
  if (args.length === 0) return runTests(['scripts/test-all.mjs', `${limit}`, ...large, '--', ...small], more);
  return runTests(
    [
      '--test',
      '--test-reporter=spec',
      '--test-concurrency=2',
      `--test-timeout=${limit}`,
      ...flags,
      ...(files.length > 0 ? files : [...large, ...small]),
    ],
    more,
  );
}

/** Tests get a temporary folder of their own. Whatever they leave in it is taken away, and is a failure. */
async function runTests(words, more = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'tributary-tests-'));
  const code = await run(words, root, { ...more, TMPDIR: folder, TMP: folder, TEMP: folder });
  const left = readdirSync(folder);
  rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  if (left.length === 0 || code >= 128) return code;
  console.error(`Tests left in the temporary folder: ${left.sort().join(', ')}`);
  return 1;
}

/** What follows goes to the compiler. */
async function build() {
  rmSync(join(root, 'dist'), { recursive: true, force: true });
  const code = await run(['node_modules/typescript/bin/tsc', '-p', 'tsconfig.build.json', ...args]);
  return code === 0 ? run(['scripts/build-client.mjs']) : code;
}

/** By hand: Node 20.0 has neither glob nor a recursive readdir. In order of their names, so that two runs are alike. */
function testFiles(folder) {
  const inside = readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return testFiles(path);
    return entry.name.endsWith('.test.ts') ? [path] : [];
  });
  return inside.sort();
}
