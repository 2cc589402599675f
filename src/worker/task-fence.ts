/**
 * The id under which a task writes: whoever starts the task next, on whichever worker, has the same one, and gets a higher
 * epoch by it, so that Kafka refuses what copies of before still write.
 */
import { describeError, isError } from '../base/errors.ts';
import type { Broker, Producer, ProducerOptions } from '../broker/broker.ts';
import type { Log } from '../telemetry/log.ts';

/** As Kafka Connect names the transactional ids of its tasks. */
export function fencingIdOf(groupId: string, connector: string, task: number): string {
  return `${groupId}-${connector}-${task}`;
}

export interface TaskProducer {
  readonly producer: Producer;
  readonly isFenced: boolean;
}

/**
 * A producer that fences copies of the task, where an id is given. A cluster may not allow it (the rights of a transactional id)
 * or not have it (a coordinator of transactions): the task runs all the same, and the log says so.
 */
export async function openTaskProducer(
  broker: Broker,
  fencingId: string | undefined,
  options: ProducerOptions,
  log: Log,
): Promise<TaskProducer> {
  if (fencingId === undefined) return { producer: await broker.producer(options), isFenced: false };
  try {
    return { producer: await broker.producer({ ...options, fencingId }), isFenced: true };
  } catch (error) {
    if (!isError(error, 'AUTHORIZATION_FAILED') && !isError(error, 'BROKER_UNAVAILABLE')) throw error;
    log.warn('task_not_fenced', { transactional_id: fencingId, reason: describeError(error) });
    return { producer: await broker.producer(options), isFenced: false };
  }
}
