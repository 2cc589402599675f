/**
 * A SQL application as a connector: the worker starts, stops and shows it like any other. The language is loaded when there is
 * a script, and not before: it costs 50 ms, and most workers have none.
 */
import { createRequire } from 'node:module';
import { extname } from 'node:path';
import { TributaryError } from '../base/errors.ts';
import type { Broker } from '../broker/broker.ts';
import { define, parse } from '../config/config-def.ts';
import { int, oneOf, type Problem, string } from '../config/option.ts';
import type { ConnectorContext, SinkConnector, SourceBatch, SourceConnector } from '../connectors/contract.ts';
import { sseSource } from '../connectors/sse-source/connector.ts';
import { webSocketSink } from '../connectors/websocket-sink/connector.ts';
import { webSocketSource } from '../connectors/websocket-source/connector.ts';
import { defaultMaxState } from '../sql/operators/operator.ts';
import type { Part } from '../sql/runtime/part.ts';
import type { SqlRun, World } from '../sql/runtime/run.ts';
import { checkpointDefaults, maxCheckpointIntervalMs } from './sql-checkpoints.ts';

/** Options are validated in one go, without waiting: the modules behind them are therefore required, not imported. */
const require = createRequire(import.meta.url);
const extension = extname(import.meta.filename);

const config = define({
  'sql.text': string({
    importance: 'high',
    validate: (value) => (value === null ? undefined : scriptProblem(value)),
    doc: 'The script: streams, queries and sinks. Streams of extension kafka are topics of the broker of this worker.',
  }),
  'delivery.guarantee': string({
    default: 'exactly-once',
    validate: oneOf(['exactly-once', 'at-least-once']),
    doc: 'For rows that go to topics. "exactly-once": a reader of what is committed sees each row once, with the checkpoint behind it, and so up to "checkpoint.interval.ms" later. "at-least-once": rows are seen at once, and those behind the last checkpoint again after a crash.',
  }),
  'state.max.entries': int({
    default: defaultMaxState,
    min: 1,
    doc: 'Rows, groups, distinct values and partial matches that each query, and rows that each table, may keep in memory. A row that needs one more is refused and counted.',
  }),
  'checkpoint.interval.ms': int({
    default: checkpointDefaults.intervalMs,
    min: 1,
    max: maxCheckpointIntervalMs,
    doc: 'How often state and positions are stored while something happens. The application goes on from the last checkpoint when it starts again.',
  }),
  'checkpoint.generation': string({
    default: '',
    doc: 'State and positions are forgotten once whenever this text is another one than before. A script whose queries have changed needs it.',
  }),
  'checkpoint.max.bytes': int({
    default: checkpointDefaults.maxBytes,
    min: 1024,
    importance: 'low',
    doc: 'The largest state that a checkpoint may hold. Beyond it the application fails.',
  }),
});

/** Only text, no file: who may write configurations must not read what lies on this machine. */
export function sqlConnector(broker: () => Promise<Broker>, groupId = 'tributary'): SourceConnector {
  return {
    kind: 'source',
    name: 'sql',
    classNames: ['tributary.SqlApplication'],
    version: '1.0.0',
    config,
    /** One application is one task, unless it may have more and can be cut into parts that they share. */
    tasks: (raw, max) =>
      max > 1 && sqlFiles().cutOfScript(raw['sql.text']!).kind === 'parts'
        ? Array.from({ length: max }, () => raw)
        : [raw],
    checkOffsets() {
      throw new TributaryError(
        'CONFIG_INVALID',
        'The positions of a SQL application stand in its checkpoints, with the state that belongs to them: give "checkpoint.generation" another value to forget both',
      );
    },
    /** The connection of each stream, one after the other; topics are only looked for. */
    async probe(raw, context) {
      const [{ tryConnections }, { checkScript }] = await Promise.all([
        import('../sql/runtime/try-connections.ts'),
        import('./sql-files.ts'),
      ]);
      const world: Pick<World, 'source' | 'sink' | 'broker' | 'context'> = {
        source: sourceOf,
        sink: sinkOf,
        broker,
        context: (stream, signal) => ({
          ...context,
          metrics: context.metrics.child({ stream }),
          signal,
          setStatus() {},
        }),
      };
      const said: string[] = [];
      let isGood = true;
      for await (const tried of tryConnections(checkScript(parse(config, raw)['sql.text']), world, context.signal)) {
        if (tried.problem !== undefined) isGood = false;
        said.push(`${tried.stream}: ${tried.problem ?? tried.found}`);
      }
      const detail = said.join('; ');
      return isGood ? { ok: true, detail } : { ok: false, reason: detail };
    },
    open(raw, context) {
      const values = parse(config, raw);
      const statusOf = statusOfStreams((detail) => context.setStatus(detail));
      const worldOf = (part?: Part): World => ({
        clock: context.clock,
        random: context.random,
        log: context.log,
        metrics: metricsOf(context, part),
        print: (line) => context.log.info('sql_row', { line }),
        source: sourceOf,
        sink: sinkOf,
        broker,
        context: (stream, signal) => ({
          ...context,
          metrics: metricsOf(context, part).child({ stream }),
          signal,
          setStatus: (detail) => statusOf(part === undefined ? stream : `part ${part.index}, ${stream}`, detail),
        }),
        ...(part && {
          part,
          onRestoring: (isRestoring: boolean) =>
            statusOf(`part ${part.index}`, isRestoring ? 'reading its last checkpoint' : undefined),
        }),
        maxState: values['state.max.entries'],
        checkpoints: {
          application: `${groupId}-${context.connector}`,
          intervalMs: values['checkpoint.interval.ms'],
          delivery: values['delivery.guarantee'] === 'exactly-once' ? 'exactly-once' : 'at-least-once',
          reset: false,
          generation: values['checkpoint.generation'],
          howToReset: 'give "checkpoint.generation" another value',
          maxBytes: values['checkpoint.max.bytes'],
        },
      });
      const script = values['sql.text'];
      const tasks = Number(raw['tasks.max'] ?? 1);
      const { signal, task } = context;
      return ended(async () => {
        const cut = tasks > 1 ? sqlFiles().cutOfScript(script) : undefined;
        if (cut?.kind === 'parts') {
          const { runParts } = await import('./sql-parts.ts');
          await runParts({ script, broker: await broker(), task, tasks, worldOf, say: statusOf, signal });
          return;
        }
        if (cut !== undefined) {
          context.log.warn('sql_not_cut', { tasks_max: tasks, reason: cut.reason });
          statusOf('tasks.max has no effect', cut.reason);
        }
        const run = await newRun(script, worldOf());
        await run.run(signal);
      });
    },
  };
}

function sourceOf(extension: string): SourceConnector {
  switch (extension) {
    case 'sse':
      return sseSource();
    case 'websocket':
      return webSocketSource;
    default:
      throw new TributaryError('CONFIG_INVALID', `No source for extension "${extension}"`);
  }
}

function sinkOf(extension: string): SinkConnector {
  if (extension === 'websocket') return webSocketSink;
  throw new TributaryError('CONFIG_INVALID', `No sink for extension "${extension}"`);
}

/** The one status of the task says what each stream has to say that is not well. */
function statusOfStreams(
  say: (detail: string | undefined) => void,
): (stream: string, detail: string | undefined) => void {
  const said = new Map<string, string>();
  return (stream, detail) => {
    if (detail === undefined) said.delete(stream);
    else said.set(stream, detail);
    const all = [...said].map(([name, what]) => `${name}: ${what}`);
    say(all.length === 0 ? undefined : all.join('; '));
  };
}

async function newRun(script: string, world: World): Promise<SqlRun> {
  const runtime = await import('../sql/runtime/run.ts');
  return new runtime.SqlRun(script, world);
}

/** Gives no records to the worker: the application writes by itself. */
function ended(run: () => Promise<void>): AsyncIterable<SourceBatch> {
  return {
    [Symbol.asyncIterator]: () => ({
      async next() {
        await run();
        return { done: true, value: undefined };
      },
    }),
  };
}

/** The parts of one task have metrics of their own. */
function metricsOf({ metrics }: ConnectorContext, part: Part | undefined): World['metrics'] {
  return part === undefined ? metrics : metrics.child({ part: String(part.index) });
}

function sqlFiles(): typeof import('./sql-files.ts') {
  return require(`./sql-files${extension}`) as typeof import('./sql-files.ts');
}

/** Without the value, which is a whole script. */
function scriptProblem(script: string): Problem | undefined {
  const { checkScript, explanationOf } = sqlFiles();
  try {
    checkScript(script);
    return undefined;
  } catch (error) {
    const explanation = explanationOf(error);
    if (explanation === undefined) throw error;
    return { text: `Invalid value for configuration sql.text: ${explanation.split('\n')[0]}` };
  }
}

export function noBroker(): Promise<never> {
  return Promise.reject(new TributaryError('INTERNAL', 'A SQL application has been opened without a broker'));
}
