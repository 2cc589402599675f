/** The example of plugins as a user runs it. */
import { deepEqual, equal, match } from 'node:assert/strict';
import { cp, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { tempFolder } from '../support/temp-folder.ts';
import { root, tributary } from './support/run.ts';
import { startWorker } from './support/worker.ts';

const example = join(root, 'examples/plugins');

test('a connector, a transform, a predicate and a converter of a user work together', async () => {
  await using folder = await tempFolder('plugins');
  await cp(example, folder.path, { recursive: true });
  await using worker = await startWorker(['start', 'tributary.yaml'], { cwd: folder.path });
  await worker.holds('numbers', 4);
  const values = (await worker.records('numbers'))
    .slice(0, 4)
    .map(({ value }) => value!.slice(-9).replace(/^[^a-zA-Z]+/, ''));
  deepEqual(values, ['number 1', 'NUMBER 2!', 'number 3', 'NUMBER 4!']);
  const plugins = (await (await fetch(`${worker.url}/connector-plugins?connectorsOnly=false`)).json()) as {
    class: string;
  }[];
  for (const name of ['example.Uppercase', 'example.IsEven', 'example.LengthPrefixedConverter', 'counter']) {
    equal(
      plugins.some((plugin) => plugin.class === name),
      true,
      name,
    );
  }
});

test('the example is valid, and a plugin that is missing is named', async () => {
  await using folder = await tempFolder('plugins');
  await cp(example, folder.path, { recursive: true });
  const good = await tributary(['validate', 'tributary.yaml'], { cwd: folder.path });
  equal(good.code, 0, good.stdout + good.stderr);
  await writeFile(join(folder.path, 'bad.yaml'), 'plugins: [./nope.js]\n');
  const bad = await tributary(['validate', 'bad.yaml'], { cwd: folder.path });
  match(bad.stdout + bad.stderr, /Cannot load the plugin ".*nope.js": there is no such file/);
  equal(bad.code === 0, false);
});
