/** Opens the connections of configured connectors for a moment, to see whether they work. Writes nothing. */
import { systemClock } from '../base/clock.ts';
import { describeError } from '../base/errors.ts';
import type { Broker } from '../broker/broker.ts';
import type { Connector, ProbeResult } from '../connectors/contract.ts';
import { unrestricted } from '../net/outbound-policy.ts';
import { silentLog } from '../telemetry/log.ts';
import { MetricRegistry } from '../telemetry/metrics.ts';
import { findConnector } from '../worker/plugins.ts';
import { openBroker } from './broker-factory.ts';
import { brokerWhenWanted, onlyWhereStored } from './broker-when-wanted.ts';
import type { AppConfig, NamedConnector } from './config/app-config.ts';
import { accepted, type LoadOptions, loadConnector, loadYaml } from './config/load-config.ts';
import { resolveConfig } from './config/providers.ts';
import { KnownSecrets } from './known-secrets.ts';
import { pluginsOfYaml } from './plugin-paths.ts';
import { sqlConnector } from './sql-connector.ts';

export interface DryRunResult {
  readonly connector: string;
  readonly result: ProbeResult | NotTried;
}

/** Its class has no way to try it without running it. Nothing is known against it. */
export interface NotTried {
  readonly ok: undefined;
  readonly reason: string;
}

/** One after the other, in the order of the files: what each says belongs together. CONFIG_INVALID before any is opened. */
export async function* dryRunFiles(
  files: readonly string[],
  env: NodeJS.ProcessEnv,
  signal: AbortSignal,
): AsyncGenerator<DryRunResult> {
  const configured: Configured[] = [];
  for (const file of files) {
    const plugins = await pluginsOfYaml(/\.(json|properties)$/i.test(file) ? undefined : file);
    configured.push(...connectorsOf(file, { env, ...plugins }));
  }
  for (const one of configured) {
    if (signal.aborted) return;
    yield { connector: one.connector.name, result: await probe(one, env, signal) };
  }
}

interface Configured {
  readonly connector: NamedConnector;
  readonly folder: string;
  /** What its file may name. */
  readonly connectors: readonly Connector[];
  /** Of the worker that its file describes; the file of a connector alone names none. */
  readonly worker?: Pick<AppConfig, 'broker' | 'kafka'>;
}

function connectorsOf(file: string, load: LoadOptions): Configured[] {
  if (/\.(json|properties)$/i.test(file))
    return [{ connector: accepted(loadConnector(file, 'warning', load)), folder: '.', connectors: load.connectors }];
  const worker = accepted(loadYaml(file, {}, load));
  const { connectors, folder } = worker;
  return connectors.map((connector) => ({ connector, folder, connectors: load.connectors, worker }));
}

async function probe(
  { connector: { name, config }, folder, connectors, worker }: Configured,
  env: NodeJS.ProcessEnv,
  signal: AbortSignal,
): Promise<ProbeResult | NotTried> {
  await using opened = brokerWhenWanted(async () => openBrokerOf(worker!, folder, env));
  const found = findConnector(connectors, config['connector.class']!);
  if (found.name === 'sql' && worker === undefined) {
    return { ok: undefined, reason: 'the file of a connector names no broker to look for topics at' };
  }
  // Applications look for topics themselves, at the broker of their worker.
  const connector = found.name === 'sql' ? sqlConnector(onlyWhereStored(worker!.broker, opened.broker)) : found;
  if (connector.probe === undefined) {
    return { ok: undefined, reason: `connectors of class "${connector.name}" cannot be tried without running them` };
  }
  const secrets = new KnownSecrets();
  const onResolved = (key: string, value: string): void => secrets.resolved(key, value);
  try {
    const resolved = resolveConfig({ ...config, name }, { env, folder, onResolved });
    secrets.add(resolved, connectors);
    const result = await connector.probe(resolved, {
      connector: name,
      task: 0,
      clock: systemClock,
      random: Math.random,
      log: silentLog,
      metrics: new MetricRegistry().root(),
      outbound: unrestricted, // the files are the operator's own
      signal: signal,
      setStatus() {},
    });
    if (!result.ok) return { ok: false, reason: secrets.text(result.reason) };
    const { detail, sample } = result;
    return {
      ok: true,
      detail: secrets.text(detail),
      ...(sample === undefined ? {} : { sample: secrets.text(sample) }),
    };
  } catch (error) {
    return { ok: false, reason: secrets.text(describeError(error)) };
  }
}

function openBrokerOf(
  { broker, kafka }: Pick<AppConfig, 'broker' | 'kafka'>,
  folder: string,
  env: NodeJS.ProcessEnv,
): Promise<Broker> {
  const metrics = new MetricRegistry().root();
  return openBroker({ address: broker, kafka, providers: { env, folder }, log: silentLog, metrics });
}
