import type { RawConfig } from '../config/raw.ts';
import type { ConfigMap } from '../wire/connect/connector-config.ts';
import { type ConnectorInfo, taskIds } from '../wire/connect/connector-info.ts';
import { masked } from './masking.ts';
import { Refusal } from './refusal.ts';
import type { ConnectorView, RestWorker } from './rest-worker.ts';

/** What every resource has at hand. */
export interface RestContext {
  readonly worker: RestWorker;
  readonly maskSecrets: boolean;
}

/** Parameters of `/connectors/:name/…`. */
export interface NameParams {
  readonly Params: { readonly name: string };
}

export function requireConnector({ worker }: RestContext, name: string): ConnectorView {
  const found = worker.connector(name);
  if (found === undefined) throw new Refusal(404, `Connector ${name} not found`);
  return found;
}

export function shownConfig({ worker, maskSecrets }: RestContext, config: RawConfig): RawConfig {
  return maskSecrets ? masked(config, worker) : config;
}

export function connectorInfo(context: RestContext, { name, config, tasks, type }: ConnectorView): ConnectorInfo {
  return { name, config: shownConfig(context, config), tasks: taskIds(name, tasks.length), type };
}

/** The configuration of a request under the name that the request gives, which the configuration may repeat. */
export function namedConfig(config: ConfigMap, name: string): RawConfig {
  const withoutValue = Object.keys(config).find((key) => config[key] === null);
  if (withoutValue !== undefined) {
    throw new Refusal(
      400,
      `Invalid value null for configuration ${withoutValue}: Null value can not be supplied as the configuration value.`,
    );
  }
  const named = { name, ...(config as RawConfig) };
  if (named.name !== name) {
    throw new Refusal(
      400,
      `Connector name configuration (${named.name}) doesn't match connector name in the URL (${name})`,
    );
  }
  return named;
}

/** Where a connector is to be found, with the host that the client asked. */
export function connectorLocation(host: string, name: string): string {
  return `http://${host}/connectors/${encodeURI(name).replace(/[?#/]/g, encodeURIComponent)}`;
}
