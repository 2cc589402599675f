/** The one place that knows everybody: a configuration becomes a broker, a worker and a REST interface. */
import { hostname } from 'node:os';
import { withTimeout } from '../base/abort.ts';
import { systemClock } from '../base/clock.ts';
import { describeError, isError, TributaryError } from '../base/errors.ts';
import type { Broker } from '../broker/broker.ts';
import type { Connector } from '../connectors/contract.ts';
import type { ConverterClass } from '../convert/converters.ts';
import { splitAddress } from '../gateway/address.ts';
import type { Places } from '../gateway/places.ts';
import type { Gateway } from '../gateway/server.ts';
import { type GatewaySettings, gatewayDefaults } from '../gateway/settings.ts';
import { isLoopback, type Listener } from '../rest/listen.ts';
import type { Log } from '../telemetry/log.ts';
import { type Loggers, parseThreshold } from '../telemetry/loggers.ts';
import type { MetricRegistry } from '../telemetry/metrics.ts';
import type { TransformCatalogue } from '../transform/transform.ts';
import { Staleness } from '../worker/staleness.ts';
import type { Worker } from '../worker/worker.ts';
import type { WorkerEnd } from '../worker/worker-end.ts';
import type { ShareOptions } from '../worker/worker-options.ts';
import { openBroker } from './broker-factory.ts';
import { openBrokerNowOrLater } from './broker-later.ts';
import { openBrokerInTime } from './broker-wait.ts';
import type { AppConfig, ListenerSettings, NamedConnector } from './config/app-config.ts';
import { type ProviderOptions, resolveConfig } from './config/providers.ts';
import { createDemoTopics, demoConnectors, demoPort } from './demo.ts';
import type { DemoExchange } from './demo-exchange.ts';
import type { KnownSecrets } from './known-secrets.ts';
import { listenerTls } from './listener-tls.ts';
import { outboundPolicies } from './outbound.ts';
import { sendToPeer } from './peers.ts';
import { freeAddress } from './port.ts';
import { type OpenSpoolSource, spoolSource, wantsSpool } from './spool-source.ts';
import { watchTime } from './time-watch.ts';
import { withoutTables } from './topics/without-tables.ts';
import { packageVersion } from './version.ts';

/** What runs, as its process sees it. */
export interface RunningApp {
  /** Of the REST interface. */
  readonly url: string | undefined;
  readonly gateway: string | undefined;
  /** Gives the keys that differ and take a restart. CONFIG_INVALID changes nothing. Undefined where there is no gateway. */
  readonly reloadGateway?: (settings: GatewaySettings) => Promise<readonly string[]>;
  readonly broker: { readonly address: string };
  readonly exchange: string | undefined;
  readonly connectors: readonly NamedConnector[];
  /** Writes what was received, and closes everything. */
  stop(): Promise<void>;
  /** Behind `stop`: what the worker could not write. */
  readonly end?: () => WorkerEnd | undefined;
}

export interface App extends RunningApp {
  readonly broker: Broker;
}

export interface AppParts {
  readonly config: AppConfig;
  readonly connectors: readonly Connector[];
  /** Those of users among them. Default: those that are built in. */
  readonly transforms?: TransformCatalogue;
  readonly converterClasses?: readonly ConverterClass[];
  /** Also runs the exchange of the demonstration, with a connector for it. */
  readonly demo: boolean;
  readonly env: NodeJS.ProcessEnv;
  readonly log: Log;
  readonly loggers: Loggers;
  readonly secrets: KnownSecrets;
  readonly metrics: MetricRegistry;
  /** Ends a start that waits for its broker (ABORTED). */
  readonly stopping?: AbortSignal;
}

/** What was opened is closed again where a later part fails. */
export async function openApp(parts: AppParts): Promise<App> {
  const { config, log } = parts;
  const providers = providersOf(parts);
  const { rest, kafka } = config;
  parts.secrets.redaction.add([kafka.sasl?.password ?? '', kafka.tls?.passphrase ?? '', kafka.tls?.caPassword ?? '']);
  const listeners: ListenerSettings[] = [];
  for (const listener of rest?.listeners ?? []) {
    listeners.push({ ...listener, ...(await freeAddress(listener, rest!.portOption)) });
  }
  if (config.gateway !== undefined) {
    checkOneProcess(config.gateway);
    await askGatewayAddresses(config.gateway, false);
  }
  const stopping = new AbortController();
  await using opened = new AsyncDisposableStack();

  // Where the broker is embedded what it acknowledges is synced on this machine already.
  const spool = config.broker.startsWith('embedded:') ? undefined : spoolSource(parts, opened);
  const brokerLog = log.child({}, 'tributary.broker');
  const open = (): Promise<Broker> =>
    openBroker({
      address: config.broker,
      kafka: config.kafka,
      providers,
      log: brokerLog,
      metrics: parts.metrics.root(),
      meanwhile: () => {
        spool?.openAhead();
        importAhead([workerModules]);
      },
    });
  const [broker, exchange] = await allOrNone(
    openBrokerInTime({
      ...{ open, address: config.broker, signal: parts.stopping, log: brokerLog, clock: systemClock },
      random: Math.random,
      maxMs: config.worker.brokerWaitMs ?? (wantsSpool(config) ? Number.POSITIVE_INFINITY : 0),
      meanwhile: () => openWaitingRest(config, listeners),
    }),
    parts.demo ? openExchange(parts.env) : Promise.resolve(undefined),
  );
  let worker: Worker | undefined;
  opened.defer(async () => {
    // What it waits for may never come: the worker has given up what it had for it.
    if (worker?.end?.brokerAway === undefined) await broker.close();
    else await withTimeout(broker.close(), awayCloseMs, 'Closing the broker').catch(() => {});
  });
  if (exchange !== undefined) opened.use(exchange);
  const connectors =
    exchange === undefined ? config.connectors : [...config.connectors, ...demoConnectors(exchange.url)];
  if (exchange !== undefined) await createDemoTopics(broker);

  worker = opened.use(await openWorker(parts, broker, connectors, listeners, spool, opened));
  const url =
    listeners.length === 0
      ? undefined
      : await openRest(parts, broker, worker, spool, listeners, stopping.signal, opened);
  const gateway = await openGatewayBeside(parts, broker);
  if (gateway !== undefined) opened.use(gateway);
  // Not before all is open: loading programs is work that holds up the event loop, and nothing waits for it yet.
  opened.use(watchTime({ clock: systemClock, log, metrics: parts.metrics.root() }));

  const running = opened.move();
  return {
    url,
    gateway: gateway?.url,
    ...(gateway === undefined ? {} : { reloadGateway: (settings) => gateway.reload(settings) }),
    broker,
    exchange: exchange?.url,
    connectors,
    end: () => worker.end,
    async stop() {
      stopping.abort();
      await running.disposeAsync();
    },
  };
}

const awayCloseMs = 200;
const waiting = 'The worker waits for its Kafka, which cannot be reached. The log says why';

/** What answers at the worker's addresses while there is none. */
async function openWaitingRest(
  { rest, folder }: AppConfig,
  listeners: readonly ListenerSettings[],
): Promise<AsyncDisposable> {
  const [{ buildWaitingServer }, { listenAll }] = await Promise.all([
    import('../rest/waiting.ts'),
    import('../rest/listen.ts'),
  ]);
  const server = buildWaitingServer(waiting);
  if (rest !== undefined) await listenAll(server, withCertificates(listeners, folder), rest.portOption);
  return server;
}

function withCertificates(listeners: readonly ListenerSettings[], folder: string): Listener[] {
  return listeners.map(({ tls, ...address }) => ({
    ...address,
    ...(tls === undefined ? {} : { tls: listenerTls(tls, folder) }),
  }));
}

const workerModules = () => Promise.all([import('../worker/worker.ts'), import('./sql-connector.ts')]);
const restModules = () =>
  Promise.all([
    import('../rest/server.ts'),
    import('../rest/listen.ts'),
    import('./routes/topic-api.ts'),
    import('./routes/sql.ts'),
    import('../wire/connect/openapi/topic-operations.ts'),
    import('../wire/connect/openapi/sql-operations.ts'),
    import('./topics/local-access.ts'),
    import('./routes/spool.ts'),
    import('./spool/local-spool.ts'),
    import('../wire/connect/openapi/spool-operations.ts'),
  ]);

/** What is imported once is there at once for whoever imports it later, and tells that one if it cannot be had. */
function importAhead(imports: readonly (() => Promise<unknown>)[]): void {
  for (const start of imports) start().catch(() => {});
}

/** The demonstration has one whatever the configuration says, on any free port where the usual one is taken. */
async function openGatewayBeside(parts: AppParts, broker: Broker): Promise<Gateway | undefined> {
  const { config, demo } = parts;
  if (!demo) return config.gateway && openGatewayOf(parts, config.gateway, broker, false);
  const settings = { ...(config.gateway ?? gatewayDefaults), demo: true };
  try {
    return await openGatewayOf(parts, settings, broker, false);
  } catch (error) {
    if (config.gateway !== undefined || !isError(error, 'ADDRESS_IN_USE')) throw error;
    return openGatewayOf(parts, { ...settings, listen: '127.0.0.1:0' }, broker, false);
  }
}

/**
 * Asked before anything else is opened, as that of the REST interface is: a taken port leaves nothing behind. Who connects in the
 * moment of asking is cut off, as who connects before it is refused, and comes again. To go on listening from then on would keep
 * clients, and those who ask for health, waiting without an answer for as long as the broker takes to open.
 */
async function askGatewayAddresses({ listen, admin }: GatewaySettings, isAlone: boolean): Promise<void> {
  await freeAddress(splitAddress(listen, 'gateway.listen'), 'gateway.listen');
  if (isAlone) await freeAddress(splitAddress(admin, 'gateway.admin'), 'gateway.admin');
}

function checkOneProcess({ processes }: GatewaySettings): void {
  if (processes === 1) return;
  throw new TributaryError(
    'CONFIG_INVALID',
    `gateway.processes "${processes}" wants a gateway that runs alone: beside a worker there is one process. ` +
      'Start it with tributary gateway, or set gateway.processes: 1',
  );
}

/** The gateway alone: no worker, no REST interface. */
export async function openGatewayApp(parts: AppParts, settings: GatewaySettings): Promise<App> {
  await askGatewayAddresses(settings, true);
  const { gateway, broker, stop } = await openServingGateway(parts, settings);
  const reloadGateway = (next: GatewaySettings): Promise<readonly string[]> => gateway.reload(next);
  return { url: undefined, gateway: gateway.url, reloadGateway, broker, exchange: undefined, connectors: [], stop };
}

export interface ServingGateway {
  readonly gateway: Gateway;
  readonly broker: Broker;
  stop(): Promise<void>;
}

/** A gateway and its broker. With `places` it is one of several at its address, and another process has health and metrics. */
export async function openServingGateway(
  parts: AppParts,
  settings: GatewaySettings,
  places?: Places,
): Promise<ServingGateway> {
  const { config, log, metrics } = parts;
  const settingsOfBroker = {
    address: config.broker,
    kafka: config.kafka,
    providers: providersOf(parts),
    log: log.child({}, 'tributary.broker'),
    metrics: metrics.root(),
  };
  await using opened = new AsyncDisposableStack();
  const broker = opened.use(
    // Clients may come before Kafka does: they are told to come again, and /readyz says why.
    await openBrokerNowOrLater(() => openBroker(settingsOfBroker), config.broker, settingsOfBroker.log),
  );
  const gateway = opened.use(await openGatewayOf(parts, settings, broker, places === undefined, places));
  opened.use(watchTime({ clock: systemClock, log, metrics: metrics.root() }));
  const running = opened.move();
  return { gateway, broker, stop: () => running.disposeAsync() };
}

async function openGatewayOf(
  { config, log, metrics }: AppParts,
  settings: GatewaySettings,
  broker: Broker,
  isAlone: boolean,
  places?: Places,
): Promise<Gateway> {
  const { openGateway } = await import('./gateway.ts');
  const { producer } = config;
  return openGateway({
    settings,
    broker,
    producer,
    log: log.child({}, 'tributary.gateway'),
    registry: metrics,
    isAlone,
    ...(places === undefined ? {} : { places }),
  });
}

async function openWorker(
  parts: AppParts,
  broker: Broker,
  named: readonly NamedConnector[],
  listeners: readonly ListenerSettings[],
  spool: OpenSpoolSource | undefined,
  opened: AsyncDisposableStack,
): Promise<Worker> {
  const [listen] = listeners;
  const { config, log, metrics, secrets } = parts;
  const [{ startWorker }, { sqlConnector }] = await workerModules();
  // Applications read and write topics themselves, of the broker that there is only now.
  const connectors = parts.connectors.map((known) =>
    known.name === 'sql' ? sqlConnector(async () => broker, config.worker.groupId) : known,
  );
  const providers = providersOf(parts);
  let staleness: Staleness | undefined;
  secrets.add(config.worker.defaults, connectors);
  const { worker: settings, producer } = config;
  const workerId = workerIdOf(config, listen);
  const fromFile = named.filter(({ initialState = 'RUNNING' }) => initialState === 'RUNNING');
  const starting = startWorker(
    {
      broker,
      connectors,
      ...(parts.transforms === undefined ? {} : { transforms: parts.transforms }),
      ...(parts.converterClasses === undefined ? {} : { converterClasses: parts.converterClasses }),
      workerId,
      tables: settings.tables,
      ...(Object.keys(settings.defaults).length === 0 ? {} : { converters: settings.defaults }),
      topicCreation: { autoCreate: config.autoCreate, partitions: 1 },
      producer,
      offsetFlushIntervalMs: settings.offsetFlushIntervalMs,
      offsetFlushTimeoutMs: settings.offsetFlushTimeoutMs,
      exactlyOnceSources: settings.exactlyOnceSources,
      groupId: settings.groupId,
      ...(settings.share === undefined ? {} : { share: shareOptions(settings, broker, workerId, config.rest) }),
      isFenced: settings.isFenced,
      ...(spool === undefined ? {} : { spool }),
      onLoggerLevel: (logger, level) => setLevel(parts, logger, level),
      gracefulStopMs: settings.gracefulTimeoutMs,
      resolve: (raw, missing) => {
        const resolved = resolveConfig(raw, { ...providers, missing });
        secrets.add(resolved, connectors);
        return resolved;
      },
      outbound: outboundPolicies(config.outbound, listeners, named),
      redact: (text) => secrets.text(text),
      trouble: () => staleness?.trouble(),
      log: log.child({}, 'tributary.worker'),
      metrics: metrics.root(),
      clock: systemClock,
      random: Math.random,
    },
    Object.fromEntries(fromFile.map(({ name, config }) => [name, config])),
  );
  // It waits for the broker's answers: time for what comes behind it.
  if (listen !== undefined) importAhead([restModules]);
  const worker = await starting;
  const { maxSourceAgeMs } = settings;
  if (maxSourceAgeMs !== undefined) {
    staleness = new Staleness({
      maxAgeMs: maxSourceAgeMs,
      registry: metrics.families,
      clock: systemClock,
      connectorNames: () => worker.connectorNames(),
      status: (name) => worker.status(name),
    });
    const timer = setInterval(() => staleness?.observe(), Math.min(maxSourceAgeMs / 4, 5_000));
    timer.unref();
    opened.defer(() => clearInterval(timer));
  }
  // Those of a JSON file that shall not run at once: a state they were given later stays.
  for (const { name, config: raw, initialState = 'RUNNING' } of named) {
    if (initialState === 'RUNNING') continue;
    if (worker.connector(name) === undefined) await worker.create(name, raw, initialState);
    else await worker.put(name, raw);
  }
  return worker;
}

function workerIdOf({ rest }: AppConfig, listen: ListenerSettings | undefined): string {
  return rest?.advertised ?? (listen === undefined ? 'local' : `${listen.host}:${listen.port}`);
}

const heartbeatMs = 300;

function shareOptions(
  { groupId, share }: AppConfig['worker'],
  broker: Broker,
  workerId: string,
  rest: AppConfig['rest'],
): ShareOptions {
  const { topic, sessionTimeoutMs } = share!;
  // The same address on another machine is another worker: many listen on their loopback.
  const isKnownAgain = broker.kind === 'kafka' && rest !== undefined;
  const instanceId = `${hostname()}-${workerId}`.replace(/[^A-Za-z0-9._-]/g, '-').slice(0, 249);
  return {
    groupId,
    ...topic,
    sessionTimeoutMs,
    heartbeatMs: Math.min(heartbeatMs, sessionTimeoutMs / 10),
    host: hostname(),
    url: rest === undefined ? undefined : `${rest.isAdvertisedTls ? 'https' : 'http'}://${workerId}`,
    ...(isKnownAgain ? { instanceId } : {}),
  };
}

/** As another worker was asked to set it for all; what is no level here is passed over, as it was checked there. */
function setLevel({ loggers, log }: AppParts, logger: string, level: string): void {
  const threshold = parseThreshold(level);
  if (threshold === undefined || loggers.isFixed(logger)) return;
  try {
    loggers.set(logger, threshold);
  } catch (error) {
    log.warn('logger_level_not_set', { logger: logger.slice(0, 200), reason: describeError(error) });
  }
}

async function openRest(
  { config, log, loggers, metrics, secrets }: AppParts,
  broker: Broker,
  worker: Worker,
  spool: OpenSpoolSource | undefined,
  listeners: readonly ListenerSettings[],
  stopping: AbortSignal,
  opened: AsyncDisposableStack,
): Promise<string> {
  const rest = config.rest!;
  const workerId = workerIdOf(config, listeners[0]);
  const [
    { buildRestServer },
    { listenAll },
    { topicApi },
    { sqlRoutes },
    { topicOperations },
    { sqlOperations },
    { localAccess },
    { spoolRoutes },
    { localSpool },
    { spoolOperations },
  ] = await restModules();
  const server = buildRestServer({
    worker,
    registry: metrics,
    version: packageVersion(),
    log: log.child({}, 'tributary.rest'),
    maskSecrets: rest.maskSecrets,
    statusDetail: rest.statusDetail,
    topicTracking: rest.topicTracking,
    moreOperations: [...topicOperations, ...sqlOperations, ...spoolOperations],
    // Where secrets are shown in clear, an error that quotes what was sent needs no mask.
    ...(rest.maskSecrets ? { redact: (text: string) => secrets.text(text) } : {}),
    loggers,
    forwarding: { send: sendToPeer(listeners, config.folder), workerId },
    access: { rules: rest.access, clock: systemClock },
  });
  opened.defer(async () => {
    await server.close();
  });
  const { tables, share } = config.worker;
  const topics = withoutTables(
    localAccess(broker),
    [tables.config, tables.offset, tables.status, share?.topic].flatMap((table) => table?.topic ?? []),
  );
  await topicApi(server, topics, stopping);
  sqlRoutes(server);
  spoolRoutes(
    server,
    localSpool(() => spool?.broker),
    stopping,
  );
  const hasUsers = rest.access.accounts.users.length + rest.access.accounts.tokens.length > 0;
  for (const { host, port, tls } of listeners) {
    if (isLoopback(host)) continue;
    if (rest.isAnonymous) log.warn('rest_without_authentication', { host, port });
    else if (tls === undefined && hasUsers) log.warn('rest_passwords_in_clear', { host, port });
  }
  const [url] = await listenAll(server, withCertificates(listeners, config.folder), rest.portOption);
  return url!;
}

function providersOf({ config, env, secrets }: AppParts): ProviderOptions {
  return {
    env,
    folder: config.folder,
    providers: config.providers,
    onResolved: (key, value) => secrets.resolved(key, value),
  };
}

/** Both, or the failure of one with the other closed again. */
async function allOrNone<A extends AsyncDisposable, B extends AsyncDisposable | undefined>(
  first: Promise<A>,
  second: Promise<B>,
): Promise<[A, B]> {
  const [a, b] = await Promise.allSettled([first, second]);
  if (a.status === 'fulfilled' && b.status === 'fulfilled') return [a.value, b.value];
  if (a.status === 'fulfilled') await a.value[Symbol.asyncDispose]();
  if (b.status === 'fulfilled') await b.value?.[Symbol.asyncDispose]();
  throw a.status === 'rejected' ? a.reason : (b as PromiseRejectedResult).reason;
}

async function openExchange(env: NodeJS.ProcessEnv): Promise<DemoExchange> {
  const { startDemoExchange } = await import('./demo-exchange.ts');
  return startDemoExchange({ clock: systemClock, random: Math.random, tradesPerSecond: 20, port: demoPort(env) });
}
