/** `/connector-plugins`: what a configuration may name, its options, and the check of a configuration. */
import type { FastifyInstance } from 'fastify';
import { isError } from '../base/errors.ts';
import type { RawConfigWithNulls } from '../config/raw.ts';
import { parseConfigMap } from '../wire/connect/connector-config.ts';
import { hideResolved } from './masking.ts';
import { Refusal, unreadable } from './refusal.ts';
import { bodyOfTexts } from './request-format.ts';
import type { RestContext } from './rest-context.ts';
import type { PluginView } from './rest-worker.ts';

interface PluginParams {
  readonly Params: { readonly plugin: string };
}

export function pluginRoutes(server: FastifyInstance, context: RestContext): void {
  const { worker } = context;

  server.get<{ Querystring: { readonly connectorsOnly?: string | string[] } }>(
    '/connector-plugins',
    async ({ query }) => {
      // Without the parameter it is true; a value that is not true is false.
      const [connectorsOnly = 'true'] = [query.connectorsOnly ?? 'true'].flat();
      const all = worker.plugins();
      const shown = connectorsOnly.toLowerCase() === 'true' ? all.filter(isConnector) : all;
      return shown.map(({ className, kind, version }) => ({ class: className, type: kind, version }));
    },
  );

  server.get<PluginParams>('/connector-plugins/:plugin/config', async ({ params }) => {
    const options = worker.pluginConfig(params.plugin);
    if (options === undefined) throw new Refusal(404, `Unknown plugin ${params.plugin}.`);
    return options;
  });

  server.put<PluginParams>('/connector-plugins/:plugin/config/validate', async (request) => {
    const { params } = request;
    const parsed = parseConfigMap(bodyOfTexts(request));
    if (!parsed.ok) throw unreadable(parsed.problem);
    const { config } = parsed;
    requireFitting(config, params.plugin, worker.plugins());
    try {
      const answer = worker.validate(config);
      return context.maskSecrets ? hideResolved(answer, config) : answer;
    } catch (error) {
      throw asConnectSays(error);
    }
  });
}

function isConnector({ kind }: PluginView): boolean {
  return kind === 'source' || kind === 'sink';
}

/** The class in the body must end with what the path names, both without `Connector` at their ends; or both are one plugin. */
function requireFitting(config: RawConfigWithNulls, plugin: string, plugins: readonly PluginView[]): void {
  const className = config['connector.class'];
  if (className === undefined || className === null) return;
  if (normalized(className).endsWith(normalized(plugin))) return;
  if (plugins.some(({ names }) => names.includes(plugin) && names.includes(className))) return;
  throw new Refusal(400, `Included connector type ${className} does not match request type ${plugin}`);
}

function normalized(name: string): string {
  return name.replace(/(?<=.)Connector$/, '');
}

/** A configuration that cannot be checked at all is a 500 whose text begins with the class of Connect's exception. */
function asConnectSays(error: unknown): unknown {
  if (isError(error, 'CONFIG_INVALID')) {
    const inner = error.message.startsWith('Failed to find any class') ? `${connectException}: ` : '';
    return new Refusal(500, `${badRequest}: ${inner}${error.message}`);
  }
  if (isError(error, 'INVALID_CONFIG')) return new Refusal(500, `${configException}: ${error.message}`);
  return error;
}

const badRequest = 'org.apache.kafka.connect.runtime.rest.errors.BadRequestException';
const connectException = 'org.apache.kafka.connect.errors.ConnectException';
const configException = 'org.apache.kafka.common.config.ConfigException';
