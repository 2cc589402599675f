/** `/connectors/{c}/offsets`. */
import type { FastifyInstance } from 'fastify';
import type { ConnectorOffsets } from '../wire/connect/connector-offsets.ts';
import { maskedPartition } from './masking.ts';
import { type NameParams, type RestContext, requireConnector } from './rest-context.ts';

export function offsetRoutes(server: FastifyInstance, context: RestContext): void {
  server.get<NameParams>('/connectors/:name/offsets', async ({ params }): Promise<ConnectorOffsets> => {
    requireConnector(context, params.name);
    const offsets = await context.worker.offsets(params.name);
    if (!context.maskSecrets) return { offsets };
    return { offsets: offsets.map(({ partition, offset }) => ({ partition: maskedPartition(partition), offset })) };
  });
}
