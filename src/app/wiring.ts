/** The one place that knows everybody: a configuration becomes a broker, a worker and a REST interface. */
import { withTimeout } from '../base/abort.ts';
import { systemClock } from '../base/clock.ts';
import { isError, TributaryError } from '../base/errors.ts';
import type { Broker } from '../broker/broker.ts';
import type { Connector } from '../connectors/contract.ts';
import type { ConverterClass } from '../convert/converters.ts';
import { splitAddress } from '../gateway/address.ts';
import type { Places } from '../gateway/places.ts';
import type { Gateway } from '../gateway/server.ts';
import { type GatewaySettings, gatewayDefaults } from '../gateway/settings.ts';
import type { Log } from '../telemetry/log.ts';
import type { Loggers } from '../telemetry/loggers.ts';
import type { MetricRegistry } from '../telemetry/metrics.ts';
import type { TransformCatalogue } from '../transform/transform.ts';
import type { Worker } from '../worker/worker.ts';
import type { WorkerEnd } from '../worker/worker-end.ts';
import { openBroker } from './broker-factory.ts';
import { LaterBroker, openBrokerNowOrLater } from './broker-later.ts';
import { openBrokerInTime } from './broker-wait.ts';
import type { AppConfig, ListenerSettings, NamedConnector } from './config/app-config.ts';
import { createDemoTopics, demoConnectors, demoPort } from './demo.ts';
import type { DemoExchange } from './demo-exchange.ts';
import { importAhead } from './import-ahead.ts';
import type { KnownSecrets } from './known-secrets.ts';
import { openRest, openWaitingRest } from './open-rest.ts';
import { addResting, openWorker, workerModules } from './open-worker.ts';
import { freeAddress } from './port.ts';
import { providersOf } from './providers-of.ts';
import { spoolSource, wantsSpool } from './spool-source.ts';
import { beginsAtOnce, beginsWithoutKafka, takeUpLater, workKnownHere } from './start-ahead.ts';
import { watchTime } from './time-watch.ts';

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
  const failed = new AbortController();
  const signal = AbortSignal.any([failed.signal, ...(parts.stopping === undefined ? [] : [parts.stopping])]);
  const wait = { open, address: config.broker, signal, log: brokerLog, clock: systemClock, random: Math.random };
  const later = new LaterBroker(config.broker);
  let broker: Broker = later;
  let worker: Worker | undefined;
  opened.defer(async () => {
    // What it waits for may never come: the worker has given up what it had for it.
    if (worker?.end?.brokerAway === undefined) await broker.close();
    else await withTimeout(broker.close(), awayCloseMs, 'Closing the broker').catch(() => {});
  });
  const begin = async (may: typeof beginsAtOnce): Promise<boolean> => {
    const known = await workKnownHere(config, spool, log);
    if (spool === undefined || parts.demo || !wantsSpool(config) || !may(config, known)) return false;
    worker = opened.use(await openWorker(parts, later, config.connectors, listeners, spool, opened, { known }));
    return true;
  };
  const away = Promise.withResolvers<undefined>();
  const opening = openBrokerInTime({
    ...wait,
    maxMs: waitsMs(config),
    meanwhile: async () => {
      if (!(await atOnce) && !(await begin(beginsWithoutKafka))) return openWaitingRest(parts, spool, listeners);
      away.resolve(undefined);
      return nothing;
    },
  });
  const atOnce = begin(beginsAtOnce);
  opened.defer(async () => {
    failed.abort();
    // One that came too late for anybody is closed with the other.
    if (broker === later && !later.isThere) await opening.then((late) => later.attach(late)).catch(() => {});
  });
  const [there, exchange] = await allOrNone(
    atOnce.then(() => Promise.race([opening, away.promise])),
    parts.demo ? openExchange(parts.env) : Promise.resolve(undefined),
  );
  if (exchange !== undefined) opened.use(exchange);
  const connectors =
    exchange === undefined ? config.connectors : [...config.connectors, ...demoConnectors(exchange.url)];
  if (worker === undefined) {
    broker = there!;
    if (exchange !== undefined) await createDemoTopics(broker);
    worker = opened.use(await openWorker(parts, broker, connectors, listeners, spool, opened));
  } else if (there !== undefined) {
    later.attach(there);
    await worker.takeUp();
  }
  if (there !== undefined) await addResting(worker, connectors);
  const url =
    listeners.length === 0
      ? undefined
      : await openRest(parts, broker, worker, spool, listeners, stopping.signal, opened);
  const gateway = await openGatewayBeside(parts, broker);
  if (gateway !== undefined) opened.use(gateway);
  // Not before all is open: loading programs is work that holds up the event loop, and nothing waits for it yet.
  opened.use(watchTime({ clock: systemClock, log, metrics: parts.metrics.root() }));
  if (there === undefined) {
    const behind = { signal: AbortSignal.any([signal, stopping.signal]), log: brokerLog };
    const again = (): Promise<Broker> =>
      openBrokerInTime({
        ...{ ...wait, ...behind, maxMs: Number.POSITIVE_INFINITY },
        async meanwhile() {
          worker!.isUnreachable();
          return nothing;
        },
      });
    const kafka = { first: opening, again, broker: later };
    void takeUpLater(worker, kafka, () => addResting(worker!, connectors), behind);
  }

  const running = opened.move();
  return {
    url,
    gateway: gateway?.url,
    ...(gateway === undefined ? {} : { reloadGateway: (settings) => gateway.reload(settings) }),
    broker,
    exchange: exchange?.url,
    connectors,
    end: () => worker!.end,
    async stop() {
      stopping.abort();
      await running.disposeAsync();
    },
  };
}

const awayCloseMs = 200;
const nothing: AsyncDisposable = { async [Symbol.asyncDispose]() {} };

/** How long a start waits for its broker at most. */
function waitsMs(config: AppConfig): number {
  const { brokerWaitMs, startWithoutKafka } = config.worker;
  if (!wantsSpool(config)) return brokerWaitMs ?? 0;
  return startWithoutKafka === 'true' ? Number.POSITIVE_INFINITY : (brokerWaitMs ?? Number.POSITIVE_INFINITY);
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

/** Both, or the failure of one with the other closed again. */
async function allOrNone<A extends AsyncDisposable | undefined, B extends AsyncDisposable | undefined>(
  first: Promise<A>,
  second: Promise<B>,
): Promise<[A, B]> {
  const [a, b] = await Promise.allSettled([first, second]);
  if (a.status === 'fulfilled' && b.status === 'fulfilled') return [a.value, b.value];
  if (a.status === 'fulfilled') await a.value?.[Symbol.asyncDispose]();
  if (b.status === 'fulfilled') await b.value?.[Symbol.asyncDispose]();
  throw a.status === 'rejected' ? a.reason : (b as PromiseRejectedResult).reason;
}

async function openExchange(env: NodeJS.ProcessEnv): Promise<DemoExchange> {
  const { startDemoExchange } = await import('./demo-exchange.ts');
  return startDemoExchange({ clock: systemClock, random: Math.random, tradesPerSecond: 20, port: demoPort(env) });
}
