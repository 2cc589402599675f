/** `tributary sql run`: one script at work, without a worker. */
import { systemClock } from '../base/clock.ts';
import { TributaryError } from '../base/errors.ts';
import type { Broker } from '../broker/broker.ts';
import type { Io } from '../cli/io.ts';
import { interruptSignal, writeLine } from '../cli/io.ts';
import type { ConnectorContext } from '../connectors/contract.ts';
import { unrestricted } from '../net/outbound-policy.ts';
import { sinkMapper } from '../sql/mapping/sink-mapper.ts';
import type { CheckpointSettings } from '../sql/runtime/checkpoints.ts';
import { SqlRun } from '../sql/runtime/run.ts';
import { checkBrokerAddress, openBroker } from './broker-factory.ts';
import { loadConnectors } from './connectors.ts';
import { KnownSecrets } from './known-secrets.ts';
import { checkpointDefaults } from './sql-checkpoints.ts';
import { checkScript } from './sql-files.ts';

export interface SqlRunOptions {
  readonly script: string;
  /** A statement more, whose rows are shown where it has no INSERT. */
  readonly execute: string | undefined;
  readonly broker: string | undefined;
  /** Under which checkpoints are found again. */
  readonly name: string;
  readonly reset: boolean;
  readonly atLeastOnce: boolean;
}

export async function runSql(options: SqlRunOptions, io: Io): Promise<number> {
  const script = options.execute === undefined ? options.script : `${options.script}\n;\n${options.execute}`;
  const { streams } = checkScript(script); // before anything is opened
  const connectors = await loadConnectors();
  const { webSocketSink } = await import('../connectors/websocket-sink/connector.ts');
  const { openLog } = await import('../telemetry/pino-log.ts');
  const { MetricRegistry } = await import('../telemetry/metrics.ts');
  const secrets = new KnownSecrets();
  secrets.add({ 'sql.text': script }, connectors);
  const log = openLog({ level: 'warn', output: io.stderr, redaction: secrets.redaction });
  const metrics = new MetricRegistry().root();
  let opened: Promise<Broker> | undefined;
  const broker = (): Promise<Broker> => {
    opened ??= openBroker({
      address: checkBrokerAddress(options.broker ?? 'embedded:./data'),
      kafka: {},
      providers: { env: io.env, folder: '.' },
      log,
      metrics,
    });
    return opened;
  };
  const context = (stream: string, signal: AbortSignal): ConnectorContext => ({
    connector: stream,
    task: 0,
    clock: systemClock,
    random: Math.random,
    log,
    metrics: metrics.child({ stream }),
    outbound: unrestricted, // the script is the operator's own
    signal,
    setStatus: (detail) => {
      if (detail !== undefined) writeLine(io.stderr, secrets.text(`${stream}: ${detail}`));
    },
  });
  const source = (extension: string) => {
    const found = connectors.find(({ name }) => name === extension);
    if (found?.kind !== 'source') throw new TributaryError('CONFIG_INVALID', `No source for extension "${extension}"`);
    return found;
  };
  // Without a topic there is no broker to keep a checkpoint, unless one is named; a statement more is there to have a look.
  const hasTopics = [...streams.values()].some((stream) => stream.options.extension === 'kafka');
  const remembers = options.execute === undefined && (hasTopics || options.broker !== undefined);
  const run = new SqlRun(script, {
    clock: systemClock,
    random: Math.random,
    log,
    metrics,
    print: (line) => writeLine(io.stdout, line),
    source,
    sink: () => webSocketSink,
    broker,
    context,
    ...(remembers && { checkpoints: checkpointsOf(options) }),
  });
  showBareSelect(run, io);
  try {
    await run.run(interruptSignal());
    return 0;
  } catch (error) {
    throw secrets.error(error);
  } finally {
    for (const { stream, rows, dropped } of run.application.statistics().streams)
      writeLine(io.stderr, `${stream}: ${rows} rows${dropped === 0 ? '' : `, ${dropped} dropped`}`);
    if (opened !== undefined) await (await opened).close();
  }
}

function checkpointsOf({ name, reset, atLeastOnce }: SqlRunOptions): CheckpointSettings {
  return {
    ...checkpointDefaults,
    application: name,
    delivery: atLeastOnce ? 'at-least-once' : 'exactly-once',
    reset,
    generation: '',
    howToReset: 'start it with --reset',
  };
}

/** Rows of a SELECT that nobody gave a target are what the user wants to see. */
function showBareSelect({ application }: SqlRun, io: Io): void {
  const stream = application.plan.streams.get('OutputStream');
  if (stream === undefined || stream.options.role === 'sink') return;
  const map = sinkMapper(stream);
  application.subscribe(stream.name, (row) => writeLine(io.stdout, String(map(row))));
}
