/** `/connectors/{c}/topics` and `…/topics/reset`: an unknown connector has none, as Connect has it. */
import type { FastifyInstance } from 'fastify';
import { Refusal } from './refusal.ts';
import type { NameParams, RestContext } from './rest-context.ts';

export function topicRoutes(server: FastifyInstance, { worker, topicTracking }: RestContext): void {
  server.get<NameParams>('/connectors/:name/topics', async ({ params }) => {
    if (topicTracking === 'off') throw new Refusal(403, 'Topic tracking is disabled.');
    return { [params.name]: { topics: worker.topics(params.name) } };
  });

  server.put<NameParams>('/connectors/:name/topics/reset', async ({ params }, reply) => {
    if (topicTracking === 'off') throw new Refusal(403, 'Topic tracking is disabled.');
    if (topicTracking === 'without-reset') throw new Refusal(403, 'Topic tracking reset is disabled.');
    await worker.resetTopics(params.name);
    return reply.code(202).send();
  });
}
