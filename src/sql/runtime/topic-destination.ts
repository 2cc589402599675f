import { Buffer } from 'node:buffer';
import { isError, isRetriable } from '../../base/errors.ts';
import type { Broker, Producer } from '../../broker/broker.ts';
import { partitionFor } from '../../record/partitioner.ts';
import { noHeaders, type ProduceRecord } from '../../record/record.ts';
import type { Records, ValueColumn } from '../../record/value-column.ts';
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
  const topic = await waiting(signal, () => madeTopic(broker, stream));
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
          if (status === 'fulfilled') for (const index of placesOf(shares[share]!)) settled.add(index);
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
  const topic = await waiting(signal, () => madeTopic(broker, stream));
  const partitions = new Partitions(stream);
  return {
    async write(rows, messages) {
      const count = await waiting(signal, () => output.partitionCount(topic));
      for (const { partition, records, indexes } of partitions.of(rows, messages, count)) {
        const refused = (_: ProduceRecord, error: unknown, place: number): void => {
          const index = indexes?.[place] ?? place;
          lost({ rows: [rows[index]!], messages: [messages.value(index)], error, attempts: 1 });
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
    // Parts that start together all try it.
    await broker.createTopic({ name: topic }).catch((failure: unknown) => {
      if (!isError(failure, 'TOPIC_EXISTS')) throw failure;
    });
  }
  return topic;
}

interface Share {
  readonly partition: number;
  readonly records: Records;
  /** Of their rows; undefined: all of them, in their order. */
  readonly indexes?: readonly number[];
}

function placesOf({ records, indexes }: Share): Iterable<number> {
  return indexes ?? Array.from({ length: records.length }).keys();
}

const nothing: ReadonlySet<number> = new Set();

class Partitions {
  private readonly key: number;
  private turn = 0;

  constructor({ options, columns }: StreamPlan) {
    this.key = columns.findIndex(({ name }) => name === options.values.get('kafka.key'));
  }

  of(rows: readonly Row[], messages: ValueColumn, count: number, settled: ReadonlySet<number> = nothing): Share[] {
    const batch = this.turn++;
    // Rows without a key stay the column that they are.
    if (this.key === -1)
      return settled.size > 0 ? [] : [{ partition: partitionFor(null, count, batch), records: messages }];
    const shares = new Map<number, { partition: number; records: ProduceRecord[]; indexes: number[] }>();
    for (let index = 0; index < rows.length; index++) {
      if (settled.size > 0 && settled.has(index)) continue;
      const key = keyBytes(rows[index]!.values[this.key]!);
      const partition = partitionFor(key, count, batch);
      const record = { key, value: messages.value(index), headers: noHeaders, timestampMs: messages.times![index]! };
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
