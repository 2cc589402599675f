import type { Isolation, OffsetSpec } from '../../broker.ts';
import type { Wire } from '../connections.ts';
import { check } from '../errors.ts';
import type { Toolkit } from '../toolkit.ts';

/** Requests about a log's offsets: its leader takes them. Each throws what the answer's error code means. */

const latest = -1n;
const earliest = -2n;

/** ListOffsets of one partition: undefined where no record is at or after the time asked for. */
export async function listOffset(
  toolkit: Toolkit,
  wire: Wire,
  topic: string,
  partition: number,
  at: OffsetSpec,
  isolation: Isolation,
  leaderEpoch: number,
): Promise<number | undefined> {
  const timestamp = at === 'latest' ? latest : at === 'earliest' ? earliest : BigInt(at.timestampMs);
  const partitions = [{ partitionIndex: partition, currentLeaderEpoch: leaderEpoch, timestamp }];
  const answer = await wire.call(toolkit.listOffsetsV7.api, -1, isolation === 'read-committed' ? 1 : 0, [
    { name: topic, partitions },
  ]);
  const result = answer.topics[0]?.partitions[0];
  check(result?.errorCode ?? -1, `find an offset of partition ${partition} of topic "${topic}"`);
  const offset = Number(result!.offset);
  return offset < 0 ? undefined : offset;
}

/** DeleteRecords of one partition: gives the new first offset. `before` -1: all there are. */
export async function deleteRecords(
  toolkit: Toolkit,
  wire: Wire,
  topic: string,
  partition: number,
  before: number,
  timeoutMs: number,
): Promise<number> {
  const partitions = [{ partitionIndex: partition, offset: BigInt(before) }];
  const answer = await wire.call(toolkit.deleteRecordsV2.api, [{ name: topic, partitions }], timeoutMs);
  const result = answer.topics[0]?.partitions[0];
  check(
    result?.errorCode ?? -1,
    `delete records before offset ${before} of partition ${partition} of topic "${topic}"`,
  );
  return Number(result!.lowWatermark);
}
