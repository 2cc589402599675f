import type { FastifyRequest } from 'fastify';
import type { RawConfigWithNulls } from '../config/raw.ts';
import type { ConfigMap } from '../wire/connect/connector-config.ts';
import { type ConnectorInfo, taskIds } from '../wire/connect/connector-info.ts';
import { masked } from './masking.ts';
import { Refusal } from './refusal.ts';
import type { ConnectorView, RestWorker } from './rest-worker.ts';

/** What every resource has at hand. */
export interface RestContext {
  readonly worker: RestWorker;
  readonly maskSecrets: boolean;
  /** Whether statuses say what a task says of itself, where nobody asks for it. */
  readonly statusDetail: boolean;
  /** Whether `/connectors/{c}/topics` answers, and its reset (`topic.tracking.enable`, `topic.tracking.allow.reset`). */
  readonly topicTracking: TopicTracking;
}

export type TopicTracking = 'on' | 'without-reset' | 'off';

/** Parameters of `/connectors/:name/…`. */
export interface NameParams {
  readonly Params: { readonly name: string };
}

/** `?detail=true` asks a status for what a task says of itself. */
export interface DetailQuery {
  readonly Querystring: { readonly detail?: string | string[] };
}

export function wantsDetail({ statusDetail }: RestContext, { detail }: DetailQuery['Querystring']): boolean {
  return detail === undefined ? statusDetail : String(detail).toLowerCase() === 'true';
}

export function requireConnector({ worker }: RestContext, name: string): ConnectorView {
  const found = worker.connector(name);
  if (found === undefined) throw new Refusal(404, `Connector ${name} not found`);
  return found;
}

export function shownConfig({ worker, maskSecrets }: RestContext, config: RawConfigWithNulls): RawConfigWithNulls {
  return maskSecrets ? masked(config, worker) : config;
}

export function connectorInfo(context: RestContext, { name, config, tasks, type }: ConnectorView): ConnectorInfo {
  return { name, config: shownConfig(context, config), tasks: taskIds(name, tasks.length), type };
}

/** The configuration of a request under the name that the request gives, which the configuration may repeat. */
export function namedConfig(config: ConfigMap, name: string): RawConfigWithNulls {
  const named = { ...config, name: config['name'] ?? name };
  if (named.name !== name) {
    throw new Refusal(
      400,
      `Connector name configuration (${named.name}) doesn't match connector name in the URL (${name})`,
    );
  }
  return named;
}

/** Where a connector is to be found, by the scheme and the host that the client asked with. */
export function connectorLocation({ protocol, host }: Pick<FastifyRequest, 'protocol' | 'host'>, name: string): string {
  return `${protocol}://${host}/connectors/${encodeURI(name).replace(/[?#/]/g, encodeURIComponent)}`;
}
