/** `GET /metrics`, for Prometheus. */
import type { FastifyInstance } from 'fastify';
import { exposition, expositionContentType } from '../telemetry/exposition.ts';
import type { MetricRegistry } from '../telemetry/metrics.ts';
import { processFamilies } from '../telemetry/process-metrics.ts';

export function metricRoutes(server: FastifyInstance, registry: MetricRegistry): void {
  server.get('/metrics', async (_request, reply) => {
    const text = exposition([...registry.families.values(), ...processFamilies()]);
    return reply.type(expositionContentType).send(text);
  });
}
