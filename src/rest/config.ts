/** `/connectors/{c}/config`. */
import type { FastifyInstance } from 'fastify';
import { parseConfigMap, patchedConfig } from '../wire/connect/connector-config.ts';
import { unmasked } from './masking.ts';
import { unreadable } from './refusal.ts';
import { bodyOfTexts } from './request-format.ts';
import {
  connectorInfo,
  connectorLocation,
  type NameParams,
  namedConfig,
  type RestContext,
  requireConnector,
  shownConfig,
} from './rest-context.ts';

export function configRoutes(server: FastifyInstance, context: RestContext): void {
  const { worker } = context;

  server.get<NameParams>('/connectors/:name/config', async ({ params }) => {
    return shownConfig(context, requireConnector(context, params.name).config);
  });

  server.patch<NameParams>('/connectors/:name/config', async (request) => {
    const { name } = request.params;
    const parsed = parseConfigMap(bodyOfTexts(request));
    if (!parsed.ok) throw unreadable(parsed.problem);
    requireConnector(context, name);
    await worker.patch(name, (current) => {
      const patched = patchedConfig(current, parsed.config);
      return context.maskSecrets ? unmasked(patched, current, worker) : patched;
    });
    return connectorInfo(context, requireConnector(context, name));
  });

  server.put<NameParams>('/connectors/:name/config', async (request, reply) => {
    const { name } = request.params;
    const parsed = parseConfigMap(bodyOfTexts(request));
    if (!parsed.ok) throw unreadable(parsed.problem);
    const named = namedConfig(parsed.config, name);
    const config = context.maskSecrets ? unmasked(named, worker.connector(name)?.config, worker) : named;
    const outcome = await worker.put(name, config);
    const view = requireConnector(context, name);
    if (outcome === 'updated') return reply.send(connectorInfo(context, view));
    const created = connectorInfo(context, { ...view, tasks: [] });
    return reply.code(201).header('location', connectorLocation(request, name)).send(created);
  });
}
