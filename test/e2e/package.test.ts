import { deepEqual, equal, match, ok } from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { cpSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { feedServer } from '../support/sql-app.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { root, tributary, until, watch } from './support/run.ts';
import { startWorker } from './support/worker.ts';

const run = promisify(execFile);

test('what npm packs is a program that works where it is installed', { timeout: 300_000 }, async () => {
  await using folder = await tempFolder('package');
  const { path } = folder;
  // Types are the business of `npm run check`, and half of the work of a build.
  await run(process.execPath, [join(root, 'scripts/run.mjs'), 'build', '--noCheck'], { cwd: root });
  const { stdout: packed } = await run('npm', ['pack', '--json', '--pack-destination', path], { cwd: root });
  const [{ files, filename }] = JSON.parse(packed) as [{ files: { path: string }[]; filename: string }];
  const names = files.map((file) => file.path);
  for (const name of [
    'bin/tributary.js',
    'dist/main.js',
    'examples/connect/trades.yaml',
    'dist/app/embedding/embedding.d.ts',
    'examples/embedding/vwap.js',
    'LICENSE',
    'README.md',
    'clients/js/dist/client.js',
  ]) {
    ok(names.includes(name), `${name} is not in the package`);
  }
  const linked = linksOf(readFileSync(join(root, 'README.md'), 'utf8'));
  ok(linked.length > 5);
  deepEqual(
    linked.filter((link) => !names.includes(link) && !names.some((name) => name.startsWith(`${link}/`))),
    [],
    'links of README.md that lead nowhere in the package',
  );
  // npm adds the README.md that stands beside a listed file by itself.
  const asked = [...linked, ...linked.map((link) => join(dirname(link), 'README.md'))];
  const strays = names.filter((name) => /\.test\.|^(src|test|scripts|bench)\//.test(name) && !asked.includes(name));
  deepEqual(strays, []);

  const prefix = join(path, 'prefix');
  const tarball = join(path, readdirSync(path).find((name) => name.endsWith('.tgz')) ?? filename);
  await run(
    'npm',
    ['install', '--global', '--prefix', prefix, '--prefer-offline', '--no-audit', '--no-fund', tarball],
    { cwd: path },
  );
  const program = join(prefix, 'lib/node_modules/@tributary/tributary/bin/tributary.js');

  const where = join(prefix, 'lib/node_modules/@tributary/tributary/package.json');
  const client = createRequire(where).resolve('@tributary/tributary/client');
  equal(typeof (await import(client)).connect, 'function');

  await embeds(path, join(prefix, 'lib/node_modules/@tributary/tributary'));

  const version = await run(join(prefix, 'bin/tributary'), ['version'], {
    cwd: path,
    env: { PATH: process.env['PATH'] },
  });
  match(version.stdout, /^tributary \d+\.\d+\.\d+ \(Node 2\d\./);
  await using worker = await startWorker(['start', '--demo'], { cwd: path, program });
  match(worker.stdout(), /\n {2}tributary tap trades --url http/);
  await worker.holds('trades', 10);
  const tapped = await tributary(['tap', 'trades', '--from-beginning', '-n', '5', '-o', 'value', '--url', worker.url], {
    cwd: path,
    program,
  });
  equal(tapped.stdout.trim().split('\n').length, 5);
  const { code, stderr } = await worker.stop();
  deepEqual([code, stderr], [0, '']);
});

/** Files and folders beside it that a text in Markdown links to. */
function linksOf(markdown: string): string[] {
  return [...markdown.matchAll(/\]\((?!\w+:|#)(?:\.\/)?([^)#]+?)\/?(?:#[^)]*)?\)/g)].map((link) => link[1]!);
}

/** Programs beside which the package is installed: the examples run, and the compiler takes the package's types. */
async function embeds(path: string, installed: string): Promise<void> {
  const consumer = join(path, 'consumer');
  mkdirSync(join(consumer, 'node_modules/@tributary'), { recursive: true });
  symlinkSync(installed, join(consumer, 'node_modules/@tributary/tributary'));
  for (const file of ['vwap.js', 'forward.js'])
    cpSync(join(installed, 'examples/embedding', file), join(consumer, file));
  writeFileSync(join(consumer, 'package.json'), '{"type":"module"}');

  const { stdout: rows } = await run(process.execPath, ['vwap.js'], { cwd: consumer });
  equal(rows, '{"symbol":"BTC","vwap":103,"trades":2,"ends":1000}\n{"symbol":"ETH","vwap":7,"trades":1,"ends":1000}\n');

  await using from = await feedServer(['one', 'two']);
  await using to = await feedServer();
  await using forward = watch(spawn(process.execPath, ['forward.js', from.url, to.url], { cwd: consumer }));
  await until('both messages', async () => to.received.length >= 2);
  equal(to.received.map(({ text }) => text).join(), 'one,two');
  const { code, stderr } = await forward.stop('SIGINT');
  deepEqual([code, stderr], [0, '']);

  cpSync(join(root, 'test/e2e/support/embedding-consumer.txt'), join(consumer, 'use.ts'));
  const types = {
    strict: true,
    module: 'nodenext',
    target: 'es2024',
    lib: ['es2024', 'esnext.disposable'],
    noEmit: true,
  };
  const compilerOptions = { ...types, types: ['node'], typeRoots: [join(root, 'node_modules/@types')] };
  writeFileSync(join(consumer, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['use.ts'] }));
  const compiled = await run(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-p', consumer]).catch(
    (error: { readonly stdout: string }) => error,
  );
  equal(compiled.stdout, '');
}

test('an older Node is told which version is wanted, in one sentence, with exit code 2', async () => {
  await using folder = await tempFolder('old-node');
  const pretend =
    "data:text/javascript,Object.defineProperty(process,'versions',{value:{...process.versions,node:'20.11.0'}})";
  const child = spawn(process.execPath, ['--import', pretend, join(root, 'bin/tributary.js'), 'start'], {
    cwd: folder.path,
    env: { PATH: process.env['PATH'] },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  await using running = watch(child);
  const { code, stdout, stderr } = await running.ended;
  deepEqual([code, stdout, stderr], [2, '', 'tributary needs Node 24.6 or newer; this is Node 20.11.0.\n']);
});
