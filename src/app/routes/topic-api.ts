/** The routes beside Kafka Connect's: topics and their records. Their operations are in topic-operations.ts. */
import type { FastifyInstance } from 'fastify';
import type { TopicAccess } from '../topics/topic-access.ts';
import { produceRoute } from './produce.ts';
import { tapRoute } from './tap.ts';
import { topicsRoutes } from './topics.ts';

/** `stopping` ends the answers that follow a topic. */
export async function topicApi(server: FastifyInstance, topics: TopicAccess, stopping: AbortSignal): Promise<void> {
  tapRoute(server, topics, stopping);
  topicsRoutes(server, topics);
  await produceRoute(server, topics);
}
