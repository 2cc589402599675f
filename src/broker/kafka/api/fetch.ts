import type { TributaryError } from '../../../base/errors.ts';
import type { Isolation } from '../../broker.ts';
import { ByteReader } from '../byte-reader.ts';
import type { Wire } from '../connections.ts';
import { type NodeEndpoint, readCurrentLeader, readNodeEndpoints } from '../leader-hints.ts';
import type { Toolkit } from '../toolkit.ts';

/** Fetch, 13 to 17: topics go by id; one layout for what a consumer sends and gets. */
export const fetchKey = 1;
export const fetchVersions = { min: 13, max: 17 } as const;

export interface FetchRequest {
  readonly version: number;
  /** How long the broker waits for the first byte. */
  readonly maxWaitMs: number;
  /** Bound of the whole answer; the first batch is given whole even where it is larger. */
  readonly maxBytes: number;
  readonly isolation: Isolation;
  readonly partitions: readonly FetchPartition[];
}

export interface FetchPartition {
  readonly topicId: string;
  readonly partition: number;
  readonly leaderEpoch: number;
  readonly offset: number;
  readonly maxBytes: number;
}

export interface FetchAnswer {
  readonly throttleMs: number;
  readonly errorCode: number;
  readonly partitions: readonly FetchedPartition[];
  readonly endpoints: readonly NodeEndpoint[];
}

export interface FetchedPartition {
  readonly topicId: string;
  readonly partition: number;
  readonly errorCode: number;
  readonly highWatermark: number;
  /** -1 to a reader that is not read-committed. */
  readonly lastStableOffset: number;
  readonly logStartOffset: number;
  /** Transactions that were aborted within what was fetched, in no order. */
  readonly aborted: readonly AbortedTransaction[];
  /** Whole batches, the last one possibly cut: a view into the answer. */
  readonly records: Buffer;
  readonly leaderId: number;
  readonly leaderEpoch: number;
}

export interface AbortedTransaction {
  readonly producerId: number;
  readonly firstOffset: number;
}

/** Outside of a fetch session: each request names all it wants. Rejects with what broke below the answer. */
export function fetch(toolkit: Toolkit, wire: Wire, request: FetchRequest): Promise<FetchAnswer> {
  return new Promise((resolve, reject) => {
    const done = (error: TributaryError | undefined, answer: FetchAnswer | undefined): void =>
      answer === undefined ? reject(error) : resolve(answer);
    wire.send(fetchKey, request.version, () => writeFetch(toolkit, request), readFetchAnswer, done);
  });
}

export function writeFetch(toolkit: Toolkit, request: FetchRequest): InstanceType<Toolkit['Writer']> {
  const writer = toolkit.Writer.create();
  if (request.version < 15) writer.appendInt32(-1); // replica id: a consumer; later a tagged field
  writer
    .appendInt32(request.maxWaitMs)
    .appendInt32(1) // min bytes
    .appendInt32(request.maxBytes)
    .appendInt8(request.isolation === 'read-committed' ? 1 : 0)
    .appendInt32(0) // session id
    .appendInt32(-1) // session epoch: none is wanted
    .appendArray([...byTopic(request.partitions)], (topics, [topicId, partitions]) => {
      topics.appendUUID(topicId).appendArray(partitions, (writer, partition) => {
        writer
          .appendInt32(partition.partition)
          .appendInt32(partition.leaderEpoch)
          .appendInt64(BigInt(partition.offset))
          .appendInt32(-1) // last fetched epoch: followers only
          .appendInt64(-1n) // log start offset: followers only
          .appendInt32(partition.maxBytes);
      });
    })
    .appendArray([], () => {}) // forgotten topics
    .appendString('') // rack
    .appendTaggedFields();
  return writer;
}

function byTopic(partitions: readonly FetchPartition[]): Map<string, FetchPartition[]> {
  const topics = new Map<string, FetchPartition[]>();
  for (const partition of partitions) {
    const known = topics.get(partition.topicId);
    if (known === undefined) topics.set(partition.topicId, [partition]);
    else known.push(partition);
  }
  return topics;
}

/** PROTOCOL_ERROR where the bytes are no such answer. The record batches in it are not looked at. */
export function readFetchAnswer(bytes: Buffer): FetchAnswer {
  const reader = new ByteReader(bytes, 'Fetch');
  const throttleMs = reader.int32();
  const errorCode = reader.int16();
  reader.int32(); // session id
  const partitions: FetchedPartition[] = [];
  reader.compactArray(18, () => {
    const topicId = reader.uuid();
    reader.compactArray(37, () => partitions.push(readPartition(reader, topicId)));
    reader.taggedFields();
  });
  let endpoints: readonly NodeEndpoint[] = [];
  reader.taggedFields((tag, field) => {
    if (tag === 0) endpoints = readNodeEndpoints(field);
  });
  return { throttleMs, errorCode, partitions, endpoints };
}

function readPartition(reader: ByteReader, topicId: string): FetchedPartition {
  const partition = reader.int32();
  const errorCode = reader.int16();
  const highWatermark = reader.int64();
  const lastStableOffset = reader.int64();
  const logStartOffset = reader.int64();
  const aborted = reader.compactArray(17, () => {
    const transaction = { producerId: reader.int64(), firstOffset: reader.int64() };
    reader.taggedFields();
    return transaction;
  });
  reader.int32(); // preferred read replica: only told to readers with a rack
  const records = reader.compactBytes() ?? Buffer.alloc(0);
  let leader = { leaderId: -1, leaderEpoch: -1 };
  reader.taggedFields((tag, field) => {
    if (tag === 1) leader = readCurrentLeader(field);
  });
  return {
    topicId,
    partition,
    errorCode,
    highWatermark,
    lastStableOffset,
    logStartOffset,
    aborted,
    records,
    ...leader,
  };
}
