import type { TributaryError } from '../../../base/errors.ts';
import { ByteReader } from '../byte-reader.ts';
import type { Wire } from '../connections.ts';
import { type NodeEndpoint, readCurrentLeader, readNodeEndpoints } from '../leader-hints.ts';
import type { Toolkit } from '../toolkit.ts';

/** Produce, 9 to 11: one layout; from 10 on the answer names the new leader where the old one was asked. */
export const produceKey = 0;
export const produceVersions = { min: 9, max: 11 } as const;

export interface ProduceRequest {
  readonly version: number;
  readonly transactionalId: string | null;
  /** How long the leader waits for the other replicas. */
  readonly timeoutMs: number;
  /** One batch a partition at most: Kafka takes no more. */
  readonly batches: readonly ProduceBatch[];
}

export interface ProduceBatch {
  readonly topic: string;
  readonly partition: number;
  /** The encoded batch. Its memory must stay as it is until the answer. */
  readonly bytes: Buffer;
}

export interface ProduceAnswer {
  readonly partitions: readonly ProducedPartition[];
  readonly endpoints: readonly NodeEndpoint[];
}

export interface ProducedPartition {
  readonly topic: string;
  readonly partition: number;
  readonly errorCode: number;
  /** -1 where nothing was stored, or where Kafka no longer knows. */
  readonly baseOffset: number;
  readonly errorMessage: string | null;
  /** Who leads the partition, where the one who was asked no longer does; -1 otherwise. */
  readonly leaderId: number;
  readonly leaderEpoch: number;
}

/** acks=all. `done` is called once: with the answer, also one of error codes, or with what broke below it. */
export function produce(
  toolkit: Toolkit,
  wire: Wire,
  request: ProduceRequest,
  done: (error: TributaryError | undefined, answer: ProduceAnswer | undefined) => void,
): void {
  wire.send(produceKey, request.version, () => writeProduce(toolkit, request), readProduceAnswer, done);
}

export function writeProduce(toolkit: Toolkit, request: ProduceRequest): InstanceType<Toolkit['Writer']> {
  const writer = toolkit.Writer.create()
    .appendString(request.transactionalId)
    .appendInt16(-1)
    .appendInt32(request.timeoutMs);
  writer.appendArray([...byTopic(request.batches)], (topics, [topic, batches]) => {
    topics.appendString(topic).appendArray(batches, (partitions, { partition, bytes }) => {
      partitions.appendInt32(partition).appendBytes(bytes);
    });
  });
  return writer.appendTaggedFields();
}

function byTopic(batches: readonly ProduceBatch[]): Map<string, ProduceBatch[]> {
  const topics = new Map<string, ProduceBatch[]>();
  for (const batch of batches) {
    const known = topics.get(batch.topic);
    if (known === undefined) topics.set(batch.topic, [batch]);
    else known.push(batch);
  }
  return topics;
}

/** PROTOCOL_ERROR where the bytes are no such answer. */
export function readProduceAnswer(bytes: Buffer): ProduceAnswer {
  const reader = new ByteReader(bytes, 'Produce');
  const partitions: ProducedPartition[] = [];
  reader.compactArray(3, () => {
    const topic = reader.compactString();
    reader.compactArray(32, () => partitions.push(readPartition(reader, topic)));
    reader.taggedFields();
  });
  reader.int32(); // throttle time: the broker has muted us already
  let endpoints: readonly NodeEndpoint[] = [];
  reader.taggedFields((tag, field) => {
    if (tag === 0) endpoints = readNodeEndpoints(field);
  });
  return { partitions, endpoints };
}

function readPartition(reader: ByteReader, topic: string): ProducedPartition {
  const partition = reader.int32();
  const errorCode = reader.int16();
  const baseOffset = reader.int64();
  reader.int64(); // log append time
  reader.int64(); // log start offset
  const recordErrors = reader.compactArray(6, () => {
    reader.int32();
    const message = reader.compactNullableString();
    reader.taggedFields();
    return message;
  });
  const errorMessage = reader.compactNullableString() ?? recordErrors.find((message) => message !== null) ?? null;
  let leader = { leaderId: -1, leaderEpoch: -1 };
  reader.taggedFields((tag, field) => {
    if (tag === 0) leader = readCurrentLeader(field);
  });
  return { topic, partition, errorCode, baseOffset, errorMessage, ...leader };
}
