/** `/connectors/{c}/offsets`: reading and changing. Only a stopped connector's can be changed. */
import type { FastifyInstance } from 'fastify';
import type { ConnectorOffsets } from '../wire/connect/connector-offsets.ts';
import { offsetsChanged, parseOffsetChanges } from '../wire/connect/offset-changes.ts';
import { maskedPartition, unmaskedPartition } from './masking.ts';
import { Refusal, unreadable } from './refusal.ts';
import { type NameParams, type RestContext, requireConnector } from './rest-context.ts';

export function offsetRoutes(server: FastifyInstance, context: RestContext): void {
  const { worker } = context;

  server.get<NameParams>('/connectors/:name/offsets', async ({ params }): Promise<ConnectorOffsets> => {
    requireConnector(context, params.name);
    const offsets = await worker.offsets(params.name);
    if (!context.maskSecrets) return { offsets };
    return { offsets: offsets.map(({ partition, offset }) => ({ partition: maskedPartition(partition), offset })) };
  });

  server.patch<NameParams>('/connectors/:name/offsets', async ({ params, body }) => {
    const parsed = parseOffsetChanges(body);
    if (!parsed.ok) throw unreadable(parsed.problem);
    if (parsed.changes.length === 0) {
      throw new Refusal(400, 'Partitions / offsets need to be provided for an alter offsets request');
    }
    requireConnector(context, params.name);
    const stored = context.maskSecrets ? await worker.offsets(params.name) : [];
    const changes = parsed.changes.map(({ partition, offset }) => ({
      partition: partition === null ? null : unmaskedPartition(partition, stored),
      offset,
    }));
    return offsetsChanged('altered', await worker.alterOffsets(params.name, changes));
  });

  server.delete<NameParams>('/connectors/:name/offsets', async ({ params }) => {
    requireConnector(context, params.name);
    return offsetsChanged('reset', await worker.resetOffsets(params.name));
  });
}
