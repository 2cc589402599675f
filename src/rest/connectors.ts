/** `/connectors` and `/connectors/{c}`. */
import type { FastifyInstance } from 'fastify';
import type { ConnectorInfo } from '../wire/connect/connector-info.ts';
import type { ConnectorStateInfo } from '../wire/connect/connector-state-info.ts';
import { parseCreateRequest } from '../wire/connect/create-request.ts';
import { unmasked } from './masking.ts';
import { unreadable } from './refusal.ts';
import { bodyOfTexts } from './request-format.ts';
import {
  connectorInfo,
  connectorLocation,
  type DetailQuery,
  type NameParams,
  namedConfig,
  type RestContext,
  requireConnector,
  wantsDetail,
} from './rest-context.ts';
import { connectorStateInfo } from './status.ts';

interface ExpandQuery extends DetailQuery {
  readonly Querystring: DetailQuery['Querystring'] & { readonly expand?: string | string[] };
}

interface Expanded {
  info?: ConnectorInfo;
  status?: ConnectorStateInfo;
}

export function connectorRoutes(server: FastifyInstance, context: RestContext): void {
  const { worker } = context;

  server.get<ExpandQuery>('/connectors', async ({ query }) => {
    if (query.expand === undefined) return worker.connectorNames();
    return expanded(context, [query.expand].flat(), wantsDetail(context, query));
  });

  server.post('/connectors', async (request, reply) => {
    const parsed = parseCreateRequest(bodyOfTexts(request));
    if (!parsed.ok) throw unreadable(parsed.problem);
    const { name, initialState } = parsed.request;
    const named = namedConfig(parsed.request.config, name);
    const config = context.maskSecrets ? unmasked(named, undefined, worker) : named;
    await worker.create(name, config, initialState);
    // As Connect's distributed form answers: the tasks come after the connector, whoever wants them asks again.
    const created = connectorInfo(context, { ...requireConnector(context, name), tasks: [] });
    return reply.code(201).header('location', connectorLocation(request, name)).send(created);
  });

  server.get<NameParams>('/connectors/:name', async ({ params }) => {
    return connectorInfo(context, requireConnector(context, params.name));
  });

  server.delete<NameParams>('/connectors/:name', async ({ params }, reply) => {
    requireConnector(context, params.name);
    await worker.delete(params.name);
    return reply.code(204).send();
  });
}

/** `{"a":{"status":…,"info":…}}`; what is not known to expand is passed over, as Connect does. */
function expanded(
  context: RestContext,
  wanted: readonly string[],
  withDetail: boolean,
): Readonly<Record<string, Expanded>> {
  const { worker } = context;
  const answer: [string, Expanded][] = [];
  for (const name of worker.connectorNames()) {
    const entry: Expanded = {};
    const view = worker.connector(name);
    const status = worker.status(name);
    if (wanted.includes('info') && view !== undefined) entry.info = connectorInfo(context, view);
    if (wanted.includes('status') && status !== undefined) entry.status = connectorStateInfo(status, withDetail);
    answer.push([name, entry]);
  }
  return Object.fromEntries(answer);
}
