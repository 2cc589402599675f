/** `tributary sql run`: one script at work, without a worker. */
import { systemClock } from '../base/clock.ts';
import { TributaryError } from '../base/errors.ts';
import type { Broker } from '../broker/broker.ts';
import type { Io } from '../cli/io.ts';
import { interruptSignal, writeLine } from '../cli/io.ts';
import type { ConnectorContext } from '../connectors/contract.ts';
import { unrestricted } from '../net/outbound-policy.ts';
import { sinkMapper } from '../sql/mapping/sink-mapper.ts';
import { SqlRun } from '../sql/runtime/run.ts';
import { checkBrokerAddress, openBroker } from './broker-factory.ts';
import { loadConnectors } from './connectors.ts';
import { checkScript } from './sql-files.ts';

export interface SqlRunOptions {
  readonly script: string;
  /** A statement more, whose rows are shown where it has no INSERT. */
  readonly execute: string | undefined;
  readonly broker: string | undefined;
}

export async function runSql(options: SqlRunOptions, io: Io): Promise<number> {
  const script = options.execute === undefined ? options.script : `${options.script}\n;\n${options.execute}`;
  checkScript(script); // before anything is opened
  const connectors = await loadConnectors();
  const { webSocketSink } = await import('../connectors/websocket-sink/connector.ts');
  const { openLog } = await import('../telemetry/pino-log.ts');
  const { MetricRegistry } = await import('../telemetry/metrics.ts');
  const log = openLog({ level: 'warn' });
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
      if (detail !== undefined) writeLine(io.stderr, `${stream}: ${detail}`);
    },
  });
  const source = (extension: string) => {
    const found = connectors.find(({ name }) => name === extension);
    if (found?.kind !== 'source') throw new TributaryError('CONFIG_INVALID', `No source for extension "${extension}"`);
    return found;
  };
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
  });
  showBareSelect(run, io);
  try {
    await run.run(interruptSignal());
    return 0;
  } finally {
    for (const { stream, rows, dropped } of run.application.statistics().streams)
      writeLine(io.stderr, `${stream}: ${rows} rows${dropped === 0 ? '' : `, ${dropped} dropped`}`);
    if (opened !== undefined) await (await opened).close();
  }
}

/** Rows of a SELECT that nobody gave a target are what the user wants to see. */
function showBareSelect({ application }: SqlRun, io: Io): void {
  const stream = application.plan.streams.get('OutputStream');
  if (stream === undefined || stream.options.role === 'sink') return;
  const map = sinkMapper(stream);
  application.subscribe(stream.name, (row) => writeLine(io.stdout, String(map(row))));
}
