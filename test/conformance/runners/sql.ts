import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import type { SqlCase } from '../../../src/sql/cases/case.ts';
import { playCase } from '../../../src/sql/cases/play-case.ts';

export interface PlayedCase {
  readonly file: string;
  readonly id: string;
  readonly note: string;
  readonly differences: readonly string[];
}

/** Plays all cases of a `.jsonl` file, or of a directory and its folder `cases`. */
export function* playAll(path: string): Generator<PlayedCase> {
  for (const { file, sqlCase } of casesOf(path)) {
    const differences = playCase(sqlCase, sqlCase.sql ?? '');
    yield { file: basename(file), id: sqlCase.id, note: sqlCase.note ?? '', differences };
  }
}

export function* casesOf(path: string): Generator<{ readonly file: string; readonly sqlCase: SqlCase }> {
  for (const file of caseFiles(path)) {
    const lines = readFileSync(file, 'utf8').split('\n');
    for (const line of lines.filter((text) => text.trim() !== '')) yield { file, sqlCase: JSON.parse(line) as SqlCase };
  }
}

function caseFiles(path: string): string[] {
  if (!statSync(path).isDirectory()) return [path];
  const inside = readdirSync(path).sort();
  const files = inside.filter((name) => name.endsWith('.jsonl')).map((name) => join(path, name));
  return [...files, ...(inside.includes('cases') ? caseFiles(join(path, 'cases')) : [])];
}

export const usage = 'sql DIR [--only TEXT]';

/** `npm run conformance -- sql DIR`: prints what differs. */
export async function run(
  args: readonly string[],
  print: (line: string) => void,
): Promise<{ readonly passed: number; readonly failed: number }> {
  const { values, positionals } = parseArgs({
    args: [...args],
    options: { only: { type: 'string' } },
    allowPositionals: true,
  });
  const [name] = positionals;
  if (name === undefined || positionals.length > 1) throw new Error(`Usage: npm run conformance -- ${usage}`);
  const path = [process.env['INIT_CWD'] ?? '', process.cwd()].map((base) => resolve(base, name)).find(existsSync);
  if (path === undefined) throw new Error(`Cannot read "${name}": there is no such file or directory`);
  const played = [...playAll(path)].filter(({ id }) => id.includes(values.only ?? ''));
  const failed = played.filter(({ differences }) => differences.length > 0);
  for (const { file, id, note, differences } of failed)
    print(`FAIL ${file} ${id} (${note})\n     ${differences.join('\n').replaceAll('\n', '\n     ')}`);
  return { passed: played.length - failed.length, failed: failed.length };
}
