/** The specification's table of errors: no code without a case, and no refusal in the code that no case reaches. */
import { deepEqual, ok } from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { globSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import type { SqlCase } from '../../src/sql/cases/case.ts';
import { sqlErrorCodes } from '../../src/sql/sql-error.ts';
import { refusals } from '../support/sql-refusals.ts';
import { tempFolder } from '../support/temp-folder.ts';

const root = join(import.meta.dirname, '../..');
const specification = readFileSync(join(import.meta.dirname, 'sql/README.md'), 'utf8');
const errorCases = readFileSync(join(import.meta.dirname, 'sql/cases/errors.jsonl'), 'utf8')
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line) as SqlCase);

/** Codes of the table in section 6, where one row may hold several. */
function specifiedCodes(): string[] {
  const [, section = ''] = /## 6\. Error codes([\s\S]*?)\n## 7/.exec(specification) ?? [];
  const rows = section.split('\n').filter((line) => line.startsWith('| E_'));
  return rows.flatMap((row) =>
    row
      .split('|')[1]!
      .split(',')
      .map((code) => code.trim()),
  );
}

test('the codes are those of the specification, and each has a case', () => {
  const specified = specifiedCodes();
  ok(specified.length > 20, specified.join());
  deepEqual([...sqlErrorCodes].sort(), [...specified].sort());
  const reached = new Set([...errorCases.map(({ error }) => error!.code), ...refusals.map(({ code }) => code)]);
  deepEqual(
    specified.filter((code) => !reached.has(code)),
    [],
  );
});

interface Range {
  readonly startOffset: number;
  readonly endOffset: number;
  readonly count: number;
}

interface Coverage {
  readonly result: readonly {
    readonly url: string;
    readonly functions: readonly { readonly ranges: readonly Range[] }[];
  }[];
}

/** How often what stands at the offset was run: the smallest range around it counts. */
function countAt(ranges: readonly Range[], offset: number): number {
  const around = ranges.filter(({ startOffset, endOffset }) => startOffset <= offset && offset < endOffset);
  around.sort((a, b) => a.endOffset - a.startOffset - (b.endOffset - b.startOffset));
  return around[0]?.count ?? 0;
}

/** Where a script is refused: a thrown problem, or a call of the helpers that throw one. */
const refusal =
  /throw new SqlProblem\(|(?<!function |private |=> |\.)\brefuse\(|cursor\.(?:refuse|fail)\(|this\.(?:refuse|fail)\(/g;
const isDeclaration = /^\s*(?:export )?(?:function )?(?:refuse|fail)\(.*\{$/;

test('every place of the code that refuses a script is reached by a case', async () => {
  await using folder = await tempFolder('sql-coverage');
  execFileSync(process.execPath, [join(root, 'test/support/sql-refusals-run.ts')], {
    // What was compiled before would have no counters in it.
    env: {
      ...process.env,
      NODE_V8_COVERAGE: folder.path,
      NODE_DISABLE_COMPILE_CACHE: '1',
      NODE_TEST_CONTEXT: undefined,
    },
  });
  const [file] = readdirSync(folder.path);
  const { result } = JSON.parse(readFileSync(join(folder.path, file!), 'utf8')) as Coverage;
  const rangesOf = new Map(result.map(({ url, functions }) => [url, functions.flatMap(({ ranges }) => ranges)]));
  let sites = 0;
  const unreached: string[] = [];
  for (const path of globSync('src/sql/{lex,parse,check,functions}/*.ts', { cwd: root })) {
    if (path.endsWith('.test.ts')) continue;
    const text = readFileSync(join(root, path), 'utf8');
    for (const { index } of text.matchAll(refusal)) {
      const start = text.lastIndexOf('\n', index) + 1;
      const line = text.slice(start, text.indexOf('\n', index));
      if (isDeclaration.test(line)) continue;
      sites++;
      const ranges = rangesOf.get(pathToFileURL(join(root, path)).href) ?? [];
      if (countAt(ranges, index) > 0) continue;
      unreached.push(`${path}:${text.slice(0, index).split('\n').length}: ${line.trim()}`);
    }
  }
  ok(sites > 100, `${sites} places that refuse`);
  deepEqual(unreached, []);
});
