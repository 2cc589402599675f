/** From the rows of faults and the results of their tests to docs/reliability.md. */
import type { FaultRow, FaultTest } from './fault-rows.ts';

export interface TestResult {
  /** Where the test stands. */
  readonly file: string;
  /** Titles of its groups, its own last. */
  readonly titles: readonly string[];
  readonly outcome: 'passed' | 'failed' | 'skipped';
  readonly durationMs: number;
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
  if (own.length === 0) return notRun;
  const parts = (['passed', 'failed', 'skipped'] as const).filter((outcome) => count(outcome) > 0);
  return parts.map((outcome) => `${count(outcome)} ${outcome}`).join(', ');
}

/** The same with what it took: a run in full is rare, and says of which code it is. */
export function longResultText(test: FaultTest, results: readonly TestResult[], day: string, commit: string): string {
  const text = resultText(test, results);
  if (text === notRun) return notRun;
  const own = results.filter((result) => isOf(test, result));
  const seconds = own.reduce((sum, { durationMs }) => sum + durationMs, 0) / 1000;
  return `${text} in ${seconds < 10 ? seconds.toFixed(1) : Math.round(seconds)} s, ${day}, ${commit}`;
}

export const notRun = 'not run';
/** Of a test that does the same with TEST_LONG=1 as without. */
export const noLongForm = '–';

/** What stands behind a test in the report. */
export interface Cells {
  readonly last: string;
  readonly long: string;
}

/** How a test is called in the report, in the rows of all faults that name it. */
export function nameOf({ title, file }: FaultTest): string {
  const words = title.replace(/\$\{([^}]*)\}/g, '…');
  return `${words.replaceAll('|', '\\|')} (\`${file}\`)`;
}

const tableRow = /^\| (.*\(`[^`]+`\)) \| ([^|]*) \| ([^|]*) \|$/gm;

/** The report is where results are kept: what a run does not ask for again is read from it. */
export function cellsOf(report: string): Map<string, Cells> {
  return new Map([...report.matchAll(tableRow)].map(([, name, last, long]) => [name!, { last: last!, long: long! }]));
}

/** The report without what changes from run to run. */
export function withoutResults(report: string): string {
  return report.replace(tableRow, '| $1 |');
}

export function reportOf(rows: readonly FaultRow[], cells: ReadonlyMap<string, Cells>): string {
  const lines = [
    '# What is promised when things fail',
    '',
    'Made by `npm run reliability`, which runs the tests named here; do not edit it by hand. The rows stand in',
    '`test/support/fault-rows.ts`. Results stay here until a test is run again: "last result" is of the form that `npm test` runs,',
    '"last long run" of the one in full (`TEST_LONG=1`), with what it took, its day, and the last commit that had changed `src` then.',
    `"${noLongForm}" stands where both are the same.`,
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
      '| test | last result | last long run |',
      '| --- | --- | --- |',
    );
    for (const test of tests) {
      const { last, long } = cells.get(nameOf(test)) ?? { last: notRun, long: notRun };
      lines.push(`| ${nameOf(test)} | ${last} | ${long} |`);
    }
    if (limit !== undefined) lines.push('', `Not promised: ${limit}`);
    if (missing !== undefined) lines.push('', `Not there: ${missing}`);
    lines.push('');
  }
  return lines.join('\n');
}
