/** Each row of the tables of limits and faults has a test that begins with its first cell. */
import { deepEqual, ok } from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

const root = join(import.meta.dirname, '../..');
const read = (path: string): string => readFileSync(join(root, path), 'utf8');

const tests = [
  'test/integration/gateway-limits.test.ts',
  'test/faults/gateway-faults.test.ts',
  'test/faults/gateway-kafka.test.ts',
];

/** First cells of the tables between two headings, as plain text. */
function rowsBetween(text: string, from: string, to: string): string[] {
  const start = text.indexOf(from);
  const end = text.indexOf(to, start);
  ok(start !== -1 && end > start, `${from} … ${to}`);
  const cells = text
    .slice(start, end)
    .split('\n')
    .filter((line) => line.startsWith('| '))
    .map((line) => line.split('|')[1]!.trim().replaceAll('`', '').replaceAll('\\', ''));
  return cells.filter((cell) => !['policy', 'limit (default)', 'fault', ''].includes(cell) && !cell.startsWith('---'));
}

test('every row of sections 10.3 and 11 of PROTOCOL.md has a test of its name', () => {
  const protocol = read('src/wire/gateway/PROTOCOL.md');
  const rows = [
    ...rowsBetween(protocol, '### 10.3 Slow consumers', '### 10.4 Memory'),
    ...rowsBetween(protocol, '## 11. Limits and faults', '## 12. Metrics'),
  ];
  ok(rows.length > 35, `${rows.length} rows`);
  // A name is a literal of a test, or a key of a table of such names.
  const names = tests
    .map(read)
    .flatMap((text) => [...text.matchAll(/(?:test\(\s*|^ {2})(['`"])(.*?)\1\s*[,:]/gm)].map(([, , name = '']) => name));
  const missing = rows.filter((row) => !names.some((name) => name === row || name.startsWith(`${row}: `)));
  deepEqual(missing, []);
});
