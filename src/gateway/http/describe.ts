/** `GET /v1/topics` and `GET /v1/topics/{topic}` (PROTOCOL.md, section 7). */
import { isError } from '../../base/errors.ts';
import { FaultError } from '../faults.ts';
import type { HttpContext } from './http-context.ts';
import { sendJson } from './respond.ts';

export async function listTopics({ parts, rights, response }: HttpContext): Promise<void> {
  const { catalog } = parts.delivery;
  const names = (await catalog.list()).filter((name) => mayUse(rights, name)).sort();
  const topics = await Promise.all(
    names.map(async (name) => {
      try {
        return { name, partitions: (await catalog.describe(name)).partitions.length };
      } catch (error) {
        if (isError(error, 'UNKNOWN_TOPIC')) return undefined; // deleted meanwhile
        throw error;
      }
    }),
  );
  sendJson(response, 200, JSON.stringify({ topics: topics.filter((topic) => topic !== undefined) }));
}

export async function describeTopic({ parts, rights, response, topic }: HttpContext): Promise<void> {
  if (!mayUse(rights, topic)) {
    parts.metrics.aclDenial('describe');
    throw new FaultError({ code: 'forbidden', message: 'the topic may not be used' });
  }
  const { catalog, hub } = parts.delivery;
  const { partitions } = await catalog.describe(topic);
  const described = await Promise.all(
    partitions.map(async (_, partition) => ({
      partition,
      begin: await hub.border(topic, partition, 'earliest'),
      end: await hub.border(topic, partition, 'latest'),
    })),
  );
  sendJson(response, 200, JSON.stringify({ name: topic, partitions: described }));
}

function mayUse(rights: HttpContext['rights'], topic: string): boolean {
  return rights.subscribe(topic) !== undefined || rights.publish(topic) !== undefined;
}
