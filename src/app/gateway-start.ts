/** `tributary gateway`: the gateway alone, in one process or several. */
import { TributaryError } from '../base/errors.ts';
import type { Io } from '../cli/io.ts';
import { checkProcesses, readGatewaySettings } from '../gateway/read-settings.ts';
import { type GatewaySettings, gatewayDefaults } from '../gateway/settings.ts';
import type { AppConfig } from './config/app-config.ts';
import { readKafkaWebsocketFiles } from './config/kafka-websocket-files.ts';
import { accepted, type Loaded, loadYaml } from './config/load-config.ts';
import { openGatewayProcesses } from './gateway-processes/open-processes.ts';
import { KnownSecrets } from './known-secrets.ts';
import { pluginsOfYaml } from './plugin-paths.ts';
import type { Plugins } from './plugins.ts';
import { run } from './start.ts';
import { type AppParts, openGatewayApp, type RunningApp } from './wiring.ts';

export interface GatewayStartOptions {
  readonly file: string | undefined;
  /** Folder with kafka-websocket's files. */
  readonly from: string | undefined;
  readonly listen: string | undefined;
  readonly broker: string | undefined;
  readonly logLevel: string | undefined;
  readonly processes: number | undefined;
}

/** What the files and the command line say, as often as they are read. */
export interface GatewaySource {
  readonly plugins: Plugins;
  /** Without a section `gateway` all of its defaults. */
  read(): { readonly loaded: Loaded<AppConfig>; readonly settings: GatewaySettings };
}

/** USAGE, and CONFIG_INVALID of plugins; what else is wrong is in what `read` gives. */
export async function gatewaySource(
  options: GatewayStartOptions,
  env: NodeJS.ProcessEnv,
  secrets: KnownSecrets,
): Promise<GatewaySource> {
  const { file, from, listen, broker, logLevel, processes } = options;
  if (file !== undefined && from !== undefined)
    throw new TributaryError('USAGE', 'Give either FILE.yaml or --from, not both.');
  const plugins = await pluginsOfYaml(file);
  const onResolved = (key: string, value: string): void => secrets.resolved(key, value);
  return {
    plugins,
    read() {
      const old = from === undefined ? undefined : readKafkaWebsocketFiles(from);
      const address = broker ?? old?.broker;
      const overrides = {
        ...(address === undefined ? {} : { broker: address }),
        ...(logLevel === undefined ? {} : { 'log.level': logLevel }),
      };
      const loaded = loadYaml(file, overrides, { env, ...plugins, onResolved });
      const warnings = [...loaded.warnings, ...(old?.warnings ?? []).map((message) => ({ file: from!, message }))];
      const written =
        old === undefined ? (loaded.config?.gateway ?? gatewayDefaults) : readGatewaySettings(old.gateway);
      const settings = {
        ...written,
        ...(listen === undefined ? {} : { listen }),
        ...(processes === undefined ? {} : { processes: checkProcesses(processes) }),
      };
      return { loaded: { ...loaded, warnings }, settings };
    },
  };
}

export async function startGatewayAlone(options: GatewayStartOptions, io: Io): Promise<number> {
  const secrets = new KnownSecrets();
  const source = await gatewaySource(options, io.env, secrets);
  const { loaded, settings } = source.read();
  const open = (parts: AppParts): Promise<RunningApp> =>
    settings.processes === 1 ? openGatewayApp(parts, settings) : openGatewayProcesses(parts, settings, options);
  const reread = (): GatewaySettings => {
    const read = source.read();
    accepted(read.loaded);
    return read.settings;
  };
  return run(loaded, false, io, secrets, source.plugins, open, reread);
}
