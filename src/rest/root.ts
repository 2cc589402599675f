/** `GET /` and `GET /health`. */
import type { FastifyInstance } from 'fastify';
import type { HealthInfo, ServerInfo } from '../wire/connect/server-info.ts';
import { healthStatusCodes } from '../wire/connect/server-info.ts';
import type { RestContext } from './rest-context.ts';
import type { WorkerHealth } from './rest-worker.ts';

/** Version of the Kafka Connect interface that is spoken here. */
const connectVersion = '4.1.0';

export function rootRoutes(server: FastifyInstance, { worker }: RestContext, version: string): void {
  server.get('/', async (): Promise<ServerInfo> => {
    return { version: connectVersion, commit: `tributary-${version}`, kafka_cluster_id: await worker.clusterId() };
  });

  server.get('/health', async (_request, reply) => {
    const health = worker.health();
    const body: HealthInfo = { status: health.state, message: messageOf(health) };
    return reply.code(healthStatusCodes[health.state]).send(body);
  });
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
