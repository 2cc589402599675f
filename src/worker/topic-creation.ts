import { isError, TributaryError } from '../base/errors.ts';
import { suggest } from '../base/nearest.ts';
import type { Broker } from '../broker/broker.ts';
import type { Log } from '../telemetry/log.ts';

export interface TopicCreation {
  /** False: a topic that is missing is an error. */
  readonly autoCreate: boolean;
  readonly partitions: number;
  /** Undefined: the broker's default. */
  readonly replicationFactor?: number;
}

/** Looks whether a topic is there and makes it where it may. UNKNOWN_TOPIC names the nearest one. */
export async function ensureTopic(broker: Broker, topic: string, creation: TopicCreation, log: Log): Promise<void> {
  const known = await broker.listTopics();
  if (known.includes(topic)) return;
  if (!creation.autoCreate) {
    throw new TributaryError(
      'UNKNOWN_TOPIC',
      `Topic "${topic}" does not exist and broker.autoCreate is off: make it first.${suggest(topic, known)}`,
    );
  }
  const { partitions, replicationFactor } = creation;
  try {
    await broker.createTopic({
      name: topic,
      partitions,
      ...(replicationFactor === undefined ? {} : { replicationFactor }),
    });
    log.info('topic_created', { topic, partitions });
  } catch (error) {
    if (!isError(error, 'TOPIC_EXISTS')) throw error; // another task was faster
  }
}
