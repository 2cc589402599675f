import { deepEqual, equal, match, rejects } from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { withoutRegistry } from '../../test/support/converter-context.ts';
import { sourceRecord } from '../../test/support/source-record.ts';
import { tempFolder } from '../../test/support/temp-folder.ts';
import { isError } from '../base/errors.ts';
import { findConverter } from '../convert/converters.ts';
import { STRING } from '../record/schema.ts';
import { makeChain } from '../transform/chain.ts';
import { pluginsOfWorkerFile } from './plugin-paths.ts';
import { loadPlugins } from './plugins.ts';

const examples = join(import.meta.dirname, '../../examples/plugins');

test('the examples: a transform asked by a predicate, and a converter', async () => {
  const plugins = await loadPlugins(['./uppercase.js', './is-even.js', './length-prefixed.js'], examples);
  const chain = makeChain(
    {
      transforms: 'u',
      'transforms.u.type': 'example.Uppercase',
      'transforms.u.suffix': '!',
      'transforms.u.predicate': 'e',
      predicates: 'e',
      'predicates.e.type': 'IsEven',
    },
    plugins.transforms,
  )!;
  const values = [1, 2].map(
    (key) => chain.apply(sourceRecord({ key, value: Buffer.from('a'), valueSchema: STRING }))!.value,
  );
  deepEqual(values, [Buffer.from('a'), 'A!']);
  const converter = findConverter('LengthPrefixedConverter', plugins.converterClasses)!.make({}, withoutRegistry);
  deepEqual([...converter.toBytes('t', STRING, 'ab')!], [0, 0, 0, 2, 97, 98]);
  equal(converter.toBytes('t', null, null), null);
});

test('a plugin path may hold folders of Java archives, which are passed over', async () => {
  await using folder = await tempFolder('plugins');
  await mkdir(join(folder.path, 'java'));
  await mkdir(join(folder.path, 'mine'));
  await writeFile(join(folder.path, 'java/some.jar'), '');
  await writeFile(
    join(folder.path, 'mine/t.mjs'),
    "export const t = { kind: 'transformation', className: 'my.T', make() {} };",
  );
  await writeFile(join(folder.path, 'worker.properties'), 'plugin.path=/nowhere, java,mine\n');
  const { transforms } = await pluginsOfWorkerFile(join(folder.path, 'worker.properties'));
  equal(transforms.transforms.at(-1)!.className, 'my.T');
});

const wrong: readonly (readonly [what: string, text: string, problem: RegExp])[] = [
  ['nothing exported', 'const x = 1;', /exports no object with a kind \(source, sink, /],
  ['a default export', "export default { kind: 'transformation' };", /named exports, not the default one/],
  ['an unknown kind', "export const t = { kind: 'transform' };", /"t".*its kind "transform" is none of source, sink/],
  [
    'no make',
    "export const t = { kind: 'transformation', className: 'a.B' };",
    /a transformation has a function "make", this one has undefined/,
  ],
  ['no class name', "export const t = { kind: 'predicate', make() {} };", /a predicate has a string "className"/],
  [
    'an option without a type',
    "export const t = { kind: 'predicate', className: 'a.B', make() {}, options: { x: { doc: '' } } };",
    /the type of option "x" must be one of BOOLEAN/,
  ],
  [
    'a name that is taken',
    "export const t = { kind: 'transformation', className: 'org.apache.kafka.connect.transforms.Filter', make() {} };",
    /there is a "org.apache.kafka.connect.transforms.Filter" already/,
  ],
  ['a syntax error', 'export const t = {', /Cannot load the plugin ".*p.mjs": /],
];

for (const [what, text, problem] of wrong) {
  test(`${what} is refused with the file's name`, async () => {
    await using folder = await tempFolder('plugins');
    await writeFile(join(folder.path, 'p.mjs'), text);
    await rejects(loadPlugins(['p.mjs'], folder.path), (error: Error) => {
      match(error.message, problem);
      return isError(error, 'CONFIG_INVALID') && error.message.includes('p.mjs');
    });
  });
}

test('a file that is not there is told so', () =>
  rejects(loadPlugins(['./none.js'], '/tmp'), /Cannot load the plugin ".*none.js": there is no such file/));

test('what a plugin gives back is checked', async () => {
  await using folder = await tempFolder('plugins');
  await writeFile(
    join(folder.path, 'p.mjs'),
    `export const t = { kind: 'transformation', className: 'a.T', make: () => ({ apply() {} }) };
     export const n = { kind: 'transformation', className: 'a.N', make: () => ({}) };
     export const c = { kind: 'converter', className: 'a.C', make: () => ({ toBytes: () => 'text' }) };`,
  );
  const { transforms, converterClasses } = await loadPlugins(['p.mjs'], folder.path);
  const chain = makeChain({ transforms: 't', 'transforms.t.type': 'a.T' }, transforms)!;
  await rejects(async () => chain.apply(sourceRecord()), /a.T gave undefined: a record or null is wanted/);
  await rejects(
    async () => makeChain({ transforms: 'n', 'transforms.n.type': 'a.N' }, transforms),
    /no function "apply"/,
  );
  const converter = findConverter('a.C', converterClasses)!.make({}, withoutRegistry);
  await rejects(async () => converter.toBytes('t', null, 'x'), /a.C gave string: bytes or null are wanted/);
});
