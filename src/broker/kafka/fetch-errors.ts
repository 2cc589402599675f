import { TributaryError } from '../../base/errors.ts';
import type { FetchAnswer, FetchedPartition } from './api/fetch.ts';
import type { KafkaClient } from './client.ts';
import { errorOfCode } from './errors.ts';
import { unknownPartitionError } from './metadata.ts';

const outOfRange = 1;
const corrupt = 2;
const staleLeader = new Set([5, 6, 9, 74, 75, 78]);
const staleTopic = new Set([3, 100, 103]);

export interface FetchTarget {
  readonly topic: string;
  /** Of the topic that the reader started on. */
  readonly topicId: string;
  readonly partition: number;
  readonly offset: number;
}

/**
 * Throws what the answer for one partition says: a retriable error once what is known of the leader was brought up to date,
 * or OFFSET_OUT_OF_RANGE, UNKNOWN_TOPIC, UNKNOWN_PARTITION, TOPIC_RECREATED, BATCH_CORRUPT, AUTHORIZATION_FAILED.
 */
export async function checkFetched(
  client: KafkaClient,
  target: FetchTarget,
  fetched: FetchedPartition,
  answer: FetchAnswer,
): Promise<void> {
  const { errorCode, leaderId, leaderEpoch } = fetched;
  const { topic, partition, offset } = target;
  if (errorCode === 0) return;
  const what = `read partition ${partition} of topic "${topic}"`;
  if (errorCode === outOfRange)
    throw new TributaryError('OFFSET_OUT_OF_RANGE', `Cannot ${what} from offset ${offset}: it is not there`);
  if (errorCode === corrupt)
    throw new TributaryError(
      'BATCH_CORRUPT',
      `Cannot ${what} from offset ${offset}: the broker's log is damaged there`,
    );
  if (leaderId >= 0) client.metadata.learnLeader(topic, partition, { nodeId: leaderId, leaderEpoch }, answer.endpoints);
  else if (staleLeader.has(errorCode)) await client.metadata.refreshTopic(topic);
  else if (staleTopic.has(errorCode)) await checkTopic(client, target);
  throw retriable(errorOfCode(errorCode, what));
}

/** Throws where the topic is gone, or another one of the same name. */
export async function checkTopic(client: KafkaClient, { topic, topicId, partition }: FetchTarget): Promise<void> {
  const found = await client.metadata.refreshTopic(topic);
  if (found.id !== topicId) {
    throw new TributaryError(
      'TOPIC_RECREATED',
      `Cannot go on reading topic "${topic}": it was deleted and made again (its id was ${topicId}, is ${found.id})`,
    );
  }
  if (partition >= found.partitions.length) throw unknownPartitionError(topic, partition, found.partitions.length);
}

/** The topic is there, as we have just seen: the node that answered does not know it yet. */
function retriable(error: TributaryError): TributaryError {
  if (error.retriable && error.code === 'UNKNOWN_TOPIC')
    return new TributaryError('BROKER_UNAVAILABLE', error.message, { retriable: true, cause: error });
  return error;
}
