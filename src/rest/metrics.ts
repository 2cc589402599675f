/** `GET /metrics`, for Prometheus. */
import type { FastifyInstance } from 'fastify';
import type { Clock } from '../base/clock.ts';
import { exposition, expositionContentType } from '../telemetry/exposition.ts';
import type { MetricRegistry } from '../telemetry/metrics.ts';
import { processFamilies } from '../telemetry/process-metrics.ts';
import { ConnectFamilies } from '../worker/connect-families.ts';
import type { RestWorker } from './rest-worker.ts';

export function metricRoutes(
  server: FastifyInstance,
  registry: MetricRegistry,
  worker: RestWorker,
  clock: Clock,
): void {
  const connect = new ConnectFamilies(worker, registry.families, clock);
  server.get('/metrics', async (_request, reply) => {
    const text = exposition([...registry.families.values(), ...connect.families(), ...processFamilies()]);
    return reply.type(expositionContentType).send(text);
  });
}
