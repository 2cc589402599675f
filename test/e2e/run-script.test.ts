import { deepEqual, doesNotMatch, equal, match } from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { reasonToInstall } from '../../scripts/install.mjs';
import { longest } from '../../scripts/longest-tests.mjs';
import { tempFolder } from '../support/temp-folder.ts';
import { root, until, watch } from './support/run.ts';

/** A wrapper as scripts/run.mjs is one, around a program that counts the signals it gets. */
async function wrapped(folder: string, program: string): Promise<ReturnType<typeof watch>> {
  await writeFile(join(folder, 'program.mjs'), program);
  await writeFile(
    join(folder, 'wrapper.mjs'),
    `import { runChild } from ${JSON.stringify(pathToFileURL(join(root, 'scripts/run-child.mjs')).href)};
process.exitCode = await runChild(process.execPath, ['program.mjs', 'x y'], { cwd: ${JSON.stringify(folder)}, env: process.env });
console.log('wrapper ends');`,
  );
  // A process group of its own, as a shell gives to a job.
  return watch(
    spawn(process.execPath, ['wrapper.mjs'], { cwd: folder, detached: true, stdio: ['pipe', 'pipe', 'pipe'] }),
  );
}

const counting = `let count = 0;
process.on('SIGINT', () => { count++; console.log('SIGINT ' + count); setTimeout(() => process.exit(7), 300); });
console.log('ready', process.pid, process.argv[2]);
setInterval(() => {}, 1000);`;

test('one Ctrl-C reaches the program once, although the wrapper gets it twice, and the wrapper waits for its end', async () => {
  await using folder = await tempFolder('signals');
  await using wrapper = await wrapped(folder.path, counting);
  await wrapper.waitFor('ready');
  process.kill(-wrapper.pid, 'SIGINT'); // as a terminal sends it, to the whole group
  process.kill(wrapper.pid, 'SIGINT'); // as npm passes it on, once more
  const { code, stdout } = await wrapper.ended;
  match(stdout, /^ready \d+ x y\nSIGINT 1\nwrapper ends\n$/);
  equal(code, 7);
});

test('a wrapper that is killed takes the program with it', async () => {
  await using folder = await tempFolder('tether');
  await using wrapper = await wrapped(folder.path, `console.log('ready', process.pid); setInterval(() => {}, 1000);`);
  await wrapper.waitFor(/ready \d+\n/);
  const pid = Number(/ready (\d+)/.exec(wrapper.stdout())![1]);
  process.kill(wrapper.pid, 'SIGKILL');
  await until(`process ${pid} has ended`, async () => {
    try {
      process.kill(pid, 0);
      return false;
    } catch {
      return true;
    }
  });
});

test('the exit code is that of the program, 128 and the signal where one ended it', async () => {
  await using folder = await tempFolder('code');
  await using wrapper = await wrapped(
    folder.path,
    `process.kill(process.pid, 'SIGKILL'); setInterval(() => {}, 1000);`,
  );
  equal((await wrapper.ended).code, 137);
});

test('dependencies are installed when they are missing or the lock file has changed, and only then', async () => {
  await using folder = await tempFolder('lock');
  const { path } = folder;
  const lock = (packages: object): string => JSON.stringify({ packages });
  const a1 = { version: '1.0.0' };
  await writeFile(
    join(path, 'package-lock.json'),
    lock({ '': {}, 'node_modules/a': a1, 'node_modules/other-platform': { version: '1.0.0', optional: true } }),
  );
  equal(reasonToInstall(path), 'first start');
  await mkdir(join(path, 'node_modules'));
  const installed = join(path, 'node_modules/.package-lock.json');
  await writeFile(installed, lock({ 'node_modules/a': a1 }));
  equal(reasonToInstall(path), undefined);
  await writeFile(installed, lock({ 'node_modules/a': { version: '0.9.0' } }));
  equal(reasonToInstall(path), 'package-lock.json has changed');
});

test('a test that leaves something in the temporary folder fails the run, and the folder is gone', async () => {
  await using folder = await tempFolder('leaves');
  const file = join(folder.path, 'leaves.test.mjs');
  const runs = async (program: string) => {
    await writeFile(file, program);
    const env = { ...process.env, TMPDIR: folder.path, NODE_TEST_CONTEXT: undefined };
    const stdio: ['pipe', 'pipe', 'pipe'] = ['pipe', 'pipe', 'pipe'];
    await using running = watch(spawn(process.execPath, [join(root, 'scripts/run.mjs'), 'test', file], { env, stdio }));
    const { code, stderr } = await running.ended;
    return { code, stderr, left: await readdir(folder.path) };
  };
  const tidy = `import { test } from 'node:test'; test('tidy', () => {});`;
  deepEqual(await runs(tidy), { code: 0, stderr: '', left: ['leaves.test.mjs'] });
  const untidy = `import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { test } from 'node:test';
test('untidy', () => { mkdtempSync(tmpdir() + '/left-'); });`;
  const { code, stderr, left } = await runs(untidy);
  deepEqual([code, left], [1, ['leaves.test.mjs']]);
  match(stderr, /Tests left in the temporary folder: left-\w+\n/);
});

test('tests begin in the order they are given in, and one that fails fails the run', async () => {
  await using folder = await tempFolder('order');
  const runs = async (programs: Readonly<Record<string, string>>) => {
    const files = Object.keys(programs).map((name) => join(folder.path, `${name}.test.mjs`));
    for (const [index, program] of Object.values(programs).entries()) {
      await writeFile(files[index]!, `import { test } from 'node:test';\ntest('it', () => {${program}});`);
    }
    const args = [join(root, 'scripts/test-all.mjs'), '60000', ...files];
    const env = { ...process.env, NODE_TEST_CONTEXT: undefined };
    await using running = watch(spawn(process.execPath, args, { env, stdio: ['pipe', 'pipe', 'pipe'] }));
    return await running.ended;
  };
  const say = (text: string): string => `console.log('runs ${text}')`;
  const good = await runs({ b: say('b'), a: say('a') });
  equal(good.code, 0);
  match(good.stdout, /runs b[\s\S]*runs a[\s\S]*tests 2\n[\s\S]*pass 2\n/);
  const bad = await runs({ d: `throw new Error('no')`, c: say('c') });
  equal(bad.code, 1);
  match(bad.stdout, /pass 1\n[\s\S]*fail 1\n/);
});

test('small files share processes; one that fails is named itself, and its process runs once more', async () => {
  await using folder = await tempFolder('together');
  const together = `import { test } from 'node:test';
test('shares', () => { globalThis.shared = (globalThis.shared ?? 0) + 1; console.log('shared by', globalThis.shared); });`;
  const programs = { flaky, ...Object.fromEntries(Array.from({ length: 8 }, (_, at) => [`small-${at}`, together])) };
  const files = Object.keys(programs).map((name) => join(folder.path, `${name}.test.mjs`));
  for (const [at, program] of Object.values(programs).entries()) await writeFile(files[at]!, program);
  const large = join(folder.path, 'large.test.mjs');
  await writeFile(large, passing);
  const args = [join(root, 'scripts/test-all.mjs'), '60000', large, '--', ...files, large];
  const { TEST_NO_RETRY: _, ...rest } = process.env;
  const env = { ...rest, TMPDIR: folder.path, NODE_TEST_CONTEXT: undefined };
  await using running = watch(spawn(process.execPath, args, { env, stdio: ['pipe', 'pipe', 'pipe'] }));
  const { code, stdout } = await running.ended;
  equal(code, 0, stdout);
  match(stdout, /Tried once more, alone: small-files-1.mjs\n/);
  match(stdout, /\nfailed at the first try, passed at the second: \S*flaky.test.mjs: flaky\n/);
  equal(stdout.match(/shared by 2/g)?.length, 2);
  match(stdout, /tests 12\n.*suites 0\n.*pass 12\n.*fail 0\n/);
  deepEqual(
    (await readdir(folder.path)).filter((name) => !name.includes('.test.mjs')),
    [],
  );
});

/** Passes from its second run on. */
const flaky = `import { existsSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
test('steady', () => {});
test('flaky', () => {
  const mark = import.meta.filename + '.mark';
  if (existsSync(mark)) return;
  writeFileSync(mark, '');
  throw new Error('the first time');
});`;
const failing = `import { test } from 'node:test'; test('failing', () => { throw new Error('each time'); });`;
const passing = `import { test } from 'node:test'; test('passing', () => {});`;

for (const { says, programs, env, code, shows, hides } of [
  {
    says: 'a file that failed runs once more at the end, and what passes then is named and counted',
    programs: { flaky, passing },
    env: {},
    code: 0,
    shows: [
      /fail 1\n[\s\S]*Tried once more, alone: \S*flaky.test.mjs\n[\s\S]*✔ flaky/,
      /\nfailed at the first try, passed at the second: \S*flaky.test.mjs: flaky\n/,
      /tests 3\n.*suites 0\n.*pass 3\n.*fail 0\n.*cancelled 0\n.*skipped 0\n.*todo 0\n$/,
    ],
    hides: /passing.test.mjs/,
  },
  {
    says: 'a file that fails twice fails the run, whatever else has passed',
    programs: { failing, flaky },
    env: {},
    code: 1,
    shows: [
      /\nfailed at the first try, its file failed at the second: \S*failing.test.mjs: failing\n/,
      /\nfailed at the first try, passed at the second: \S*flaky.test.mjs: flaky\n/,
      /pass 2\n.*fail 1\n.*cancelled 0\n.*skipped 0\n.*todo 0\n$/,
    ],
    hides: /they are not tried again/,
  },
  {
    says: 'a file that breaks down is tried once more, too',
    programs: { broken: 'process.exit(3)' },
    env: {},
    code: 1,
    shows: [
      /its file failed at the second: \S*broken.test.mjs: the file itself\n/,
      /tests 1\n.*\n.*pass 0\n.*fail 1\n/,
    ],
    hides: /passed at the second/,
  },
  {
    says: 'a file whose process lives on when its tests are over fails, and holds up nothing',
    programs: {
      open: `import { createServer } from 'node:net';\n${passing}\ntest('opens', () => createServer().listen(0));`,
    },
    env: { TEST_END_MS: '100', TEST_NO_RETRY: '1' },
    code: 1,
    shows: [/The tests are over, and this is still open: .*TCPServerWrap/, /pass 2\n.*fail 1\n/],
    hides: /Tried once more/,
  },
  {
    says: 'with TEST_NO_RETRY=1 the first result is the last',
    programs: { flaky },
    env: { TEST_NO_RETRY: '1' },
    code: 1,
    shows: [/pass 1\n.*fail 1\n/],
    hides: /Tried once more|at the second/,
  },
  {
    says: 'more failed files than chance would make are not tried again',
    programs: { a: failing, b: failing, c: failing, d: flaky },
    env: {},
    code: 1,
    shows: [/4 files failed: they are not tried again\n$/],
    hides: /Tried once more/,
  },
]) {
  test(says, async () => {
    await using folder = await tempFolder('second-try');
    const files = Object.keys(programs).map((name) => join(folder.path, `${name}.test.mjs`));
    for (const [at, program] of Object.values(programs).entries()) await writeFile(files[at]!, program);
    const args = [join(root, 'scripts/test-all.mjs'), '60000', ...files];
    const { TEST_NO_RETRY: _, ...rest } = process.env;
    await using running = watch(
      spawn(process.execPath, args, {
        env: { ...rest, NODE_TEST_CONTEXT: undefined, ...env },
        stdio: ['pipe', 'pipe', 'pipe'],
      }),
    );
    const ended = await running.ended;
    for (const shown of shows) match(ended.stdout, shown);
    doesNotMatch(ended.stdout, hides);
    equal(ended.code, code);
  });
}

test('the tests that begin first are there', async () => {
  for (const path of longest) match(await readFile(join(root, path), 'utf8'), /\btest\b/, path);
});

test('what runs before the pinned Node is there uses nothing that Node 20.0 lacks', async () => {
  const young = /import\.meta\.(dirname|filename|resolve)|withResolvers|\bglob(Sync)?\(|readdirSync\([^;]*recursive/;
  for (const name of [
    'run.mjs',
    'run-child.mjs',
    'install.mjs',
    'longest-tests.mjs',
    'pinned-node.mjs',
    'setup-tests.mjs',
  ]) {
    doesNotMatch(await readFile(join(root, 'scripts', name), 'utf8'), young, name);
  }
});

test('an unknown command of the script names those there are', async () => {
  const child = spawn(process.execPath, [join(root, 'scripts/run.mjs'), 'strat'], { stdio: ['pipe', 'pipe', 'pipe'] });
  await using running = watch(child);
  const { code, stderr } = await running.ended;
  deepEqual(
    [code, stderr],
    [
      2,
      'Unknown command "strat": one of start, check, test, test:long, reliability, conformance, bench, build is wanted.\n',
    ],
  );
});
