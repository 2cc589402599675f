import { equal } from 'node:assert/strict';
import { join } from 'node:path';
import { run } from '../../conformance/runners/gateway.ts';

const folder = join(import.meta.dirname, '../../conformance/gateway');
const cases = 203;

export async function playAllCases(options: readonly string[]): Promise<void> {
  const failures: string[] = [];
  const { passed } = await run([folder, ...options], (line) => failures.push(line));
  equal(failures.join('\n'), '');
  equal(passed, cases);
}
