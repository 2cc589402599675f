/** Requests that Connect's workers send each other, signed. Nobody else may, and ours speak through Kafka. */
import type { FastifyInstance } from 'fastify';
import { Refusal } from './refusal.ts';

export function internalRoutes(server: FastifyInstance): void {
  const refuse = async (): Promise<never> => {
    throw new Refusal(400, 'Internal request missing required signature');
  };
  server.post('/connectors/:name/tasks', refuse);
  server.put('/connectors/:name/fence', refuse);
}
