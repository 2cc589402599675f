/** The gateway: listeners, connections and what they share, over any broker. */
import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Server as TlsServer } from 'node:tls';
import { isDeepStrictEqual } from 'node:util';
import { sleep } from '../base/abort.ts';
import type { Clock, Random } from '../base/clock.ts';
import type { Broker, ProducerOptions } from '../broker/broker.ts';
import type { Log } from '../telemetry/log.ts';
import type { MetricRegistry } from '../telemetry/metrics.ts';
import { clientAddress, Doorkeeper } from './admission.ts';
import { type AclOptions, rightsOf } from './auth/acl.ts';
import { makeAuthenticator } from './auth/authenticator.ts';
import { BrokerProbe } from './broker-probe.ts';
import { Connections } from './connections.ts';
import type { GatewayParts } from './gateway-parts.ts';
import type { DemoFiles } from './http/demo.ts';
import { Hub } from './hub/hub.ts';
import { ReplayPlaces } from './hub/replay.ts';
import { type AdminLook, adminRoutes, checkListener, closeServer, listen, makeServer } from './listener.ts';
import { GatewayMetrics } from './metrics.ts';
import { CountedPlaces, type Places } from './places.ts';
import { Publisher } from './publisher.ts';
import { handleRequest } from './routes.ts';
import type { GatewaySettings } from './settings.ts';
import { tlsOptions } from './tls.ts';
import { TopicCatalog } from './topic-catalog.ts';
import { loadTransform } from './transforms.ts';
import { Turn } from './turn.ts';
import { Upgrades } from './upgrades.ts';

const leastQueueBytes = 65_536;
const defaultDeliveryTimeoutMs = 30_000;

export interface GatewayOptions {
  readonly settings: GatewaySettings;
  readonly broker: Broker;
  readonly producer?: ProducerOptions;
  readonly registry: MetricRegistry;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** Serves its health and metrics on a listener of their own. */
  readonly hasAdmin: boolean;
  /** How often new and deleted topics are looked for, default 5000. */
  readonly topicRefreshMs?: number;
  /** Where connections are counted; by default here. */
  readonly places?: Places;
  /** Several processes listen at the address: the kernel gives each its share of the connections. */
  readonly sharesPort?: boolean;
  /** The example page, served where the settings say so. */
  readonly demo?: DemoFiles;
}

export interface Readiness {
  readonly ready: boolean;
  readonly checks: { readonly kafka: string; readonly auth: string; readonly drain: string };
}

/** Checked, and not in force yet. One of the two is called, once. */
export interface PreparedReload {
  /** Gives the keys that differ and take a restart. */
  apply(): readonly string[];
  abandon(): void;
}

export interface Gateway extends AsyncDisposable {
  readonly url: string;
  /** host:port */
  readonly address: string;
  readonly adminUrl: string | undefined;
  readiness(): Readiness;
  /**
   * New tokens, keys, rules, origins and TLS files; nobody who may stay is disconnected. Gives the keys that differ and
   * take a restart. CONFIG_INVALID changes nothing.
   */
  reload(settings: GatewaySettings): Promise<readonly string[]>;
  /** The same in two steps, for several processes that change together or not at all. CONFIG_INVALID. */
  prepareReload(settings: GatewaySettings): Promise<PreparedReload>;
  /** Farewell to all clients, then the end. */
  drain(): Promise<void>;
}

/** CONFIG_INVALID, ADDRESS_IN_USE and the broker's errors. */
export async function startGateway(options: GatewayOptions): Promise<Gateway> {
  const { broker, clock, random, log } = options;
  let { settings } = options;
  checkListener(settings);
  const metrics = new GatewayMetrics(options.registry.root(), settings.metrics.maxTopics);
  await using opened = new AsyncDisposableStack();
  let authenticator = await makeAuthenticator(settings.auth, clock, log);
  opened.defer(() => authenticator.close());
  const onRetry = ({ what, reason }: { what: string; reason: string }): void =>
    log.warn('broker_retry', { what, reason });
  const catalog = new TopicCatalog({
    broker,
    refreshMs: options.topicRefreshMs ?? 5000,
    onRetry: (error) => onRetry({ what: 'topics', reason: (error as Error).message }),
  });
  opened.defer(() => catalog.close());
  const hub: Hub = new Hub({
    broker,
    clock,
    ringBytes: settings.delivery.ringBytes,
    onRetry,
    onTopic: (topic) => metrics.readerOpened(topic, () => hub.lags()),
  });
  opened.defer(() => hub.close());
  const places = new ReplayPlaces(settings.delivery.replayReaders);
  const groups = { open: 0, leaving: 0, max: settings.limits.groups };
  const { dedupe } = settings;
  const publisher = new Publisher({
    openProducer: () => broker.producer(options.producer),
    catalog,
    clock,
    dedupe,
    onDuplicate: () => metrics.duplicates.value++,
    deliveryTimeoutMs: options.producer?.deliveryTimeoutMs ?? defaultDeliveryTimeoutMs,
  });
  const lastMoment = new AbortController();
  opened.defer(() => publisher.close(lastMoment.signal));
  const probe = opened.use(new BrokerProbe(broker, clock));
  const connections = new Connections(options.places ?? new CountedPlaces(settings.limits), metrics);
  const acl = (): AclOptions => ({
    rules: settings.acl,
    internalTopics: settings.internalTopics,
    authenticated: authenticator.required,
  });
  const parts: GatewayParts = {
    get settings() {
      return settings;
    },
    delivery: { broker, hub, places, catalog, clock, groups, onRetry },
    publisher,
    clock,
    log,
    metrics,
    turn: new Turn(),
    rights: (identity) => rightsOf(identity, acl()),
    verify: (token) => authenticator.verify(token),
    isKnown: (identity) => authenticator.isKnown(identity),
    isBrokerUp: () => probe.isUp,
    queueBytes: () => shareOf(settings.limits, connections.size),
  };
  let draining = false;
  const memory = recently(() => hub.ringBytes + connections.waitingBytes + publisher.bytes, clock);
  const shared = {
    parts: () => parts,
    doorkeeper: new Doorkeeper({ settings: () => settings, authenticator: () => authenticator, metrics }),
    connections,
    clientAddress: clientAddress(settings.trustProxies),
    isDraining: () => draining,
    isShort: () => memory() > settings.limits.memory * 0.9,
  };
  const upgrades = new Upgrades(
    {
      ...shared,
      newSessionId: randomUUID,
      inputTransform: await loadTransform(settings.v2.inputTransform, 'inputTransform', settings.v2),
      outputTransform: await loadTransform(settings.v2.outputTransform, 'outputTransform', settings.v2),
    },
    settings,
  );
  const server = makeServer(settings, (request, response) => {
    void handleRequest(request, response, { ...shared, demo: settings.demo ? options.demo : undefined });
  });
  server.on('upgrade', (request, socket: Duplex, head) => void upgrades.handle(request, socket, head));
  declareGauges(metrics, { hub, places, groups, publisher, connections, memory, isUp: () => probe.isUp });

  const readiness = (): Readiness => {
    const checks = {
      kafka: probe.isUp ? 'ok' : 'unreachable',
      auth: authenticator.ready ? 'ok' : 'no keys',
      drain: draining ? 'yes' : 'no',
    };
    return { ready: probe.isUp && authenticator.ready && !draining, checks };
  };
  await probe.start();
  const address = await listen(server, settings.listen, 'gateway.listen', options.sharesPort);
  // One that could not be accepted, for want of descriptors: the others go on.
  server.on('error', (error) => log.error('accept_failed', { reason: error.message }));
  opened.defer(() => closeServer(server));
  let adminUrl: string | undefined;
  if (options.hasAdmin) {
    const look = (): AdminLook => ({
      stuck: [],
      readiness: readiness(),
      families: options.registry.families.values(),
    });
    const admin = createServer(adminRoutes(look));
    adminUrl = `http://${await listen(admin, settings.admin, 'gateway.admin')}`;
    opened.defer(() => closeServer(admin));
  }
  const tickMs = Math.max(
    20,
    Math.min(1000, settings.pingMs / 4, settings.limits.authMs / 4, settings.sse.heartbeatMs / 2),
  );
  const ticker = setInterval(() => {
    connections.tick(clock.monotonicMs());
    const over = memory() - settings.limits.memory;
    // Publishes of those who have left end by themselves, and soon: nobody else has to go for them.
    if (over > 0) connections.shed(over - Math.max(0, publisher.bytes - connections.publishBytes));
  }, tickMs);
  opened.defer(() => clearInterval(ticker));

  const running = opened.move();
  const drain = async (): Promise<void> => {
    draining = true;
    const { spreadMs, timeoutMs } = settings.drain;
    const startedMs = clock.monotonicMs();
    const cut = setTimeout(() => lastMoment.abort(), timeoutMs).unref();
    server.close();
    publisher.stop();
    // Answers cannot follow a farewell; who has none by half of the time is told that it will not be written, if that is sure.
    const answered = new AbortController();
    void publisher.flush().then(() => answered.abort());
    await sleep(timeoutMs / 2, answered.signal);
    publisher.giveUp();
    await sleep(0); // what was answered last is written in this turn
    connections.drain(spreadMs, random);
    while ((connections.size > 0 || groups.leaving > 0) && clock.monotonicMs() - startedMs < timeoutMs) await sleep(20);
    connections.destroy();
    upgrades.destroy();
    await running.disposeAsync();
    clearTimeout(cut);
  };
  let drained: Promise<void> | undefined;
  const drainOnce = (): Promise<void> => {
    drained ??= drain();
    return drained;
  };
  const prepareReload = async (next: GatewaySettings): Promise<PreparedReload> => {
    checkListener({ ...next, listen: settings.listen });
    const tls = settings.tls === undefined ? undefined : next.tls;
    const context = tls && tlsOptions(tls);
    const nextAuthenticator = await makeAuthenticator(next.auth, clock, log);
    return {
      apply() {
        if (context !== undefined) (server as unknown as TlsServer).setSecureContext(context);
        authenticator.close();
        authenticator = nextAuthenticator;
        const { auth, acl, origins, hosts } = next;
        settings = { ...settings, auth, acl, origins, hosts, tls: tls ?? settings.tls };
        connections.recheck();
        return needRestart(settings, next);
      },
      abandon: () => nextAuthenticator.close(),
    };
  };
  return {
    url: `${settings.tls === undefined ? 'http' : 'https'}://${address}`,
    address,
    adminUrl,
    readiness,
    prepareReload,
    reload: async (next) => (await prepareReload(next)).apply(),
    drain: drainOnce,
    [Symbol.asyncDispose]: drainOnce,
  };
}

/** Thousands that come at once ask for the memory in use; it is summed up over all connections only so often. */
function recently(sum: () => number, clock: Clock): () => number {
  let value = 0;
  let atMs = Number.NEGATIVE_INFINITY;
  return () => {
    const now = clock.monotonicMs();
    if (now - atMs >= 20) {
      value = sum();
      atMs = now;
    }
    return value;
  };
}

/** Keys that differ between what holds and what is wanted. */
function needRestart(now: GatewaySettings, wanted: GatewaySettings): readonly string[] {
  const keys = Object.keys(now) as (keyof GatewaySettings)[];
  return keys.filter((key) => !isDeepStrictEqual(now[key], wanted[key]));
}

/** Half of the memory is for queues; a client that has little of it still gets on. */
function shareOf({ queue, memory }: GatewaySettings['limits'], connections: number): number {
  return Math.min(queue, Math.max(leastQueueBytes, memory / 2 / Math.max(1, connections)));
}

interface Watched {
  readonly hub: Hub;
  readonly places: ReplayPlaces;
  readonly groups: { readonly open: number };
  readonly publisher: Publisher;
  readonly connections: Connections;
  readonly memory: () => number;
  readonly isUp: () => boolean;
}

function declareGauges(metrics: GatewayMetrics, watched: Watched): void {
  const { hub, places, groups, connections } = watched;
  const readers = 'Readers of partitions and groups';
  metrics.gauge('readers', readers, () => hub.feedCount, { kind: 'shared' });
  metrics.gauge('readers', readers, () => places.taken, { kind: 'replay' });
  metrics.gauge('readers', readers, () => groups.open, { kind: 'group' });
  for (const state of ['pending', 'replaying', 'live', 'group'] as const) {
    metrics.gauge('subscriptions', 'Subscriptions', () => connections.subscriptions(state), { state });
  }
  metrics.gauge('queue_bytes', 'Bytes that wait for clients', () => connections.waitingBytes);
  metrics.gauge('memory_bytes', 'Bytes of all queues, rings and publishes', watched.memory);
  metrics.gauge('kafka_up', '1 while the broker answers', () => (watched.isUp() ? 1 : 0));
}
