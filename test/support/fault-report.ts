/** From the rows of faults and the results of their tests to docs/reliability.md. */
import type { FaultRow, FaultTest } from './fault-rows.ts';

export interface TestResult {
  /** Where the test stands. */
  readonly file: string;
  /** Titles of its groups, its own last. */
  readonly titles: readonly string[];
  readonly outcome: 'passed' | 'failed' | 'skipped';
}

/** True for results of this test: placeholders of its title stand for anything, and a suite may put a name before it. */
export function isOf({ file, title, source = file, within = '' }: FaultTest, result: TestResult): boolean {
  if (result.file !== source || !result.titles.join(' > ').includes(within)) return false;
  const parts = title.split(/\$\{[^}]*\}/).map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
  const pattern = new RegExp(`^(?:[\\w ]+: )?${parts.join('.*')}$`, 's');
  return result.titles.some((text) => pattern.test(text));
}

export function resultText(test: FaultTest, results: readonly TestResult[]): string {
  const own = results.filter((result) => isOf(test, result));
  const count = (outcome: TestResult['outcome']): number => own.filter((result) => result.outcome === outcome).length;
  if (own.length === 0) return 'not run';
  const parts = (['passed', 'failed', 'skipped'] as const).filter((outcome) => count(outcome) > 0);
  return parts.map((outcome) => `${count(outcome)} ${outcome}`).join(', ');
}

/** The report without what changes from run to run. */
export function withoutResults(report: string): string {
  return report.replace(/^(\| .*\(`[^`]+`\)) \| [^|]* \|$/gm, '$1').replace(/^Last run: .*$/m, '');
}

export function reportOf(rows: readonly FaultRow[], results: readonly TestResult[], lastRun: string): string {
  const lines = [
    '# What is promised when things fail',
    '',
    'Made by `npm run reliability`, which runs the tests named here; do not edit it by hand. The rows stand in',
    '`test/support/fault-rows.ts`.',
    '',
    `Last run: ${lastRun}`,
    '',
    '| mode | what it means |',
    '| --- | --- |',
    '| A | best effort: never silent; what was received is in the topic or in a counter of drops |',
    '| B | at least once from receipt. With a spool ([spool.md](spool.md)) receipt is the sync on this machine; without one it holds while the process lives: what was received and not yet acknowledged is lost by `kill -9`, and the next start says so |',
    '| C | exactly once: offset and records in one transaction; read-committed readers see each once |',
    '| D | a source that resumes: what the server still holds arrives |',
    '| E | two connections to one feed: either may fail, the union has no gap and nothing twice |',
    '| G | gateway, from a position: every offset from there on, over reconnects |',
    '| H | gateway, newest value: bounded memory, the newest value of each key arrives |',
    '',
  ];
  for (const { number, fault, promise, modes, tests, missing, limit } of rows) {
    lines.push(
      `## ${number}. ${fault}`,
      '',
      `${promise}. Modes: ${modes}.`,
      '',
      '| test | last result |',
      '| --- | --- |',
    );
    for (const test of tests)
      lines.push(`| ${escaped(test.title)} (\`${test.file}\`) | ${resultText(test, results)} |`);
    if (limit !== undefined) lines.push('', `Not promised: ${limit}`);
    if (missing !== undefined) lines.push('', `Not there: ${missing}`);
    lines.push('');
  }
  return lines.join('\n');
}

function escaped(title: string): string {
  const words = title.replace(/\$\{([^}]*)\}/g, '…');
  return words.replaceAll('|', '\\|');
}
