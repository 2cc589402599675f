/** Opens the connections of configured connectors for a moment, to see whether they work. Writes nothing. */
import { systemClock } from '../base/clock.ts';
import { describeError } from '../base/errors.ts';
import type { Connector, ProbeResult } from '../connectors/contract.ts';
import { unrestricted } from '../net/outbound-policy.ts';
import { silentLog } from '../telemetry/log.ts';
import { MetricRegistry } from '../telemetry/metrics.ts';
import { findConnector } from '../worker/plugins.ts';
import type { NamedConnector } from './config/app-config.ts';
import { accepted, type LoadOptions, loadConnector, loadYaml } from './config/load-config.ts';
import { resolveConfig } from './config/providers.ts';
import { KnownSecrets } from './known-secrets.ts';
import { pluginsOfYaml } from './plugin-paths.ts';

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
  for (const { connector, folder, connectors } of configured) {
    if (signal.aborted) return;
    yield { connector: connector.name, result: await probe(connector, folder, connectors, env, signal) };
  }
}

interface Configured {
  readonly connector: NamedConnector;
  readonly folder: string;
  /** What its file may name. */
  readonly connectors: readonly Connector[];
}

function connectorsOf(file: string, load: LoadOptions): Configured[] {
  if (/\.(json|properties)$/i.test(file))
    return [{ connector: accepted(loadConnector(file, 'warning', load)), folder: '.', connectors: load.connectors }];
  const { connectors, folder } = accepted(loadYaml(file, {}, load));
  return connectors.map((connector) => ({ connector, folder, connectors: load.connectors }));
}

async function probe(
  { name, config }: NamedConnector,
  folder: string,
  connectors: readonly Connector[],
  env: NodeJS.ProcessEnv,
  signal: AbortSignal,
): Promise<ProbeResult | NotTried> {
  const connector = findConnector(connectors, config['connector.class']!);
  if (connector.kind !== 'source' || connector.probe === undefined) {
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
    return { ok: true, detail: secrets.text(result.detail), sample: secrets.text(result.sample) };
  } catch (error) {
    return { ok: false, reason: secrets.text(describeError(error)) };
  }
}
