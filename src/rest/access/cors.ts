/** Cross-origin requests, where `access.control.allow.origin` lets some in. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import { type AllowedOrigins, isAllowed } from './origin.ts';

export interface Cors {
  readonly origins: AllowedOrigins;
  readonly methods: readonly string[];
}

/** As Kafka Connect has it where none are named. */
export const usualMethods: readonly string[] = ['GET', 'POST', 'HEAD'];

/** Says to the browser what its page may read. True where the request was a preflight, which this answered. */
export function answerCors({ origins, methods }: Cors, request: FastifyRequest, reply: FastifyReply): boolean {
  const { origin } = request.headers;
  if (origins.length === 0) return false;
  reply.header('vary', 'origin');
  if (origin === undefined || !isAllowed(origin, origins)) return false;
  reply.header('access-control-allow-origin', origin);
  if (request.method !== 'OPTIONS' || request.headers['access-control-request-method'] === undefined) return false;
  reply
    .header('access-control-allow-methods', methods.join(','))
    .header('access-control-allow-headers', 'X-Requested-With,Content-Type,Accept,Origin,Authorization')
    .header('access-control-max-age', '1800')
    .code(200)
    .send();
  return true;
}
