/** Plays every script that must be refused, in a process of its own whose coverage is then looked at. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { SqlCase } from '../../src/sql/cases/case.ts';
import { check } from '../../src/sql/check/check.ts';
import { refusals } from './sql-refusals.ts';

const errors = readFileSync(join(import.meta.dirname, '../conformance/sql/cases/errors.jsonl'), 'utf8');
const cases = errors
  .trim()
  .split('\n')
  .map((line) => (JSON.parse(line) as SqlCase).sql!);
for (const script of [...cases, ...refusals.map((refusal) => refusal.script)]) {
  try {
    check(script, { now: () => 0, random: () => 0 });
  } catch {
    // What it says is looked at elsewhere: here it only has to be said.
  }
}
