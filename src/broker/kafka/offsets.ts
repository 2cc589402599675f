import { isError, isRetriable, TributaryError } from '../../base/errors.ts';
import type { CallOptions, Isolation, OffsetSpec } from '../broker.ts';
import { deleteRecords, listOffset } from './api/offsets.ts';
import type { KafkaClient } from './client.ts';
import type { Wire } from './connections.ts';

export interface LeaderCallOptions extends CallOptions {
  readonly forMs?: number;
  readonly onRetry?: (reason: string) => void;
}

/** See Broker.offset. */
export function findOffset(
  client: KafkaClient,
  topic: string,
  partition: number,
  at: OffsetSpec,
  options: (LeaderCallOptions & { readonly isolation?: Isolation }) | undefined,
): Promise<number> {
  const isolation = options?.isolation ?? 'read-uncommitted';
  const what = `find an offset of partition ${partition} of topic "${topic}"`;
  return askLeader(client, what, topic, partition, options, async (wire, leaderEpoch) => {
    const ask = (spec: OffsetSpec): Promise<number | undefined> =>
      listOffset(client.toolkit, wire, topic, partition, spec, isolation, leaderEpoch);
    // Where no record is that late, the next one will be.
    return (await ask(at)) ?? (await ask('latest')) ?? 0;
  });
}

/** See Broker.deleteRecords. */
export async function deleteBefore(
  client: KafkaClient,
  topic: string,
  partition: number,
  offset: number,
  options: CallOptions | undefined,
): Promise<number> {
  const what = `delete records of partition ${partition} of topic "${topic}"`;
  const { requestTimeoutMs } = client.settings;
  try {
    return await askLeader(client, what, topic, partition, options, (wire) =>
      deleteRecords(client.toolkit, wire, topic, partition, offset, requestTimeoutMs),
    );
  } catch (error) {
    if (!isError(error, 'OFFSET_OUT_OF_RANGE')) throw error;
    throw new TributaryError('OFFSET_OUT_OF_RANGE', `Cannot ${what} before offset ${offset}: it is not in the log`, {
      cause: error,
    });
  }
}

/** Asks the leader of a partition, wherever it moves to. */
function askLeader<T>(
  client: KafkaClient,
  what: string,
  topic: string,
  partition: number,
  options: LeaderCallOptions | undefined,
  ask: (wire: Wire, leaderEpoch: number) => Promise<T>,
): Promise<T> {
  return client.run(what, options, async () => {
    const { wire, leader } = await client.toLeader(topic, partition, 'control');
    try {
      return await ask(wire, leader.leaderEpoch);
    } catch (error) {
      // Says UNKNOWN_TOPIC for good where the topic is gone.
      if (isRetriable(error)) await client.metadata.refreshTopic(topic);
      throw error;
    }
  });
}
