/** Kafka Connect's worker file onto our wiring. */
import { basename, dirname } from 'node:path';
import { isError } from '../../base/errors.ts';
import { nearestName } from '../../base/nearest.ts';
import { defaultMaxBatchBytes } from '../../broker/broker.ts';
import { parseProperties } from '../../config/properties.ts';
import { type RawConfig, withoutPrefix } from '../../config/raw.ts';
import { hostEntriesProblem } from '../../net/address.ts';
import { producerOverrides } from '../../worker/client-overrides.ts';
import { type AppConfig, assignmentTopic, type NamedConnector, type ProducerSettings, tablesOf } from './app-config.ts';
import { configProvidersOf } from './config-providers.ts';
import { connectEnvironment } from './connect-environment.ts';
import { idleKeys, knownPrefixes, usedKeys } from './connect-keys.ts';
import { listenerTlsOf } from './connect-listener-tls.ts';
import { connectNotices, keysWithoutEffect } from './connect-notices.ts';
import { kafkaSecurityOf } from './connect-security.ts';
import { defaultSpoolFolder, startsWithoutKafka } from './options.ts';
import type { ConfigProblem } from './problem.ts';
import { type ConfigProviders, type ProviderOptions, resolveValue } from './providers.ts';
import { accountPrefixes } from './rest-accounts.ts';
import { restSettingsOf } from './rest-config.ts';

export interface ConnectConfig {
  /** undefined where there are problems. */
  readonly config: AppConfig | undefined;
  readonly problems: readonly ConfigProblem[];
  readonly warnings: readonly ConfigProblem[];
}

export interface ConnectOptions {
  readonly env: NodeJS.ProcessEnv;
  /** Broker to use in place of `bootstrap.servers`. */
  readonly broker?: string;
  readonly listen?: string;
  readonly hostname: string;
  /** Told of each value that a reference stood for. */
  readonly onResolved?: (key: string, value: string) => void;
}

export function readConnectConfig(
  file: string,
  text: string,
  connectors: readonly NamedConnector[],
  options: ConnectOptions,
): ConnectConfig {
  const reader = new WorkerFile(file, text, {
    env: options.env,
    folder: dirname(file),
    onResolved: options.onResolved,
  });
  const broker = options.broker ?? brokerOf(reader);
  const security = kafkaSecurityOf(reader.values);
  if (!security.ok) reader.problem(security.key, security.message);
  const rest = restSettingsOf(reader, {
    // Connect's own default is every address; ours is loopback, as everywhere in this program.
    listenKey: 'listeners',
    listen: options.listen,
    portOption: `"listeners" in ${file}`,
    maskSecrets: reader.text('rest.mask.secrets')?.toLowerCase() === 'true',
    statusDetail: false,
    topicTracking: topicTrackingOf(reader),
    line: (key, value) => `${key}=${value}`,
    tls: () => listenerTlsOf(reader.values, (key, message) => reader.problem(key, message)),
  });
  requireConverters(reader);
  const producer = producerOf(reader);
  const worker: AppConfig['worker'] = {
    groupId: reader.text('group.id') ?? standaloneGroup(file, options.hostname),
    share: shareOf(reader, broker),
    isFenced: reader.text('group.id') !== undefined,
    offsetFlushIntervalMs: reader.number('offset.flush.interval.ms', 1000),
    offsetFlushTimeoutMs: reader.number('offset.flush.timeout.ms', 5000),
    exactlyOnceSources: exactlyOnceOf(reader),
    maxSourceAgeMs: reader.has('health.source.max.age.ms') ? reader.number('health.source.max.age.ms', 0) : undefined,
    spoolFolder: reader.text('spool.dir') ?? defaultSpoolFolder,
    startWithoutKafka: startWithoutKafkaOf(reader),
    brokerWaitMs: reader.has('broker.wait.ms') ? reader.number('broker.wait.ms', 0) : undefined,
    gracefulTimeoutMs: reader.number('task.shutdown.graceful.timeout.ms', 4000),
    defaults: converterDefaults(reader.values),
    tables: tablesOfFile(reader, file, options.hostname),
  };
  const outbound = outboundOf(reader);
  const { problems, warnings } = reader;
  if (problems.length > 0 || broker === undefined || rest === undefined || !security.ok) {
    return { config: undefined, problems, warnings };
  }
  const config: AppConfig = {
    broker,
    autoCreate: reader.text('topic.creation.enable')?.toLowerCase() !== 'false',
    kafka: security.security,
    producer,
    rest,
    worker,
    outbound,
    gateway: undefined,
    connectors,
    logLevel: 'info',
    providers: reader.providers,
    folder: dirname(file),
  };
  return { config, problems, warnings };
}

class WorkerFile {
  readonly values: RawConfig;
  readonly problems: ConfigProblem[] = [];
  readonly warnings: ConfigProblem[] = [];
  readonly #file: string;
  readonly #lines = new Map<string, number>();
  /** Keys that a variable of the environment gave. */
  readonly #variables = new Map<string, string>();
  /** As they are configured here; undefined where none are. */
  readonly providers: ConfigProviders | undefined;

  constructor(file: string, text: string, given: ProviderOptions) {
    this.#file = file;
    const values: Record<string, string> = {};
    this.values = values;
    const parsed = parseProperties(text);
    if (!parsed.ok) {
      this.providers = undefined;
      this.problems.push({ file, line: parsed.line, message: parsed.problem });
      return;
    }
    for (const { key, line } of parsed.properties) this.#lines.set(key, line);
    this.providers = configProvidersOf(
      writtenValues(text, given.env),
      (key, message) => this.problem(key, message),
      (key, message) => this.warning(key, message),
    );
    const providers = { ...given, providers: this.providers };
    for (const { key, value } of parsed.properties) {
      // Resolved at once: these values are neither stored nor shown, and a whole JAAS entry may stand behind a reference.
      try {
        values[key] = resolveValue(key, value, providers);
      } catch (error) {
        if (!isError(error)) throw error;
        this.problem(key, error.message);
      }
      this.#warnIfUnknown(key);
    }
    this.#takeEnvironment(values, providers);
    for (const { key, message } of connectNotices(values)) this.warning(key, message);
    const idle = keysWithoutEffect(values);
    if (idle.length > 0) {
      this.warnings.push({ file, message: `known to Kafka Connect and without effect here: ${idle.join(', ')}` });
    }
  }

  /** Over the file, as Confluent's images have it. What no worker knows may be meant for something else. */
  #takeEnvironment(values: Record<string, string>, providers: ProviderOptions): void {
    for (const { key, value, variable } of connectEnvironment(providers.env)) {
      if (!isKnown(key)) {
        const near = nearestName(key, usedKeys);
        if (near === undefined) continue;
        const message = `no worker key fits it. Did you mean "${near}"?`;
        this.warnings.push({ file: 'environment', key: variable, message });
        continue;
      }
      try {
        values[key] = resolveValue(key, value, providers);
        this.#variables.set(key, variable);
      } catch (error) {
        if (!isError(error)) throw error;
        this.problems.push({ file: 'environment', key: variable, message: error.message });
      }
    }
  }

  text(key: string): string | undefined {
    const value = this.values[key]?.trim();
    return value === '' ? undefined : value;
  }

  has(key: string): boolean {
    return this.values[key] !== undefined;
  }

  startingWith(prefix: string): readonly string[] {
    return Object.keys(this.values).filter((key) => key.startsWith(prefix));
  }

  number(key: string, fallback: number): number {
    const text = this.text(key);
    if (text === undefined) return fallback;
    if (/^\d+$/.test(text)) return Number(text);
    this.problem(key, `cannot use "${text}": must be a whole number, 0 or more`);
    return fallback;
  }

  problem(key: string, message: string): void {
    this.problems.push({ ...this.#placeOf(key), message });
  }

  #placeOf(key: string): Omit<ConfigProblem, 'message'> {
    const variable = this.#variables.get(key);
    if (variable !== undefined) return { file: 'environment', key: variable };
    return { file: this.#file, line: this.#lines.get(key), key };
  }

  warning(key: string, message: string): void {
    this.warnings.push({ file: this.#file, line: this.#lines.get(key), key, message });
  }

  #warnIfUnknown(key: string): void {
    if (isKnown(key)) return;
    const near = nearestName(key, [...usedKeys, ...idleKeys]);
    const hint = near === undefined ? '' : ` Did you mean "${near}"?`;
    this.warnings.push({
      file: this.#file,
      line: this.#lines.get(key),
      key,
      message: `unknown key, it has no effect.${hint}`,
    });
  }
}

/** Before references are resolved: which providers there are is not said through a provider. */
function writtenValues(text: string, env: NodeJS.ProcessEnv): RawConfig {
  const parsed = parseProperties(text);
  const inFile = parsed.ok ? parsed.properties.map(({ key, value }) => [key, value] as const) : [];
  const inEnvironment = connectEnvironment(env).map(({ key, value }) => [key, value] as const);
  return Object.fromEntries([...inFile, ...inEnvironment]);
}

/** For what is read before the worker file is: what is wrong in it is told when that is read. */
export function providersInFile(text: string, env: NodeJS.ProcessEnv): ConfigProviders | undefined {
  const ignore = (): void => {};
  return configProvidersOf(writtenValues(text, env), ignore, ignore);
}

function isKnown(key: string): boolean {
  const prefixes = [...knownPrefixes, ...accountPrefixes];
  return usedKeys.includes(key) || idleKeys.includes(key) || prefixes.some((prefix) => key.startsWith(prefix));
}

/**
 * A standalone worker of Connect keeps all it knows in memory and in a local file, so two of them never meet. Ours keeps it
 * in topics: their names must tell the workers of one Kafka apart.
 */
function standaloneGroup(file: string, hostname: string): string {
  return `standalone-${hostname}-${basename(file).replace(/\.properties$/, '')}`.replace(/[^A-Za-z0-9._-]/g, '-');
}

/** Connect's distributed form names its topics; their partitions are Connect's, so that either may open them. */
function tablesOfFile(reader: WorkerFile, file: string, hostname: string): AppConfig['worker']['tables'] {
  const groupId = reader.text('group.id');
  if (groupId === undefined) return tablesOf(standaloneGroup(file, hostname));
  const table = (name: string, usual: string, partitions: number) => ({
    topic: reader.text(`${name}.storage.topic`) ?? usual,
    partitions: name === 'config' ? 1 : reader.number(`${name}.storage.partitions`, partitions),
    ...(reader.text(`${name}.storage.replication.factor`) === undefined
      ? {}
      : { replicationFactor: reader.number(`${name}.storage.replication.factor`, 1) }),
  });
  return {
    config: table('config', `${groupId}-configs`, 1),
    offset: table('offset', `${groupId}-offsets`, 25),
    status: table('status', `${groupId}-status`, 5),
  };
}

/** Workers without a group.id are standalone: they share with nobody. */
function shareOf(reader: WorkerFile, broker: string | undefined): AppConfig['worker']['share'] {
  const groupId = reader.text('group.id');
  const sessionTimeoutMs = reader.number('session.timeout.ms', 10_000);
  if (groupId === undefined || broker === undefined) return undefined;
  const replication = reader.text('config.storage.replication.factor');
  return {
    topic: assignmentTopic(groupId, broker, replication === undefined ? undefined : Number(replication)),
    sessionTimeoutMs,
  };
}

function topicTrackingOf(reader: WorkerFile): 'on' | 'without-reset' | 'off' {
  const isOff = (key: string): boolean => reader.text(key)?.toLowerCase() === 'false';
  if (isOff('topic.tracking.enable')) return 'off';
  return isOff('topic.tracking.allow.reset') ? 'without-reset' : 'on';
}

function brokerOf(reader: WorkerFile): string | undefined {
  const servers = reader.text('bootstrap.servers');
  if (servers === undefined) {
    reader.problem(
      'bootstrap.servers',
      'it is missing: HOST:PORT of a Kafka is wanted (or --broker on the command line)',
    );
    return undefined;
  }
  // Java's clients allow a protocol in front of each address and do not look at it.
  const hosts = servers.split(/\s*,\s*/).map((server) => server.replace(/^[A-Z_]+:\/\//i, ''));
  const wrong = hosts.find((host) => !/^(\[[0-9a-fA-F:.]+\]|[^:\s]+):\d{1,5}$/.test(host));
  if (wrong !== undefined) reader.problem('bootstrap.servers', `cannot use "${wrong}": must be HOST:PORT`);
  return `kafka://${hosts.join(',')}`;
}

function exactlyOnceOf(reader: WorkerFile): boolean {
  const key = 'exactly.once.source.support';
  const text = reader.text(key)?.toLowerCase() ?? 'disabled';
  const words = ['disabled', 'preparing', 'enabled'];
  if (!words.includes(text)) reader.problem(key, `cannot use "${text}": must be ${words.join(', ')}`);
  return text === 'enabled';
}

function startWithoutKafkaOf(reader: WorkerFile): AppConfig['worker']['startWithoutKafka'] {
  const key = 'spool.start.without.kafka';
  const text = reader.text(key) ?? 'auto';
  const found = startsWithoutKafka.find((word) => word === text.toLowerCase());
  if (found === undefined) reader.problem(key, `cannot use "${text}": must be ${startsWithoutKafka.join(', ')}`);
  return found ?? 'auto';
}

function outboundOf(reader: WorkerFile): AppConfig['outbound'] {
  const policy = reader.text('outbound.policy') ?? 'auto';
  if (policy !== 'auto' && policy !== 'public') {
    reader.problem('outbound.policy', `cannot use "${policy}": must be auto or public`);
  }
  const allow = (reader.text('outbound.allow') ?? '').split(',').map((entry) => entry.trim());
  const entries = allow.filter((entry) => entry !== '');
  const problem = hostEntriesProblem(entries);
  if (problem !== undefined) reader.problem('outbound.allow', problem);
  return { policy: policy === 'public' ? 'public' : 'auto', allow: entries };
}

function requireConverters(reader: WorkerFile): void {
  for (const key of ['key.converter', 'value.converter']) {
    if (reader.text(key) === undefined) {
      reader.problem(key, `Missing required configuration "${key}" which has no default value.`);
    }
  }
}

function converterDefaults(values: RawConfig): RawConfig {
  return Object.fromEntries(Object.entries(values).filter(([key]) => /^(key|value|header)\.converter(\.|$)/.test(key)));
}

function producerOf(reader: WorkerFile): ProducerSettings {
  // Where Kafka is and who connects is repeated there for Java's clients: here it is said once, without the prefix.
  const settings = Object.fromEntries(
    Object.entries(withoutPrefix(reader.values, 'producer.')).filter(
      ([key]) => !/^(bootstrap\.servers$|security\.|sasl\.|ssl\.)/.test(key),
    ),
  );
  try {
    const { options, warnings } = producerOverrides(settings);
    for (const { key, reason } of warnings) reader.warning(`producer.${key}`, reason);
    return { compression: 'none', maxBatchBytes: defaultMaxBatchBytes, ...options };
  } catch (error) {
    if (!isError(error)) throw error;
    const key = Object.keys(settings).find((each) => error.message.includes(` configuration ${each}:`)) ?? '';
    reader.problem(`producer.${key}`, error.message);
    return { compression: 'none', maxBatchBytes: defaultMaxBatchBytes };
  }
}
