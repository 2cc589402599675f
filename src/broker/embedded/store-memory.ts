/** What the store keeps in memory beside the file. All of it can be read from the file again, and is, after a commit that failed. */
import { batchHeaderBytes, layout, readInt64 } from '../../record/layout.ts';
import type { Acknowledged } from './acknowledged-mark.ts';
import { boundLast, isWhole, lastOffsetOf } from './batch-end.ts';
import type { PartitionState, TopicState } from './protocol.ts';
import { Sequences } from './sequences.ts';
import { isCorruption } from './sqlite-errors.ts';
import type { BatchRow, StoreSql } from './store-sql.ts';

export interface Partition {
  readonly no: number;
  readonly topic: number;
  readonly partition: number;
  first: number;
  next: number;
  /** Of the batches that hold a record at or above `first`. */
  bytes: number;
  /** `retention.bytes`, Infinity where there is no bound. */
  maxBytes: number;
  /** First offsets of transactions that are open here, by transaction. */
  readonly open: Map<number, number>;
  /** How far it was compacted, or batches were taken from between: there are no holes from here on. */
  compacted: number;
  /** Batches appended since the row of the partition was written. */
  unsaved: number;
}

export interface Topic {
  readonly no: number;
  readonly id: string;
  readonly name: string;
  config: Readonly<Record<string, string>>;
  /** Numbers of its partitions in the store. */
  readonly partitions: number[];
}

export interface OpenTransaction {
  readonly no: number;
  readonly producerId: number;
  readonly epoch: number;
  readonly partitions: Map<number, { readonly first: number; last: number }>;
}

export class StoreMemory {
  readonly topics = new Map<number, Topic>();
  readonly partitions = new Map<number, Partition>();
  /** By producer id. */
  readonly transactions = new Map<number, OpenTransaction>();
  readonly aborted = new Set<number>();
  readonly sequences = new Sequences();
  /** Partitions with rows that no reader can reach any more: below `first`, or of a deleted topic. */
  readonly toTrim = new Set<number>();
  /** Partitions that the commit under way has changed. */
  readonly changed = new Set<number>();
  nextBody = 1;
  /** Records of topics that were deleted. */
  deleted = 0;
  /** Writes but appends that were ever committed. */
  changes = 0;
  readonly #defaultMaxBytes: number;

  constructor(defaultMaxBytes: number) {
    this.#defaultMaxBytes = defaultMaxBytes;
  }

  read(sql: StoreSql): void {
    for (const map of [this.topics, this.partitions, this.transactions, this.aborted, this.toTrim, this.changed])
      map.clear();
    this.deleted = Number(sql.meta.get('deleted')?.['value'] ?? 0);
    this.changes = Number(sql.meta.get('changes')?.['value'] ?? 0);
    this.nextBody = Number(sql.maxBody.get()?.['id'] ?? 0) + 1;
    for (const row of sql.allTopics.all()) {
      const config = JSON.parse(String(row['config'])) as Record<string, string>;
      const no = Number(row['no']);
      this.topics.set(no, { no, id: String(row['id']), name: String(row['name']), config, partitions: [] });
    }
    for (const row of sql.allPartitions.all()) this.#readPartition(sql, row as never);
    for (const { partition } of sql.allDropped.all()) this.toTrim.add(Number(partition));
    for (const row of sql.allTransactions.all()) this.#readTransaction(sql, row as never);
  }

  addPartition(no: number, topicNo: number, partition: number): Partition {
    const topic = this.topics.get(topicNo);
    const made: Partition = {
      ...{ no, topic: topicNo, partition, first: 0, next: 0, bytes: 0, compacted: 0, unsaved: 0 },
      maxBytes: this.maxBytesOf(topic?.config ?? {}),
      open: new Map(),
    };
    this.partitions.set(no, made);
    if (topic !== undefined) topic.partitions[partition] = no;
    return made;
  }

  get acknowledged(): Acknowledged {
    let records = this.deleted;
    for (const { next } of this.partitions.values()) records += next;
    return { records, changes: this.changes };
  }

  /** Keeps the records of a topic that is about to be deleted in the count. */
  forgetAcknowledged({ partitions }: Topic): void {
    for (const no of partitions) this.deleted += this.partitions.get(no)?.next ?? 0;
  }

  /** True where every offset from this one to the last belongs to a batch. */
  isDense({ topic, compacted }: Partition, from: number): boolean {
    return compacted <= from && !(this.topics.get(topic)?.config['cleanup.policy'] ?? '').includes('compact');
  }

  maxBytesOf(config: Readonly<Record<string, string>>): number {
    const isDeleted = (config['cleanup.policy'] ?? 'delete').includes('delete');
    const bytes = Number(config['retention.bytes'] ?? this.#defaultMaxBytes);
    return isDeleted && bytes >= 0 ? bytes : Number.POSITIVE_INFINITY;
  }

  topicState({ no, id, name, config, partitions }: Topic): TopicState {
    return { no, id, name, config, partitions: partitions.map((one) => partitionState(this.partitions.get(one)!)) };
  }

  changedStates(): PartitionState[] {
    return [...this.changed].flatMap((no) => {
      const partition = this.partitions.get(no);
      return partition === undefined ? [] : [partitionState(partition)];
    });
  }

  #readPartition(
    sql: StoreSql,
    row: {
      no: number;
      topic: number;
      partition: number;
      first: number;
      next: number;
      bytes: number;
      compacted: number;
    },
  ): void {
    const partition = this.addPartition(row.no, row.topic, row.partition);
    const appended = sql.appendedFrom.get(row.no, row.next);
    partition.first = row.first;
    partition.compacted = row.compacted;
    partition.next = Math.max(row.next, endOf(sql, row.no, row.next));
    partition.bytes = row.bytes + Number(appended?.['bytes'] ?? 0);
    const oldest = sql.firstBatch.get(row.no);
    if (oldest !== undefined && Number(oldest['last']) < row.first) this.toTrim.add(row.no);
  }

  #readTransaction(sql: StoreSql, row: { no: number; producer: number; epoch: number; aborted: number }): void {
    const { no, producer: producerId, epoch } = row;
    if (row.aborted === 1) {
      this.aborted.add(no);
      return;
    }
    const partitions: OpenTransaction['partitions'] = new Map();
    for (const span of sql.transactionPartitions.all(no)) {
      const partition = Number(span['partition']);
      const first = Number(span['first']);
      partitions.set(partition, { first, last: Number(span['last']) });
      this.partitions.get(partition)?.open.set(no, first);
    }
    this.transactions.set(producerId, { no, producerId, epoch, partitions });
  }
}

/** Behind the newest batch that stands where its own bytes say; 0 where there is none. Millions would be missing before a wrong place. */
function endOf(sql: StoreSql, no: number, from: number): number {
  for (const row of sql.newestBatches.iterate(no, from) as Iterable<unknown> as Iterable<BatchRow>) {
    const last = lastOf(sql, row);
    if (last !== undefined) return last + 1;
  }
  return 0;
}

/**
 * By its own bytes, where they can be read: from a wrong end, offsets would be given a second time, or millions be missing. Undefined
 * for a batch that is whole and belongs elsewhere.
 */
function lastOf(sql: StoreSql, { base, last, size, body }: BatchRow): number | undefined {
  const indexed = boundLast(base, last, Number.MAX_SAFE_INTEGER);
  try {
    const bytes = sql.body.get(body)?.['bytes'] as Uint8Array<ArrayBuffer> | undefined;
    if (bytes === undefined || bytes.length !== size || size < batchHeaderBytes) return indexed;
    const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    if (readInt64(view, layout.baseOffset) !== base) return isWhole(view) ? undefined : indexed;
    return lastOffsetOf(view, base, last) ?? indexed;
  } catch (error) {
    if (isCorruption(error)) return indexed; // a reader comes to it, and is told
    throw error;
  }
}

/** Where read-committed readers stop: at the first record of a transaction that is open. */
export function stableOffset({ next, open }: Partition): number {
  let stable = next;
  for (const first of open.values()) stable = Math.min(stable, first);
  return stable;
}

export function partitionState(partition: Partition): PartitionState {
  const { no, first, next, bytes } = partition;
  return { no, first, next, stable: stableOffset(partition), bytes };
}
