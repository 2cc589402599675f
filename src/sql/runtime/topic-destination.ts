import { Buffer } from 'node:buffer';
import { isError, isRetriable } from '../../base/errors.ts';
import type { Broker, Producer } from '../../broker/broker.ts';
import { partitionFor } from '../../record/partitioner.ts';
import { noHeaders, type ProduceRecord } from '../../record/record.ts';
import type { StreamPlan } from '../check/stream-plan.ts';
import { textOf } from '../values/cast.ts';
import type { Row, Value } from '../values/value.ts';
import type { LostRows } from './failures.ts';
import type { OutputTransaction } from './output-transaction.ts';
import type { Destination } from './sinks.ts';
import { waiting } from './waiting.ts';

/**
 * A topic; it is made where it is missing. Rows without a key take turns among the partitions, a batch at a time. While the
 * broker is away rows wait: only what it refuses for good is given up.
 */
export async function topicDestination(broker: Broker, stream: StreamPlan, signal: AbortSignal): Promise<Destination> {
  const topic = await madeTopic(broker, stream);
  const partitions = new Partitions(stream);
  const producer = await broker.producer();
  return {
    async write(rows, messages, settled) {
      await waiting(signal, async () => {
        const shares = partitions.of(rows, messages, await producer.partitionCount(topic), settled);
        const sent = await Promise.allSettled(
          shares.map(({ partition, records }) => producer.send(topic, partition, records)),
        );
        const failures = sent.flatMap((result) => (result.status === 'rejected' ? [result.reason] : []));
        if (failures.length === 0) return;
        // What the other partitions have is neither sent again nor lost.
        for (const [share, { status }] of sent.entries())
          if (status === 'fulfilled') for (const index of shares[share]!.indexes) settled.add(index);
        throw failures.find(isRetriable) ?? failures[0];
      });
    },
    close: () => closeProducer(producer),
  };
}

/** The same in the transaction of the next checkpoint. `lost` is told of rows that the broker refuses, when that is known. */
export async function transactionalDestination(
  broker: Broker,
  stream: StreamPlan,
  output: OutputTransaction,
  lost: (rows: LostRows) => void,
  signal: AbortSignal,
): Promise<Destination> {
  const topic = await madeTopic(broker, stream);
  const partitions = new Partitions(stream);
  return {
    async write(rows, messages) {
      const count = await waiting(signal, () => output.partitionCount(topic));
      for (const { partition, records, indexes } of partitions.of(rows, messages, count)) {
        const refused = (record: ProduceRecord, error: unknown): void => {
          const index = indexes[records.indexOf(record)]!;
          lost({ rows: [rows[index]!], messages: [messages[index]!], error, attempts: 1 });
        };
        output.add({ topic, partition, records, refused });
      }
    },
    async close() {},
  };
}

async function madeTopic(broker: Broker, { options }: StreamPlan): Promise<string> {
  const topic = options.values.get('kafka.topic')!;
  try {
    await broker.describeTopic(topic);
  } catch (error) {
    if (!isError(error, 'UNKNOWN_TOPIC')) throw error;
    await broker.createTopic({ name: topic });
  }
  return topic;
}

interface Share {
  readonly partition: number;
  readonly records: ProduceRecord[];
  /** Of their rows. */
  readonly indexes: number[];
}

const nothing: ReadonlySet<number> = new Set();

class Partitions {
  private readonly key: number;
  private turn = 0;

  constructor({ options, columns }: StreamPlan) {
    this.key = columns.findIndex(({ name }) => name === options.values.get('kafka.key'));
  }

  of(
    rows: readonly Row[],
    messages: readonly Uint8Array[],
    count: number,
    settled: ReadonlySet<number> = nothing,
  ): Share[] {
    const batch = this.turn++;
    const shares = new Map<number, Share>();
    for (const [index, value] of messages.entries()) {
      if (settled.size > 0 && settled.has(index)) continue;
      const { values, timestamp } = rows[index]!;
      const key = this.key === -1 ? null : keyBytes(values[this.key]!);
      const partition = partitionFor(key, count, batch);
      const record = { key, value, headers: noHeaders, timestampMs: Math.max(0, timestamp) };
      const share = shares.get(partition);
      if (share === undefined) shares.set(partition, { partition, records: [record], indexes: [index] });
      else {
        share.records.push(record);
        share.indexes.push(index);
      }
    }
    return [...shares.values()];
  }
}

function keyBytes(value: Value): Uint8Array | null {
  if (value === null || value instanceof Uint8Array) return value;
  return Buffer.from(typeof value === 'object' ? '' : textOf(value));
}

async function closeProducer(producer: Producer): Promise<void> {
  await producer.flush();
  await producer.close();
}
