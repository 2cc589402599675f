/** A worker that runs and has not heard from its Kafka yet: it shows what it knows, and changes nothing. */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { isReading } from './access/audit.ts';
import { Refusal } from './refusal.ts';
import type { RestWorker } from './rest-worker.ts';

/** Seconds after which it is worth to ask again. */
const retryAfter = '5';
/** Read in Kafka itself. */
const ofKafka: ReadonlySet<string> = new Set(['/', '/connectors/:name/offsets']);

/** Call it before the routes are declared. */
export function refuseWhileWaiting(server: FastifyInstance, worker: RestWorker): void {
  server.addHook('preHandler', async (request, reply) => {
    const reason = worker.waitsForKafka?.();
    if (reason === undefined || !needsKafka(request)) return;
    reply.header('retry-after', retryAfter);
    throw new Refusal(503, reason);
  });
}

function needsKafka({ method, routeOptions, query }: FastifyRequest): boolean {
  const { url: route = '' } = routeOptions;
  if (isReading(method)) return ofKafka.has(route.replace(/(?<=.)\/$/, ''));
  if (route.startsWith('/connector-plugins')) return false; // a check of a configuration
  const { scope } = query as { readonly scope?: unknown };
  return !route.startsWith('/admin/') || String(scope).toLowerCase() === 'cluster';
}
