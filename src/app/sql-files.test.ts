import { deepEqual, equal, match, throws } from 'node:assert/strict';
import { globSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { tempFolder } from '../../test/support/temp-folder.ts';
import { checkScript, explainFile, testFile } from './sql-files.ts';

const folder = join(import.meta.dirname, '../../examples/sql');
const examples = globSync('*.sql', { cwd: folder }).sort();

test('there are ten examples', () => equal(examples.length, 10));

for (const example of examples) {
  test(`${example} passes its cases and can be explained`, () => {
    const file = join(folder, example);
    deepEqual(testFile(file, file.replace('.sql', '.cases.jsonl')).failures, []);
    match(explainFile(file), /query 1.*\n {2}(read|look up|pattern|sequence|inner join)/);
  });
}

test('a case that fails is told with what was expected', async () => {
  await using temp = await tempFolder('sql');
  const script = join(temp.path, 'a.sql');
  const cases = join(temp.path, 'a.jsonl');
  await writeFile(script, 'CREATE STREAM In (a LONG); INSERT INTO Out SELECT a + 1 AS b FROM In;');
  await writeFile(
    cases,
    '{"id":"one","events":[{"stream":"In","row":{"a":1}}],"expect":[{"stream":"Out","row":{"b":3}}]}\n',
  );
  const { passed, failures } = testFile(script, cases);
  equal(passed, 0);
  match(failures.join(), /one\n {2}stream Out:\n {4}expected \{b: 3\}\n {4}got {6}@0 \{b: 2\}/);
  await writeFile(cases, 'nothing');
  throws(() => testFile(script, cases), { code: 'USAGE' });
  throws(() => testFile(join(temp.path, 'none.sql'), cases), { code: 'NOT_FOUND' });
});

test('a script that is wrong is refused with its place', () => {
  throws(() => checkScript('SELECT a FROM b'), { sqlCode: 'E_UNKNOWN_STREAM', line: 1, column: 15 });
});
