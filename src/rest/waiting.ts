/** The REST interface before there is a worker: whoever asks is told to come again, and why. */
import fastify, { type FastifyInstance, type FastifyReply } from 'fastify';
import { errorBody } from '../wire/connect/error-body.ts';
import type { HealthInfo } from '../wire/connect/server-info.ts';

/** Seconds after which it is worth to ask again. */
const retryAfter = '5';

/** `reason` is shown to everybody: nobody is asked who he is. */
export function buildWaitingServer(reason: string): FastifyInstance {
  const refuse = (reply: FastifyReply): FastifyReply =>
    reply.code(503).header('retry-after', retryAfter).send(errorBody(503, reason));
  const server = fastify({
    forceCloseConnections: 'idle',
    routerOptions: { ignoreTrailingSlash: true },
    frameworkErrors: (_error, _request, reply: FastifyReply) => refuse(reply),
  });
  server.setErrorHandler((_error, _request, reply) => refuse(reply));
  server.setNotFoundHandler((_request, reply) => refuse(reply));
  server.get('/health', (_request, reply) => {
    const body: HealthInfo = { status: 'starting', message: reason };
    return reply.code(503).header('retry-after', retryAfter).send(body);
  });
  return server;
}
