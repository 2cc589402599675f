import { TributaryError } from '../../base/errors.ts';
import { silentLog } from '../../telemetry/log.ts';
import { MetricRegistry } from '../../telemetry/metrics.ts';
import { checkBrokerAddress, openBroker } from '../broker-factory.ts';
import { configError } from '../config/problem.ts';
import { localAccess } from './local-access.ts';
import type { TopicAccess } from './topic-access.ts';

/** Topics of a broker that is opened for them alone: the address, or what a YAML file says; both, and the address wins. */
export async function openTopicsOfBroker(
  address: string | undefined,
  file: string | undefined,
  env: NodeJS.ProcessEnv,
): Promise<TopicAccess> {
  const config = file === undefined ? undefined : await settingsOf(file, env);
  const wanted = address ?? config?.broker;
  if (wanted === undefined) throw new TributaryError('INTERNAL', 'Neither a broker nor a file was given');
  const broker = await openBroker({
    address: checkBrokerAddress(wanted),
    kafka: config?.kafka ?? {},
    providers: { env, folder: config?.folder ?? '.' },
    log: silentLog,
    metrics: new MetricRegistry().root(),
  });
  return localAccess(broker, () => broker.close());
}

/** Only the broker's part is used: connectors of the file may be wrong. */
async function settingsOf(file: string, env: NodeJS.ProcessEnv) {
  const [{ readYamlConfig }, { readFile }] = await Promise.all([
    import('../config/yaml-config.ts'),
    import('../config/load-config.ts'),
  ]);
  const { config, problems } = readYamlConfig(file, readFile(file), env);
  if (config === undefined) throw configError(problems);
  return config;
}
