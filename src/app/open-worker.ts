/** The worker of a configuration, over a broker. */
import { hostname } from 'node:os';
import { systemClock } from '../base/clock.ts';
import { describeError } from '../base/errors.ts';
import type { Broker } from '../broker/broker.ts';
import { parseThreshold } from '../telemetry/loggers.ts';
import type { KnownWork } from '../worker/spool/known-work.ts';
import { Staleness } from '../worker/staleness.ts';
import type { Worker } from '../worker/worker.ts';
import type { ShareOptions, WorkerOptions } from '../worker/worker-options.ts';
import { askOther } from './ask-other.ts';
import type { AppConfig, ListenerSettings, NamedConnector } from './config/app-config.ts';
import { resolveConfig } from './config/providers.ts';
import { importAhead } from './import-ahead.ts';
import { restModules, workerIdOf } from './open-rest.ts';
import { outboundPolicies } from './outbound.ts';
import { sendToPeer } from './peers.ts';
import { providersOf } from './providers-of.ts';
import type { OpenSpoolSource } from './spool-source.ts';
import type { AppParts } from './wiring.ts';

export const workerModules = () => Promise.all([import('../worker/worker.ts'), import('./sql-connector.ts')]);

export async function openWorker(
  parts: AppParts,
  broker: Broker,
  named: readonly NamedConnector[],
  listeners: readonly ListenerSettings[],
  spool: OpenSpoolSource | undefined,
  opened: AsyncDisposableStack,
  ahead?: { readonly known: KnownWork | undefined },
): Promise<Worker> {
  const [listen] = listeners;
  const { config, log, metrics, secrets } = parts;
  const [{ startWorker, startWorkerAhead }, { sqlConnector }] = await workerModules();
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
  const options: WorkerOptions = {
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
    ...(settings.share === undefined
      ? {}
      : {
          share: {
            ...shareOptions(settings, broker, workerId, config.rest),
            askOther: askOther(sendToPeer(listeners, config.folder)),
          },
        }),
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
  };
  const ofFile = Object.fromEntries(fromFile.map(({ name, config }) => [name, config]));
  const starting = ahead === undefined ? startWorker(options, ofFile) : startWorkerAhead(options, ofFile, ahead.known);
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
  return worker;
}

/** Connectors of a JSON file that shall not run at once: a state they were given later stays. Kafka must be there. */
export async function addResting(worker: Worker, named: readonly NamedConnector[]): Promise<void> {
  for (const { name, config, initialState = 'RUNNING' } of named) {
    if (initialState === 'RUNNING') continue;
    if (worker.connector(name) === undefined) await worker.create(name, config, initialState);
    else await worker.put(name, config);
  }
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
