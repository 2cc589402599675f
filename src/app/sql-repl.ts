/** `tributary sql repl`: statements one at a time, and the rows of a SELECT as they come. */
import { createInterface } from 'node:readline';
import { describeError } from '../base/errors.ts';
import { type Io, writeLine } from '../cli/io.ts';
import type { ScriptPlan } from '../sql/check/check.ts';
import { SqlRun } from '../sql/runtime/run.ts';
import { isComplete, SqlSession } from '../sql/session/session.ts';
import { MetricRegistry } from '../telemetry/metrics.ts';
import { checkScript, explanationOf } from './sql-files.ts';
import { defaultBroker, quietLog, showRows } from './sql-run.ts';
import { openSqlWorld, type SqlWorld } from './sql-world.ts';

export interface ReplOptions {
  /** A script whose definitions are there from the beginning. */
  readonly script: string;
  readonly broker: string | undefined;
}

const help = `Statements end with ";". What CREATE, PARTITION and INSERT INTO an internal stream say is kept;
a SELECT, or an INSERT INTO a sink, runs until Ctrl-C and shows its rows.
  \\d        streams and tables        \\d NAME   columns of one
  \\e QUERY; the plan of a query       \\q        leaves, as Ctrl-D does`;

export async function runRepl({ script, broker }: ReplOptions, io: Io): Promise<number> {
  const session = new SqlSession();
  session.load(script);
  const { log, secrets } = await quietLog(script, io);
  await using opened = await openSqlWorld({
    broker: broker ?? defaultBroker,
    env: io.env,
    log,
    print: (line) => writeLine(io.stdout, line),
    status: (stream, detail) => writeLine(io.stderr, secrets.text(`${stream}: ${detail ?? 'connected'}`)),
  });
  const isTerminal = io.stdout.isTTY === true && 'isTTY' in io.stdin && io.stdin.isTTY === true;
  const lines = createInterface({ input: io.stdin, output: isTerminal ? io.stdout : undefined, terminal: isTerminal });
  let running: AbortController | undefined;
  let text = '';
  const prompt = (): void => {
    if (!isTerminal) return;
    lines.setPrompt(text === '' ? 'sql> ' : '...> ');
    lines.prompt();
  };
  /** Ends the query where one runs; else what has been typed is forgotten. */
  const interrupt = (): void => {
    if (running !== undefined) {
      running.abort();
      return;
    }
    text = '';
    if (isTerminal) writeLine(io.stdout, '');
    prompt();
  };
  const leave = (): void => {
    if (isTerminal) running?.abort();
  };
  lines.on('SIGINT', interrupt).on('close', leave);
  process.on('SIGINT', interrupt);
  try {
    if (isTerminal) writeLine(io.stdout, help);
    prompt();
    for await (const line of lines) {
      if (text === '' && line.trim() === '\\q') break;
      text += `${line}\n`;
      const entered = text;
      if (entered.trim() === '' || isCommand(entered) || isComplete(entered)) {
        text = '';
        secrets.add({ 'sql.text': entered }, []);
        running = new AbortController();
        await say(io, () => obey(entered, session, opened, running!.signal, io));
        running = undefined;
      }
      prompt();
    }
    // What is piped in may end without a sign; what is left in a terminal was not meant.
    if (!isTerminal && text.trim() !== '') {
      running = new AbortController();
      await say(io, () => obey(text, session, opened, running!.signal, io));
    }
    return 0;
  } finally {
    process.off('SIGINT', interrupt);
    lines.close();
  }

  /** What goes wrong is said, and the next statement may be entered. */
  async function say(to: Io, run: () => Promise<void>): Promise<void> {
    try {
      await run();
    } catch (error) {
      writeLine(to.stderr, secrets.text(explanationOf(error) ?? describeError(error)));
    }
  }
}

/** A command ends with its line, but for the one that takes a query. */
function isCommand(text: string): boolean {
  return /^\s*\\/.test(text) && !/^\s*\\e\b/.test(text);
}

async function obey(
  text: string,
  session: SqlSession,
  { world }: SqlWorld,
  signal: AbortSignal,
  io: Io,
): Promise<void> {
  const [, command, rest = ''] = /^\s*\\(\w*)\s*([\s\S]*)$/.exec(text) ?? [];
  if (command === 'd') return writeLine(io.stdout, describeStreams(session.plan, rest.trim()));
  if (command !== undefined && command !== 'e') return writeLine(io.stdout, help);
  for (const entered of session.enter(command === 'e' ? rest : text)) {
    if (entered.kind === 'defined') writeLine(io.stdout, `${entered.what}: kept`);
    else if (command === 'e') {
      const { explain } = await import('../sql/plan/explain.ts');
      writeLine(io.stdout, explain(checkScript(entered.script)));
    } else {
      const run = new SqlRun(entered.script, { ...world, metrics: new MetricRegistry().root() });
      const shown = showRows(run, entered.shows, io);
      await run.run(signal);
      writeLine(io.stderr, `${shown()} rows`);
    }
  }
}

function describeStreams({ streams }: ScriptPlan, name: string): string {
  if (name === '') {
    const all = [...streams.values()].map(({ name, isTable, options }) => {
      const kind = isTable ? 'table' : options.role === 'internal' ? 'stream' : options.role;
      return `${name}  ${kind}${options.extension === undefined ? '' : `  ${options.extension}`}`;
    });
    return all.length === 0 ? 'Nothing has been defined.' : all.join('\n');
  }
  const stream = streams.get(name);
  if (stream === undefined) return `There is no stream "${name}".`;
  return stream.columns.map((column) => `${column.name}  ${column.type}`).join('\n');
}
