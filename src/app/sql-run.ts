/** `tributary sql run`: one script at work, without a worker. */
import type { Io } from '../cli/io.ts';
import { interruptSignal, writeLine } from '../cli/io.ts';
import { sinkMapper } from '../sql/mapping/sink-mapper.ts';
import type { CheckpointSettings } from '../sql/runtime/checkpoints.ts';
import { SqlRun } from '../sql/runtime/run.ts';
import type { Log } from '../telemetry/log.ts';
import { KnownSecrets } from './known-secrets.ts';
import { checkpointDefaults } from './sql-checkpoints.ts';
import { checkScript } from './sql-files.ts';
import { openSqlWorld } from './sql-world.ts';

export interface SqlRunOptions {
  readonly script: string;
  /** A statement more, whose rows are shown where it has no INSERT. */
  readonly execute: string | undefined;
  readonly broker: string | undefined;
  /** Under which checkpoints are found again. */
  readonly name: string;
  readonly reset: boolean;
  readonly atLeastOnce: boolean;
  /** What each query may keep; undefined: the default. */
  readonly maxState: number | undefined;
}

export async function runSql(options: SqlRunOptions, io: Io): Promise<number> {
  const script = options.execute === undefined ? options.script : `${options.script}\n;\n${options.execute}`;
  const { streams } = checkScript(script); // before anything is opened
  const { log, secrets } = await quietLog(script, io);
  // Without a topic there is no broker to keep a checkpoint, unless one is named; a statement more is there to have a look.
  const hasTopics = [...streams.values()].some((stream) => stream.options.extension === 'kafka');
  const remembers = options.execute === undefined && (hasTopics || options.broker !== undefined);
  await using opened = await openSqlWorld({
    broker: options.broker ?? defaultBroker,
    env: io.env,
    log,
    maxState: options.maxState,
    print: (line) => writeLine(io.stdout, line),
    status: (stream, detail) => {
      if (detail !== undefined) writeLine(io.stderr, secrets.text(`${stream}: ${detail}`));
    },
    ...(remembers && { checkpoints: checkpointsOf(options, io) }),
  });
  const run = new SqlRun(script, opened.world);
  showBareSelect(run, io);
  try {
    await run.run(interruptSignal());
    return 0;
  } catch (error) {
    throw secrets.error(error);
  } finally {
    for (const { query, target, refused, stateLimit } of run.application.statistics().queries)
      if (refused > 0)
        writeLine(
          io.stderr,
          `query ${query + 1} (${target}): ${refused} refused, it keeps ${stateLimit} (--max-state)`,
        );
    for (const { stream, rows, dropped } of run.application.statistics().streams)
      writeLine(io.stderr, `${stream}: ${rows} rows${dropped === 0 ? '' : `, ${dropped} dropped`}`);
  }
}

export const defaultBroker = 'embedded:./data';

/** For commands: warnings on standard error, without the secrets of the script. */
export async function quietLog(script: string, io: Io): Promise<{ readonly log: Log; readonly secrets: KnownSecrets }> {
  const { openLog } = await import('../telemetry/pino-log.ts');
  const secrets = new KnownSecrets();
  secrets.add({ 'sql.text': script }, []);
  return { log: openLog({ level: 'warn', output: io.stderr, redaction: secrets.redaction }), secrets };
}

function checkpointsOf({ name, reset, atLeastOnce }: SqlRunOptions, io: Io): CheckpointSettings {
  return {
    ...checkpointDefaults,
    application: name,
    delivery: atLeastOnce ? 'at-least-once' : 'exactly-once',
    reset,
    generation: '',
    howToReset: 'start it with --reset; another application needs a --name of its own',
    onRestored: (takenAtMs) => {
      const at = new Date(takenAtMs).toISOString();
      writeLine(io.stderr, `${name} goes on from its checkpoint of ${at}. --reset starts it anew.`);
    },
  };
}

/** Rows of a SELECT that nobody gave a target are what the user wants to see. */
function showBareSelect(run: SqlRun, io: Io): void {
  const stream = run.application.plan.streams.get('OutputStream');
  if (stream !== undefined && stream.options.role !== 'sink') showRows(run, stream.name, io);
}

/** Writes the rows of a stream as lines; gives how many there were so far. */
export function showRows({ application }: SqlRun, name: string, io: Io): () => number {
  const map = sinkMapper(application.plan.streams.get(name)!);
  let rows = 0;
  application.subscribe(name, (row) => {
    rows++;
    writeLine(io.stdout, Buffer.from(map(row)).toString());
  });
  return () => rows;
}
