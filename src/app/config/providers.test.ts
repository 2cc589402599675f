import { equal, throws } from 'node:assert/strict';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { tempFolder } from '../../../test/support/temp-folder.ts';
import { type ConfigProvider, resolveValue } from './providers.ts';

const env = { NAME: 'of-env' };

test('without configured ones there are env, file and dir; any other reference stays as it is', () => {
  const text = `a-\${env:NAME}-\${e:NAME}-\${claim}-\${x \${env:NAME}`;
  equal(resolveValue('k', text, { env, folder: '.' }), `a-of-env-\${e:NAME}-\${claim}-\${x of-env`);
});

test('configured ones are all there are', () => {
  const providers = new Map<string, ConfigProvider>([['e', { kind: 'env' }]]);
  const others = `\${env:NAME} \${file:/etc/hostname:x}`;
  equal(resolveValue('k', `\${e:NAME} ${others}`, { env, folder: '.', providers }), `of-env ${others}`);
});

test('files and folders are read within the allowed paths, and neither beside them nor through a link', async () => {
  await using folder = await tempFolder('providers');
  const inside = join(folder.path, 'in');
  mkdirSync(inside);
  mkdirSync(`${inside}side`);
  for (const path of [inside, `${inside}side`, folder.path]) writeFileSync(join(path, 'a.properties'), 'key=value');
  symlinkSync(join(folder.path, 'a.properties'), join(inside, 'link.properties'));
  const bound = { limit: 'the.limit', paths: ['/nowhere', inside] };
  const providers = new Map<string, ConfigProvider>([
    ['f', { kind: 'file', ...bound }],
    ['d', { kind: 'dir', ...bound }],
  ]);
  const resolved = (text: string): string => resolveValue('k', text, { env, folder: inside, providers });
  equal(
    resolved(`\${f:${inside}/a.properties:key} \${f:a.properties:key} \${d:${inside}:a.properties}`),
    'value value key=value',
  );
  const outside = [
    `f:${inside}side/a.properties:key`,
    `f:${inside}/../a.properties:key`,
    'f:../a.properties:key',
    `f:${inside}/link.properties:key`,
    `f:${folder.path}/not-there:key`,
    `d:${folder.path}:a.properties`,
    `d:${inside}:link.properties`,
  ];
  for (const each of outside) {
    throws(() => resolved(`\${${each}}`), { code: 'CONFIG_INVALID', message: /"the\.limit" does not allow "/ }, each);
    const kept = resolveValue('k', `\${${each}}`, { env, folder: inside, providers, missing: 'keep' });
    equal(kept, `\${${each}}`, each);
  }
});
