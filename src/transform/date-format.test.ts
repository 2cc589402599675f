import { deepEqual } from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { dateFormat } from './date-format.ts';

interface Case {
  readonly pattern: string;
  readonly ms?: number;
  readonly text?: string;
  readonly java: { readonly text?: string; readonly ms?: number | null; readonly bad?: string };
}

const cases = readFileSync(new URL('../../test/conformance/java/dates.jsonl', import.meta.url), 'utf8')
  .split('\n')
  .filter((line) => line !== '')
  .map((line) => JSON.parse(line) as Case);

for (const recorded of cases) {
  const { pattern, ms, text, java } = recorded;
  test(`${pattern}: ${ms ?? `"${text}"`} as in Java`, () => deepEqual(answer(recorded), java));
}

function answer({ pattern, ms, text }: Case): Case['java'] {
  try {
    const format = dateFormat(pattern);
    return ms === undefined ? { ms: format.parse(text!) ?? null } : { text: format.format(ms) };
  } catch (error) {
    return { bad: (error as Error).message };
  }
}
