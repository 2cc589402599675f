import { describeError, TributaryError } from '../../base/errors.ts';
import type { Broker, Producer } from '../../broker/broker.ts';
import { partitionFor } from '../../record/partitioner.ts';
import type { ProduceRecord } from '../../record/record.ts';
import { toProduceRecord } from './record-json.ts';
import type { RecordInput } from './topic-access.ts';

/**
 * Writes everything that comes, a batch at a time, and gives the number of records. Keys decide the partition as Java's
 * default partitioner does; the records without one of a batch stay together, and batches take turns.
 */
export async function produceAll(
  broker: Broker,
  topic: string,
  batches: AsyncIterable<readonly RecordInput[]>,
): Promise<number> {
  await using producer = await broker.producer();
  let written = 0;
  try {
    let turn = 0;
    for await (const batch of batches) {
      await sendBatch(producer, topic, batch, turn++);
      written += batch.length;
    }
  } catch (error) {
    if (written === 0 || !(error instanceof TributaryError)) throw error;
    throw new TributaryError(error.code, `${describeError(error)} (${written} records before it were written)`, {
      cause: error.cause,
    });
  }
  return written;
}

async function sendBatch(
  producer: Producer,
  topic: string,
  batch: readonly RecordInput[],
  turn: number,
): Promise<void> {
  const count = await producer.partitionCount(topic);
  const byPartition = new Map<number, ProduceRecord[]>();
  for (const input of batch) {
    const record = toProduceRecord(input);
    const partition = input.partition ?? partitionFor(record.key, count, turn);
    const records = byPartition.get(partition);
    if (records === undefined) byPartition.set(partition, [record]);
    else records.push(record);
  }
  await Promise.all([...byPartition].map(([partition, records]) => producer.send(topic, partition, records)));
}
