/**
 * `npm run conformance -- NAME …`: plays recorded data of one kind against the program and counts. A kind is a file of
 * ./runners/ that exports `usage` and `run`.
 */
import { existsSync, readdirSync } from 'node:fs';
import type { Runner } from './runners/runner.ts';

const folder = new URL('runners/', import.meta.url);
const [name = '', ...args] = process.argv.slice(2);
const file = new URL(`${name}.ts`, folder);

if (!/^[a-z]+$/.test(name) || name === 'runner' || !existsSync(file)) {
  console.error(`Unknown kind "${name}". There are:\n${(await usages()).join('\n')}`);
  process.exit(2);
}
const runner = (await import(file.href)) as Runner;
try {
  const { passed, failed } = await runner.run(args, (line) => console.log(line));
  console.log(`${passed} passed, ${failed} failed`);
  process.exitCode = failed === 0 ? 0 : 1;
} catch (error) {
  console.error(error instanceof Error ? error.message : String(error));
  process.exitCode = 2;
}

async function usages(): Promise<string[]> {
  const names = readdirSync(folder).filter((entry) => entry.endsWith('.ts') && entry !== 'runner.ts');
  const modules = await Promise.all(names.map(async (entry) => (await import(new URL(entry, folder).href)) as Runner));
  return modules.map(({ usage }) => `  npm run conformance -- ${usage}`);
}
