/** `GET /` and `GET /health`. */
import type { FastifyInstance } from 'fastify';
import type { HealthInfo, ServerInfo } from '../wire/connect/server-info.ts';
import { healthStatusCodes } from '../wire/connect/server-info.ts';
import type { RestContext } from './rest-context.ts';
import type { RestWorker, WorkerHealth } from './rest-worker.ts';

/** Version of the Kafka Connect interface that is spoken here. */
const connectVersion = '4.1.0';

export function rootRoutes(server: FastifyInstance, { worker }: RestContext, version: string): void {
  server.get('/', async (): Promise<ServerInfo> => {
    return { version: connectVersion, commit: `tributary-${version}`, kafka_cluster_id: await worker.clusterId() };
  });

  server.get<HealthQuery>('/health', async ({ query }, reply) => {
    const health = worker.health();
    const body: HealthInfo = { status: health.state, message: messageOf(health), ...heardGroup(worker, query) };
    return reply.code(healthStatusCodes[health.state]).send(body);
  });
}

/** Asked by workers of the group that do not hear it themselves. */
interface HealthQuery {
  readonly Querystring: { readonly group?: string | string[]; readonly cluster?: string | string[] };
}

function heardGroup(worker: RestWorker, { group, cluster }: HealthQuery['Querystring']): Pick<HealthInfo, 'group'> {
  if (typeof group !== 'string' || typeof cluster !== 'string') return {};
  const hearing = worker.hearing?.({ groupId: group, clusterId: cluster });
  if (hearing === undefined) return {};
  return { group: { heard_ago_ms: Math.round(hearing.agoMs), heard_for_ms: Math.round(hearing.forMs) } };
}

function messageOf({ state, reason }: WorkerHealth): string {
  switch (state) {
    case 'healthy':
      return 'Worker has completed startup and is ready to handle requests.';
    case 'starting':
      return `Worker is still starting up${reason === undefined ? '' : `: ${reason}`}.`;
    case 'unhealthy':
      return reason ?? 'Worker is unable to handle requests.';
  }
}
