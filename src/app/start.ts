/** The life of a process that runs connectors: configuration, opening, signals, the end. */
import { isatty } from 'node:tty';
import { systemClock } from '../base/clock.ts';
import { isError, TributaryError } from '../base/errors.ts';
import type { Io } from '../cli/io.ts';
import { type GatewaySettings, gatewayDefaults } from '../gateway/settings.ts';
import { Loggers, type LogThreshold } from '../telemetry/loggers.ts';
import { MetricRegistry } from '../telemetry/metrics.ts';
import { openLog } from '../telemetry/pino-log.ts';
import type { WorkerEnd } from '../worker/worker-end.ts';
import type { AppConfig } from './config/app-config.ts';
import { environmentLogLevel } from './config/connect-environment.ts';
import { accepted, type ConnectFiles, type Loaded, loadConnect, loadYaml } from './config/load-config.ts';
import type { ConfigProblem } from './config/problem.ts';
import { watchCrashes } from './crashes.ts';
import { demoFeedLog, demoNames } from './demo.ts';
import { gatewayReload } from './gateway-reload.ts';
import { KnownSecrets } from './known-secrets.ts';
import { pluginsOfWorkerFile, pluginsOfYaml } from './plugin-paths.ts';
import { loadPlugins, type Plugins } from './plugins.ts';
import { openTerminal } from './terminal.ts';
import { packageVersion } from './version.ts';
import { welcome } from './welcome.ts';
import { type AppParts, openApp, type RunningApp } from './wiring.ts';

export interface StartOptions {
  readonly file: string | undefined;
  readonly demo: boolean;
  readonly listen: string | undefined;
  readonly broker: string | undefined;
  readonly data: string | undefined;
  readonly logLevel: string | undefined;
}

export async function startFromYaml(options: StartOptions, io: Io): Promise<number> {
  const { file, demo, listen, broker, data, logLevel } = options;
  if (broker !== undefined && data !== undefined)
    throw new TributaryError('USAGE', 'Give either --broker or --data, not both.');
  const address = data === undefined ? broker : `embedded:${data}`;
  const overrides = {
    ...(address === undefined ? {} : { broker: address }),
    ...(listen === undefined ? {} : { 'worker.listen': listen }),
    ...(logLevel === undefined ? {} : { 'log.level': logLevel }),
  };
  const secrets = new KnownSecrets();
  const plugins = await pluginsOfYaml(file);
  const onResolved = (key: string, value: string): void => secrets.resolved(key, value);
  const load = (): Loaded<AppConfig> => loadYaml(file, overrides, { env: io.env, ...plugins, onResolved });
  const loaded = load();
  const taken = demo ? loaded.config?.connectors.find(({ name }) => demoNames.includes(name)) : undefined;
  if (taken !== undefined) {
    throw new TributaryError(
      'USAGE',
      `--demo brings a connector "${taken.name}", and "${file!}" has one: leave out --demo or name that one otherwise.`,
    );
  }
  // A newcomer looks at the live line; what goes wrong is still said.
  const quiet = demo && loaded.config !== undefined && !saysLogLevel(options, io.env);
  return run(
    quiet ? { ...loaded, config: { ...loaded.config!, logLevel: 'warn' } } : loaded,
    quiet ? 'quiet' : demo,
    io,
    secrets,
    plugins,
    openApp,
    () => ({ ...(accepted(load()).gateway ?? gatewayDefaults), ...(demo ? { demo } : {}) }),
  );
}

function saysLogLevel({ file, logLevel }: StartOptions, env: NodeJS.ProcessEnv): boolean {
  return file !== undefined || logLevel !== undefined || env['TRIBUTARY_LOG_LEVEL'] !== undefined;
}

export async function startFromConnect(
  files: ConnectFiles & { readonly logLevel: string | undefined },
  io: Io,
): Promise<number> {
  const secrets = new KnownSecrets();
  const plugins = await pluginsOfWorkerFile(files.worker, io.env);
  const onResolved = (key: string, value: string): void => secrets.resolved(key, value);
  const loaded = loadConnect(files, { env: io.env, ...plugins, onResolved });
  const logLevel = (files.logLevel ?? environmentLogLevel(io.env) ?? 'info') as AppConfig['logLevel'];
  return run({ ...loaded, config: loaded.config && { ...loaded.config, logLevel } }, false, io, secrets, plugins);
}

/** How long the end may take beyond the time that tasks were given. */
const closeMs = 1000;

export async function run(
  loaded: Loaded<AppConfig>,
  demo: boolean | 'quiet',
  io: Io,
  secrets: KnownSecrets = new KnownSecrets(),
  plugins?: Plugins,
  open: (parts: AppParts) => Promise<RunningApp> = openApp,
  /** The section `gateway` as its files have it now; undefined where it cannot be read anew. */
  rereadGateway?: () => GatewaySettings,
): Promise<number> {
  const config = accepted(loaded);
  const terminal = openTerminal(io.stdout, systemClock);
  // On one and the same terminal the log and the live line take turns.
  const output = terminal.isTTY && io.stderr.isTTY ? { write: terminal.write, isTTY: true } : io.stderr;
  const loggers = new Loggers(config.logLevel.toUpperCase() as LogThreshold, () => systemClock.nowMs());
  if (demo === 'quiet') loggers.set(demoFeedLog, 'ERROR');
  const log = openLog({ loggers, output, redaction: secrets.redaction });
  for (const warning of loaded.warnings) log.warn('config_warning', shown(warning));
  const metrics = new MetricRegistry();
  let reload: (() => void) | undefined;
  const signals = watchSignals(() => {
    if (reload === undefined || isHungUp(io.stdout)) return false;
    reload();
    return true;
  });
  const stopping = new AbortController();
  void signals.first.then(() => stopping.abort());
  const crashes = watchCrashes({
    log,
    redact: (text) => secrets.text(text),
    exit: (code) => process.exit(code),
    source: process,
  });
  try {
    const known = plugins ?? (await loadPlugins([], '.'));
    const shared = { env: io.env, log, loggers, secrets, metrics, stopping: stopping.signal };
    const app = await open({ config, ...known, demo: demo !== false, ...shared });
    terminal.write(
      welcome({
        version: packageVersion(),
        broker: app.broker.address,
        url: app.url,
        gateway: app.gateway,
        exchange: app.exchange,
        connectors: app.connectors,
        program: import.meta.url.endsWith('.ts') ? 'npx tributary' : 'tributary',
      }),
    );
    terminal.startCounting(metrics);
    const { reloadGateway: apply } = app;
    if (apply !== undefined && rereadGateway !== undefined) {
      reload = gatewayReload({ read: rereadGateway, apply, log: log.child({}, 'tributary.gateway'), metrics });
    }
    await signals.first;
    // Now and not at the end: the series of a task go with it.
    terminal.close();
    // Clients of a gateway are told when to come back, and given time to hear it.
    const drainMs = app.gateway === undefined ? 0 : (config.gateway ?? gatewayDefaults).drain.timeoutMs;
    const stopped = await stopInTime(app, config.worker.gracefulTimeoutMs + drainMs + closeMs);
    const end = app.end?.();
    const isLossy = end?.brokerAway !== undefined && end.unwritten.length > 0;
    terminal.write(farewell(stopped, end));
    const code = stopped && !isLossy ? 0 : 1;
    if (end?.brokerAway !== undefined) exitSoon(code);
    return code;
  } catch (error) {
    if (!isError(error, 'ABORTED') || !stopping.signal.aborted) throw secrets.error(error);
    terminal.write('Stopped before it had started.\n');
    exitSoon(0);
    return 0;
  } finally {
    terminal.close();
    signals.release();
    crashes.release();
  }
}

/** Connections to a broker that does not answer would keep the process alive for longer than anybody waits. */
function exitSoon(code: number): void {
  setTimeout(() => process.exit(code), 100).unref();
}

function farewell(stopped: boolean, end: WorkerEnd | undefined): string {
  if (!stopped) return 'Stopped before everything was closed: it took too long.\n';
  if (end?.brokerAway === undefined) return 'Stopped.\n';
  const { brokerAway, unwritten } = end;
  if (unwritten.length === 0) {
    return `Stopped. The broker does not answer (${brokerAway}); all that was received is stored, and the next start goes on with it.\n`;
  }
  return (
    `Stopped. The broker does not answer (${brokerAway}), and these tasks had received more than is stored: ` +
    `${unwritten.join(', ')}. It is lost where their sources cannot give it again; the log has counts (records_left, message_dropped).\n`
  );
}

/** False where the time was over; the process ends all the same, what hangs ends with it. */
async function stopInTime(app: RunningApp, ms: number): Promise<boolean> {
  const late = Promise.withResolvers<false>();
  const timer = setTimeout(() => late.resolve(false), ms);
  const stopped = await Promise.race([app.stop().then(() => true), late.promise]);
  clearTimeout(timer);
  if (!stopped) exitSoon(1);
  return stopped;
}

/** Whether the terminal that we write to was closed. */
function isHungUp({ isTTY }: Io['stdout']): boolean {
  return isTTY === true && !isatty(1);
}

/**
 * The first signal asks for a clean end, a second Ctrl-C ends at once. SIGHUP says that the terminal was closed, unless
 * `onHangup` takes it for itself.
 */
function watchSignals(onHangup: () => boolean): { readonly first: Promise<void>; release(): void } {
  const first = Promise.withResolvers<void>();
  let count = 0;
  const onSignal = (name: NodeJS.Signals): void => {
    if (name === 'SIGHUP' && onHangup()) return;
    if (++count > 1) process.exit(130);
    first.resolve();
  };
  const names = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  for (const name of names) process.on(name, onSignal);
  return {
    first: first.promise,
    release: () => {
      for (const name of names) process.off(name, onSignal);
    },
  };
}

function shown({ file, line, key, message }: ConfigProblem): Readonly<Record<string, unknown>> {
  return { file, ...(line === undefined ? {} : { line }), ...(key === undefined ? {} : { key }), reason: message };
}
