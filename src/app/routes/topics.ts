/** `/topics`: what the commands `tributary topics …` ask of a running process. */
import type { FastifyInstance } from 'fastify';
import { TributaryError } from '../../base/errors.ts';
import { isRecord } from '../../config/raw.ts';
import type { TopicAccess, TopicToCreate } from '../topics/topic-access.ts';
import { sendError } from './send-error.ts';

export function topicsRoutes(server: FastifyInstance, topics: TopicAccess): void {
  server.get('/topics', (_, reply) => topics.list().catch((error) => sendError(reply, error)));

  server.post('/topics', async (request, reply) => {
    try {
      const created = await topics.create(parseTopic(request.body));
      return reply.code(201).send(created);
    } catch (error) {
      return sendError(reply, error);
    }
  });

  server.get<{ Params: { topic: string } }>('/topics/:topic', (request, reply) =>
    topics.describe(request.params.topic).catch((error) => sendError(reply, error)),
  );

  server.delete<{ Params: { topic: string } }>('/topics/:topic', async (request, reply) => {
    try {
      await topics.delete(request.params.topic);
      return reply.code(204).send();
    } catch (error) {
      return sendError(reply, error);
    }
  });
}

function parseTopic(body: unknown): TopicToCreate {
  if (!isRecord(body)) throw wrong('a JSON object is wanted');
  const unknown = Object.keys(body).find((key) => !['name', 'partitions', 'replicationFactor', 'config'].includes(key));
  if (unknown !== undefined) throw wrong(`unknown member "${unknown}"`);
  const { name, partitions, replicationFactor, config = {} } = body;
  if (typeof name !== 'string') throw wrong('"name" must be text');
  if (!isRecord(config)) throw wrong('"config" must be an object');
  return {
    name,
    partitions: wholeNumber('partitions', partitions),
    replicationFactor: wholeNumber('replicationFactor', replicationFactor),
    config: Object.fromEntries(Object.entries(config).map(([key, value]) => [key, String(value)])),
  };
}

function wholeNumber(name: string, value: unknown): number | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value !== 'number' || !Number.isSafeInteger(value)) throw wrong(`"${name}" must be a whole number`);
  return value;
}

function wrong(problem: string): TributaryError {
  return new TributaryError('USAGE', `Cannot create a topic: ${problem}`);
}
