import { basename } from 'node:path';
import { command } from './command.ts';
import { writeLine } from './io.ts';

const script = { name: 'FILE', doc: 'a script of streaming SQL' };

/** What is wrong with a script is shown with its line and a caret; the rest is for the caller. */
async function withProblems(run: () => Promise<void>, stderr: Parameters<typeof writeLine>[0]): Promise<number> {
  const { explanationOf } = await import('../app/sql-files.ts');
  try {
    await run();
    return 0;
  } catch (error) {
    const explanation = explanationOf(error);
    if (explanation === undefined) throw error;
    writeLine(stderr, explanation);
    return 1;
  }
}

const broker = {
  kind: 'text',
  value: 'ADDRESS',
  doc: 'For topics and checkpoints: embedded:DIR or kafka://HOST:PORT (default embedded:./data)',
} as const;

export const sqlCheck = command({
  name: 'sql check',
  summary: 'Checks scripts of streaming SQL: syntax, names, types and options',
  operands: [{ ...script, many: true }],
  options: {
    connect: { kind: 'flag', doc: 'Also opens the connection of each source and sink for a moment' },
    broker,
  },
  examples: ['tributary sql check app.sql', 'tributary sql check --connect app.sql'],
  async run({ operands, options, io }) {
    const { checkScript, readScript } = await import('../app/sql-files.ts');
    let code = 0;
    for (const file of operands) {
      const one = await withProblems(async () => {
        const text = readScript(file);
        const { streams, queries } = checkScript(text);
        writeLine(
          io.stdout,
          `${file}: nothing wrong was found in ${streams.size} streams and ${queries.length} queries.`,
        );
        if (!options.connect) return;
        const { showConnections } = await import('../app/sql-connections.ts');
        if (!(await showConnections(text, options.broker, io))) code = 1;
      }, io.stderr);
      code = Math.max(code, one);
    }
    return code;
  },
});

export const sqlExplain = command({
  name: 'sql explain',
  summary: 'Shows the streams, operators and state of a script of streaming SQL',
  operands: [script],
  options: {},
  examples: ['tributary sql explain app.sql'],
  async run({ operands, io }) {
    const { explainFile } = await import('../app/sql-files.ts');
    return withProblems(async () => writeLine(io.stdout, explainFile(operands[0]!)), io.stderr);
  },
});

export const sqlTest = command({
  name: 'sql test',
  summary: 'Plays cases against a script of streaming SQL, without a broker or a clock',
  operands: [script, { name: 'CASES', doc: 'JSON Lines: steps and the rows that must come of them' }],
  options: {},
  examples: ['tributary sql test app.sql cases.jsonl'],
  async run({ operands, io }) {
    const { testFile } = await import('../app/sql-files.ts');
    const { passed, failures } = testFile(operands[0]!, operands[1]!);
    for (const failure of failures) writeLine(io.stdout, `FAIL ${failure}`);
    writeLine(io.stdout, `${passed} passed, ${failures.length} failed`);
    return failures.length === 0 ? 0 : 1;
  },
});

export const sqlRun = command({
  name: 'sql run',
  summary: 'Runs a script of streaming SQL until Ctrl-C: `tributary sql FILE` is the same',
  operands: [script],
  options: {
    execute: {
      kind: 'text',
      short: 'e',
      value: 'STATEMENT',
      doc: 'One statement more; rows of a bare SELECT are shown',
    },
    broker,
    name: {
      kind: 'text',
      value: 'NAME',
      doc: 'Under which its checkpoints are found again (default: the name of FILE without .sql)',
    },
    reset: { kind: 'flag', doc: 'Forgets the state and positions of the last checkpoint' },
    'max-state': {
      kind: 'number',
      value: 'ENTRIES',
      doc: 'Rows, groups, distinct values and partial matches that each query may keep (default 250000)',
    },
    'at-least-once': {
      kind: 'flag',
      doc: 'Rows that go to topics are seen at once, and those behind the last checkpoint again after a crash',
    },
  },
  examples: ['tributary sql app.sql', `tributary sql run app.sql -e "SELECT * FROM Trades"`],
  async run({ options, operands, io }) {
    const { readScript } = await import('../app/sql-files.ts');
    const { runSql } = await import('../app/sql-run.ts');
    let code = 0;
    const wrong = await withProblems(async () => {
      const [file = ''] = operands;
      const { execute, broker, reset, name = basename(file, '.sql'), 'at-least-once': atLeastOnce } = options;
      const maxState = options['max-state'];
      code = await runSql({ script: readScript(file), execute, broker, reset, name, atLeastOnce, maxState }, io);
    }, io.stderr);
    return Math.max(code, wrong);
  },
});

export const sqlRepl = command({
  name: 'sql repl',
  summary: 'Takes statements of streaming SQL from the terminal and shows the rows of a SELECT as they come',
  operands: [{ ...script, doc: 'a script whose streams are there from the beginning', optional: true }],
  options: { broker },
  examples: ['tributary sql repl', 'tributary sql repl app.sql --broker kafka://localhost:9092'],
  async run({ options, operands, io }) {
    const { readScript } = await import('../app/sql-files.ts');
    const { runRepl } = await import('../app/sql-repl.ts');
    const [file] = operands;
    let code = 0;
    const wrong = await withProblems(async () => {
      code = await runRepl({ script: file === undefined ? '' : readScript(file), broker: options.broker }, io);
    }, io.stderr);
    return Math.max(code, wrong);
  },
});
