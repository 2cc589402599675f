/** `POST /produce/{topic}`: NDJSON records, written as they arrive. */
import type { Readable } from 'node:stream';
import type { FastifyInstance } from 'fastify';
import { readRecords } from '../topics/read-records.ts';
import type { TopicAccess } from '../topics/topic-access.ts';
import { sendError } from './send-error.ts';

/**
 * The content type is one that a web page of another origin cannot send without asking first, so that no page can write
 * to a listener on loopback.
 */
const contentType = 'application/x-ndjson';

export async function produceRoute(server: FastifyInstance, topics: TopicAccess): Promise<void> {
  // In a scope of its own: only this route takes such a body.
  await server.register(async (scope) => {
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser(contentType, (_request, payload, done) => done(null, payload));
    scope.post<{ Params: { topic: string }; Body: Readable }>('/produce/:topic', async (request, reply) => {
      try {
        const records = await topics.produce(request.params.topic, readRecords(request.body, { json: true }));
        return await reply.send({ topic: request.params.topic, records });
      } catch (error) {
        return sendError(reply, error);
      }
    });
  });
}
