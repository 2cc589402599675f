/** Our own configuration file: YAML, checked whole, each problem with its line. */
import { dirname } from 'node:path';
import { isError } from '../../base/errors.ts';
import { suggest } from '../../base/nearest.ts';
import { type Config, validate } from '../../config/config-def.ts';
import type { RawConfig } from '../../config/raw.ts';
import type { GatewaySettings } from '../../gateway/settings.ts';
import {
  type AppConfig,
  assignmentTopic,
  type KafkaSecurity,
  type ListenerTls,
  type NamedConnector,
  type RestSettings,
  tablesOf,
} from './app-config.ts';
import { keysOfEnvironment } from './environment.ts';
import { gatewayKeys, gatewaySettings } from './gateway-config.ts';
import { type AppOptions, appOptions, laterKeys } from './options.ts';
import type { ConfigProblem } from './problem.ts';
import { type ProviderOptions, resolveValue } from './providers.ts';
import { accountPrefixes } from './rest-accounts.ts';
import { type RestKeys, restSettingsOf } from './rest-config.ts';
import { readSqlApplications, type SqlApplication } from './sql-applications.ts';
import { readYaml, type YamlTree } from './yaml-tree.ts';

export interface YamlConfig {
  /** undefined where there are problems. */
  readonly config: AppConfig | undefined;
  readonly problems: readonly ConfigProblem[];
  readonly warnings: readonly ConfigProblem[];
  /** Those among the connectors that are scripts of their own. */
  readonly applications: readonly SqlApplication[];
  /** Line of a connector's key, for problems that the connector itself finds. */
  lineOf(connector: string, key: string): number | undefined;
}

/** What the command line says wins over the environment, and that over the file. */
export type Overrides = Readonly<Partial<Record<keyof AppOptions, string>>>;

export function readYamlConfig(
  file: string,
  text: string,
  env: NodeJS.ProcessEnv,
  overrides: Overrides = {},
  onResolved?: ProviderOptions['onResolved'],
): YamlConfig {
  const tree = readYaml(file, text);
  const known = Object.keys(appOptions.options);
  const environment = keysOfEnvironment(env, [...known, ...gatewayKeys]);
  const raw: Record<string, string> = {};
  for (const [key, { value }] of tree.entries) raw[key] = value;
  const gatewayOver = new Map<string, string>();
  for (const [key, { value }] of environment.found) {
    if (key.startsWith('gateway.')) gatewayOver.set(key, value);
    else raw[key] = value;
  }
  Object.assign(raw, overrides);

  const validated = validate(appOptions, raw);
  const problems: ConfigProblem[] = [...tree.problems, ...unknownKeysOf(file, tree, known), ...environment.problems];
  for (const { name, errors } of validated) {
    const variable = environment.found.get(name)?.variable;
    const place =
      name in overrides
        ? { file: 'command line' }
        : variable !== undefined
          ? { file: 'environment', key: variable }
          : { file, line: tree.entries.get(name)?.line };
    for (const message of errors) problems.push({ ...place, key: place.key ?? name, message: withoutName(message) });
  }
  const values = Object.fromEntries(validated.map(({ name, value }) => [name, value])) as Config<typeof appOptions>;
  const lineOf = (connector: string, key: string): number | undefined =>
    tree.connectors.get(connector)?.entries.get(key)?.line ?? tree.connectors.get(connector)?.line;
  const folder = dirname(file);
  let rest: RestSettings | undefined;
  let gateway: GatewaySettings | undefined;
  let applications: readonly SqlApplication[] = [];
  if (problems.length === 0) {
    problems.push(...problemsBetween(file, tree, values));
    // Elsewhere there are only names of files: what stands there replaces the whole list.
    const isOfFile = !('sql' in overrides) && !environment.found.has('sql');
    const entries = { files: values.sql, sections: isOfFile ? tree.scripts : [] };
    const sql = readSqlApplications(entries, folder, [...tree.connectors.keys()]);
    applications = sql.applications;
    for (const { message, line = tree.entries.get('sql')?.line } of sql.problems)
      problems.push({ file, line, key: 'sql', message });
    rest = restOf(file, tree, raw, values, { env, folder, onResolved }, problems);
    gateway = gatewayOf(file, tree, gatewayOver, { env, folder, onResolved }, problems);
  }
  const config =
    problems.length > 0 || rest === undefined
      ? undefined
      : appConfig(values, rest, gateway, [...connectorsOf(tree), ...applications], folder);
  return { config, problems, warnings: environment.warnings, applications, lineOf };
}

function unknownKeysOf(file: string, tree: YamlTree, known: readonly string[]): ConfigProblem[] {
  const groups = new Set(known.map((key) => key.split('.')[0]!));
  return [...tree.entries]
    .filter(([key]) => !known.includes(key) && !accountPrefixes.some((prefix) => key.startsWith(prefix)))
    .map(([key, { line }]) => {
      const later = laterKeys.find((name) => key === name || key.startsWith(`${name}.`));
      if (later !== undefined) return { file, line, key, message: `this version has no "${later}" yet` };
      return { file, line, key, message: `unknown key.${suggest(key, [...known, 'connectors', ...groups])}` };
    });
}

/** What each value alone does not show. */
function problemsBetween(file: string, tree: YamlTree, values: AppOptions): ConfigProblem[] {
  const problems: ConfigProblem[] = [];
  const at = (key: keyof AppOptions, message: string): void => {
    problems.push({ file, line: tree.entries.get(key)?.line, key, message });
  };
  const sasl = (['kafka.sasl.mechanism', 'kafka.sasl.username', 'kafka.sasl.password'] as const).filter(
    (key) => values[key] !== null,
  );
  const wanted =
    values['kafka.sasl.mechanism'] === 'oauthbearer' ? ['kafka.sasl.mechanism', 'kafka.sasl.password'] : undefined;
  if (sasl.length > 0 && sasl.length < (wanted?.length ?? 3)) {
    at(sasl[0]!, 'SASL needs mechanism, username and password (oauthbearer: mechanism and password)');
  }
  if ((values['kafka.tls.cert'] === null) !== (values['kafka.tls.key'] === null)) {
    at(
      values['kafka.tls.cert'] === null ? 'kafka.tls.key' : 'kafka.tls.cert',
      'a certificate and its key are wanted together',
    );
  }
  return problems;
}

function restOf(
  file: string,
  tree: YamlTree,
  raw: RawConfig,
  values: AppOptions,
  providers: ProviderOptions,
  problems: ConfigProblem[],
): RestSettings | undefined {
  const problem = (key: string, message: string): void => {
    problems.push({ file, line: tree.entries.get(key)?.line, key, message });
  };
  const text = (key: string): string | undefined => {
    try {
      return resolveValue(key, raw[key]?.trim() ?? '', providers) || undefined;
    } catch (error) {
      if (!isError(error)) throw error;
      problem(key, error.message);
      return undefined;
    }
  };
  const keys: RestKeys = {
    text,
    has: (key) => raw[key] !== undefined,
    startingWith: (prefix) => Object.keys(raw).filter((key) => key.startsWith(prefix)),
    problem,
  };
  const settings = restSettingsOf(keys, {
    listenKey: 'worker.listen',
    listen: undefined,
    portOption: '--listen (or "worker.listen" in the file)',
    maskSecrets: values['rest.mask.secrets'],
    statusDetail: true,
    topicTracking: 'on',
    line: (key, value) => `${key}: ${value}`,
    tls: () => tlsOf(keys, values['rest.tls.client.auth']),
  });
  return settings;
}

function tlsOf({ text, problem }: RestKeys, clientAuth: string): ListenerTls | undefined {
  const files = { cert: text('rest.tls.cert'), key: text('rest.tls.key'), pfx: text('rest.tls.pfx') };
  if (files.pfx === undefined && (files.cert === undefined || files.key === undefined)) {
    problem('worker.listen', 'an https:// listener needs rest.tls.cert and rest.tls.key, or rest.tls.pfx');
    return undefined;
  }
  const ca = text('rest.tls.ca');
  if (clientAuth === 'required' && ca === undefined) {
    problem('rest.tls.client.auth', 'rest.tls.ca is wanted, too: the authorities whose certificates are taken');
    return undefined;
  }
  return {
    ...files,
    ca,
    passphrase: text('rest.tls.passphrase'),
    clientAuth: clientAuth as ListenerTls['clientAuth'],
  };
}

/** There is a gateway where the file has the section, or the environment one of its keys. */
function gatewayOf(
  file: string,
  tree: YamlTree,
  over: ReadonlyMap<string, string>,
  providers: ProviderOptions,
  problems: ConfigProblem[],
): GatewaySettings | undefined {
  if (tree.gateway === undefined && over.size === 0) return undefined;
  try {
    return gatewaySettings(tree.gateway?.value, over, providers);
  } catch (error) {
    if (!isError(error)) throw error;
    problems.push({ file, line: tree.gateway?.line, message: error.message });
    return undefined;
  }
}

function connectorsOf(tree: YamlTree): NamedConnector[] {
  return [...tree.connectors].map(([name, { entries }]) => ({
    name,
    config: Object.fromEntries([...entries].map(([key, { value }]): [string, string] => [key, value])) as RawConfig,
  }));
}

/** Names the topics and producers of a worker that shares with nobody. */
const aloneGroup = 'tributary';

function appConfig(
  values: AppOptions,
  rest: RestSettings,
  gateway: GatewaySettings | undefined,
  connectors: readonly NamedConnector[],
  folder: string,
): AppConfig {
  const deliveryTimeoutMs = values['producer.deliveryTimeoutMs'];
  const groupId = values['worker.group.id'] ?? aloneGroup;
  return {
    broker: values.broker,
    autoCreate: values['broker.autoCreate'],
    kafka: kafkaSecurity(values),
    producer: {
      ...(deliveryTimeoutMs === null ? {} : { deliveryTimeoutMs }),
      compression: values['producer.compression'] as AppConfig['producer']['compression'],
      maxBatchBytes: values['producer.maxBatchBytes'],
    },
    rest,
    worker: {
      groupId,
      share:
        values['worker.group.id'] === null
          ? undefined
          : {
              topic: assignmentTopic(groupId, values.broker),
              sessionTimeoutMs: values['worker.session.timeout.ms'],
            },
      isFenced: true,
      offsetFlushIntervalMs: values['worker.offset.flush.interval.ms'],
      offsetFlushTimeoutMs: values['worker.offset.flush.timeout.ms'],
      exactlyOnceSources: values['worker.exactly.once.source.support'].toLowerCase() === 'enabled',
      maxSourceAgeMs: values['health.source.max.age.ms'] ?? undefined,
      spoolFolder: values['spool.dir'],
      startWithoutKafka: values['spool.start.without.kafka'] as AppConfig['worker']['startWithoutKafka'],
      brokerWaitMs: values['worker.broker.wait.ms'] ?? undefined,
      gracefulTimeoutMs: values['worker.task.shutdown.graceful.timeout.ms'],
      defaults: {},
      tables: tablesOf(groupId),
    },
    outbound: {
      policy: values['outbound.policy'] as AppConfig['outbound']['policy'],
      allow: values['outbound.allow'],
    },
    gateway,
    connectors: connectors.map(({ name, config }) => ({ name, config })),
    logLevel: values['log.level'] as AppConfig['logLevel'],
    folder,
  };
}

function kafkaSecurity(values: AppOptions): KafkaSecurity {
  const {
    'kafka.sasl.mechanism': mechanism,
    'kafka.sasl.username': username,
    'kafka.sasl.password': password,
  } = values;
  const files = {
    ca: values['kafka.tls.ca'] ?? undefined,
    cert: values['kafka.tls.cert'] ?? undefined,
    key: values['kafka.tls.key'] ?? undefined,
    passphrase: values['kafka.tls.passphrase'] ?? undefined,
    servername: values['kafka.tls.servername'] ?? undefined,
  };
  const insecure = values['kafka.tls.insecure'];
  const usesTls = values['kafka.tls'] || insecure || Object.values(files).some((file) => file !== undefined);
  return {
    ...(mechanism === null ? {} : { sasl: { mechanism, username: username ?? '', password: password ?? '' } }),
    ...(usesTls ? { tls: { ...files, insecure, checkName: true } } : {}),
  };
}

/** The name stands before the message already. */
function withoutName(message: string): string {
  return message.replace(/^Invalid value (.*) for configuration \S+: /, 'cannot use "$1": ');
}
