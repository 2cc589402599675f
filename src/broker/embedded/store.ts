/**
 * The store: SQL and the state that goes with it, synchronous, without threads. A commit takes any number of writes into one
 * SQLite transaction; either all of it is on the disk when it returns, or nothing of it has happened.
 */
import { randomUUID } from 'node:crypto';
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import type { TributaryError } from '../../base/errors.ts';
import { readBatchHeader } from '../../record/batch-header.ts';
import { setBaseOffset } from '../../record/patch.ts';
import { controlBatch } from './control-batch.ts';
import type {
  Appended,
  Committed,
  Failure,
  Fetched,
  GroupOffset,
  PartitionSize,
  PartitionState,
  StoredBatch,
  StoreRead,
  StoreState,
  StoreWrite,
  TopicState,
  WriteResult,
} from './protocol.ts';
import { openFile } from './schema.ts';
import { Sequences } from './sequences.ts';
import { storeError } from './sqlite-errors.ts';

interface Partition {
  readonly no: number;
  readonly topic: number;
  readonly partition: number;
  first: number;
  next: number;
  /** First offsets of transactions that are open here, by transaction. */
  readonly open: Map<number, number>;
}

interface Topic {
  readonly no: number;
  readonly id: string;
  readonly name: string;
  config: Record<string, string>;
  readonly partitions: number[];
}

interface OpenTransaction {
  readonly no: number;
  readonly producerId: number;
  readonly epoch: number;
  readonly partitions: Map<number, { first: number; last: number }>;
}

type Sql = ReturnType<typeof prepareAll>;

export class Store {
  readonly #path: string;
  readonly #db: DatabaseSync;
  readonly #sql: Sql;
  readonly #topics = new Map<number, Topic>();
  readonly #partitions = new Map<number, Partition>();
  readonly #transactions = new Map<string, OpenTransaction>();
  readonly #aborted = new Set<number>();
  readonly #sequences = new Sequences();
  #nextBody = 1;
  #clusterId = '';
  #abortedAtOpen = 0;
  #changed = new Set<number>();

  /** BROKER_LOCKED, BROKER_CORRUPT, BROKER_FULL, BROKER_REJECTED. `nowMs` stamps the ends of what a crash left open. */
  constructor(path: string, maxBytes: number | undefined, nowMs: number) {
    this.#path = path;
    const { db, isNew } = openFile(path, maxBytes);
    this.#db = db;
    try {
      this.#sql = prepareAll(db);
      if (isNew) this.#sql.setMeta.run('cluster', randomUUID());
      this.#load(nowMs);
    } catch (error) {
      db.close();
      throw storeError(error, path);
    }
  }

  state(): StoreState {
    return {
      clusterId: this.#clusterId,
      topics: [...this.#topics.values()].map((topic) => this.#topicState(topic)),
      abortedTransactions: this.#abortedAtOpen,
      lostLogFrames: 0,
    };
  }

  /** Writes all of it, or fails all of it with one reason: then memory is as it was, too. */
  commit(writes: readonly StoreWrite[]): Committed {
    this.#changed = new Set();
    try {
      this.#db.exec('BEGIN IMMEDIATE');
      const results = writes.map((write) => this.#apply(write));
      this.#db.exec('COMMIT');
      this.#sequences.commit();
      const partitions = [...this.#changed].flatMap((no) => {
        const partition = this.#partitions.get(no);
        return partition === undefined ? [] : [partitionState(partition)];
      });
      return { results, partitions };
    } catch (error) {
      this.#rollBack();
      const failure = asFailure(storeError(error, this.#path));
      return { results: writes.map(() => ({ kind: 'failed', failure })), partitions: [] };
    }
  }

  fetch({ partition: no, offset, limit, maxBytes }: StoreRead & { readonly kind: 'fetch' }): Fetched {
    const batches: StoredBatch[] = [];
    let bytes = 0;
    let nextOffset = offset;
    for (const row of this.#sql.batchesFrom.iterate(no, offset) as Iterable<BatchRow>) {
      if (row.base >= limit) break;
      if (batches.length > 0 && bytes + row.size > maxBytes) return { batches, nextOffset, damaged: [] };
      const body = this.#sql.body.get(row.body) as { readonly bytes: Uint8Array<ArrayBuffer> } | undefined;
      if (body === undefined) {
        const damaged = [{ base: row.base, last: row.last, reason: 'its bytes are missing' }];
        return {
          batches,
          nextOffset: batches.length > 0 ? nextOffset : row.last + 1,
          damaged: batches.length > 0 ? [] : damaged,
        };
      }
      bytes += row.size;
      nextOffset = row.last + 1;
      batches.push({
        base: row.base,
        last: row.last,
        time: row.time,
        isControl: row.control === 1,
        isAborted: this.#aborted.has(row.txn),
        horizon: row.horizon,
        bytes: body.bytes,
      });
    }
    return { batches, nextOffset: Math.max(nextOffset, limit), damaged: [] };
  }

  /** Base offset of the first batch that holds a record at or after the time, or undefined. */
  findTime({ partition, timestampMs, from }: StoreRead & { readonly kind: 'find-time' }): number | undefined {
    const row = this.#sql.findTime.get(partition, from, timestampMs);
    return row === undefined ? undefined : Number(row['base']);
  }

  groupOffsets(groupId: string): readonly GroupOffset[] {
    return this.#sql.groupOffsets.all(groupId).map((row) => ({
      groupId,
      topic: String(row['topic']),
      partition: Number(row['partition']),
      offset: Number(row['offset']),
    }));
  }

  partitionSize(no: number): PartitionSize {
    const compactedTo = Number(this.#sql.compactedTo.get(no)?.['compacted'] ?? 0);
    const row = this.#sql.partitionSize.get(compactedTo, no);
    return {
      bytes: Number(row?.['bytes'] ?? 0),
      batches: Number(row?.['batches'] ?? 0),
      compactedTo,
      dirtyBytes: Number(row?.['dirty'] ?? 0),
      oldestDirtyMs: Number(row?.['oldest'] ?? Number.POSITIVE_INFINITY),
      firstHorizonMs: row?.['horizon'] == null ? null : Number(row['horizon']),
    };
  }

  /** Moves the log into the file when it has grown, between commits, so that it stays bounded. */
  checkpoint(): void {
    this.#db.exec('PRAGMA wal_checkpoint(PASSIVE)');
  }

  close(): void {
    this.#db.exec('PRAGMA wal_checkpoint(TRUNCATE)');
    this.#db.close();
  }

  #load(nowMs: number): void {
    this.#clusterId = String(this.#sql.meta.get('cluster')?.['value'] ?? '');
    this.#readState();
    // Transactions that a crash left open can never be ended by their producer: they are aborted.
    const open = [...this.#transactions.values()];
    this.#abortedAtOpen = open.length;
    if (open.length === 0) return;
    this.commit(
      open.map(({ producerId, epoch }) => ({
        kind: 'end-transaction',
        producerId,
        epoch,
        commit: false,
        offsets: [],
        nowMs,
      })),
    );
  }

  /** What memory knows, from the file: at open, and after a commit that failed. */
  #readState(): void {
    for (const map of [this.#topics, this.#partitions, this.#transactions, this.#aborted]) map.clear();
    this.#nextBody = Number(this.#sql.maxBody.get()?.['id'] ?? 0) + 1;
    for (const row of this.#sql.allTopics.all()) {
      const no = Number(row['no']);
      const config = JSON.parse(String(row['config'])) as Record<string, string>;
      this.#topics.set(no, { no, id: String(row['id']), name: String(row['name']), config, partitions: [] });
    }
    for (const row of this.#sql.allPartitions.all()) {
      const no = Number(row['no']);
      const last = this.#sql.lastBatch.get(no);
      const next = Math.max(Number(row['next']), last === undefined ? 0 : Number(last['last']) + 1);
      this.#addPartition(no, Number(row['topic']), Number(row['partition']), Number(row['first']), next);
    }
    for (const row of this.#sql.allTransactions.all()) this.#readTransaction(row);
  }

  #readTransaction(row: Readonly<Record<string, unknown>>): void {
    const no = Number(row['no']);
    if (row['aborted'] === 1) {
      this.#aborted.add(no);
      return;
    }
    const partitions = new Map<number, { first: number; last: number }>();
    for (const span of this.#sql.transactionPartitions.all(no)) {
      const partition = Number(span['partition']);
      partitions.set(partition, { first: Number(span['first']), last: Number(span['last']) });
      this.#partitions.get(partition)?.open.set(no, Number(span['first']));
    }
    const producerId = Number(row['producer']);
    const epoch = Number(row['epoch']);
    this.#transactions.set(transactionKey(producerId, epoch), { no, producerId, epoch, partitions });
  }

  #apply(write: StoreWrite): WriteResult {
    switch (write.kind) {
      case 'append':
        return { kind: 'append', result: this.#append(write.partition, Buffer.from(write.buffer, 0, write.length)) };
      case 'create-topic':
        return this.#createTopic(write.name, write.id, write.partitions, write.config);
      case 'alter-topic':
        return this.#alterTopic(write.topic, write.config);
      case 'add-partitions':
        return this.#addPartitions(write.topic, write.count);
      case 'delete-topic':
        return this.#deleteTopic(write.topic);
      case 'delete-records':
        return this.#deleteBelow(write.partition, write.offset);
      case 'expire':
        return this.#expire(write.partition, write.beforeMs, write.maxBytes);
      case 'compact':
        return this.#compact(write);
      case 'new-producer':
        return { kind: 'number', value: this.#newProducerId() };
      case 'end-transaction':
        return this.#endTransaction(write);
      case 'set-offsets':
        for (const { topic, partition, offset } of write.offsets) {
          if (offset === null) this.#sql.deleteOffset.run(write.groupId, topic, partition);
          else this.#sql.setOffset.run(write.groupId, topic, partition, offset);
        }
        return { kind: 'number', value: write.offsets.length };
      case 'delete-group':
        return { kind: 'number', value: Number(this.#sql.deleteGroup.run(write.groupId).changes) };
    }
  }

  #append(no: number, bytes: Buffer): Appended {
    const partition = this.#partitions.get(no);
    if (partition === undefined) return failed('UNKNOWN_PARTITION', 'Cannot store a batch: its partition was deleted');
    const header = readBatchHeader(bytes);
    const { producerId, producerEpoch, baseSequence, recordCount, isTransactional } = header;
    const place = this.#sequences.check(no, producerId, producerEpoch, baseSequence, recordCount);
    if (place.kind === 'duplicate') return { kind: 'stored', base: place.base, last: place.base + recordCount - 1 };
    if (place.kind !== 'next')
      return place.kind === 'fenced' ? failed('PRODUCER_FENCED', 'A newer producer has taken over') : place;
    const base = partition.next;
    const last = base + header.lastOffset - header.baseOffset;
    const txn = isTransactional ? this.#transactionOf(producerId, producerEpoch, partition, base, last) : 0;
    this.#insert(partition, bytes, base, last, header.maxTimestampMs, txn, 0);
    this.#sequences.add(no, producerId, producerEpoch, baseSequence, recordCount, base);
    return { kind: 'stored', base, last };
  }

  #insert(
    partition: Partition,
    bytes: Buffer,
    base: number,
    last: number,
    time: number,
    txn: number,
    control: 0 | 1,
  ): void {
    setBaseOffset(bytes, 0, base);
    const body = this.#nextBody++;
    this.#sql.insertBody.run(body, bytes);
    this.#sql.insertBatch.run(partition.no, base, last, time, bytes.length, body, txn, control, null);
    partition.next = last + 1;
    this.#changed.add(partition.no);
  }

  #transactionOf(producerId: number, epoch: number, partition: Partition, first: number, last: number): number {
    const key = transactionKey(producerId, epoch);
    let transaction = this.#transactions.get(key);
    if (transaction === undefined) {
      const no = Number(this.#sql.insertTransaction.run(producerId, epoch).lastInsertRowid);
      transaction = { no, producerId, epoch, partitions: new Map() };
      this.#transactions.set(key, transaction);
    }
    const range = transaction.partitions.get(partition.no);
    if (range === undefined) {
      transaction.partitions.set(partition.no, { first, last });
      partition.open.set(transaction.no, first);
    } else range.last = last;
    this.#sql.saveTransactionPartition.run(transaction.no, partition.no, range?.first ?? first, last);
    return transaction.no;
  }

  #endTransaction({
    producerId,
    epoch,
    commit,
    offsets,
    nowMs,
    fence,
  }: StoreWrite & { readonly kind: 'end-transaction' }): WriteResult {
    if (fence === true) this.#sequences.fence(producerId, epoch);
    const key = transactionKey(producerId, epoch);
    const transaction = this.#transactions.get(key);
    if (commit)
      for (const { groupId, topic, partition, offset } of offsets)
        this.#sql.setOffset.run(groupId, topic, partition, offset);
    if (transaction === undefined) return { kind: 'number', value: 0 };
    for (const no of transaction.partitions.keys()) {
      const partition = this.#partitions.get(no);
      if (partition === undefined) continue; // the topic was deleted meanwhile
      const marker = controlBatch(commit ? 'commit' : 'abort', producerId, epoch, nowMs);
      this.#insert(partition, marker, partition.next, partition.next, nowMs, 0, 1);
      partition.open.delete(transaction.no);
    }
    if (commit) this.#sql.deleteTransaction.run(transaction.no);
    else {
      this.#sql.abortTransaction.run(transaction.no);
      this.#aborted.add(transaction.no);
    }
    this.#sql.deleteTransactionPartitions.run(transaction.no);
    this.#transactions.delete(key);
    return { kind: 'number', value: transaction.partitions.size };
  }

  #createTopic(name: string, id: string, partitions: number, config: Readonly<Record<string, string>>): WriteResult {
    const no = Number(this.#sql.insertTopic.run(name, id, JSON.stringify(config)).lastInsertRowid);
    const topic: Topic = { no, id, name, config: { ...config }, partitions: [] };
    this.#topics.set(no, topic);
    return this.#addPartitions(no, partitions);
  }

  #alterTopic(no: number, changes: Readonly<Record<string, string | null>>): WriteResult {
    const topic = this.#topics.get(no);
    if (topic === undefined) return gone();
    const config = { ...topic.config };
    for (const [key, value] of Object.entries(changes)) {
      if (value === null) delete config[key];
      else config[key] = value;
    }
    this.#sql.setTopicConfig.run(JSON.stringify(config), no);
    topic.config = config;
    return { kind: 'topic', topic: this.#topicState(topic) };
  }

  #addPartitions(topicNo: number, count: number): WriteResult {
    const topic = this.#topics.get(topicNo);
    if (topic === undefined) return gone();
    for (let partition = topic.partitions.length; partition < count; partition++) {
      const no = Number(this.#sql.insertPartition.run(topicNo, partition).lastInsertRowid);
      this.#addPartition(no, topicNo, partition, 0, 0);
    }
    return { kind: 'topic', topic: this.#topicState(topic) };
  }

  #addPartition(no: number, topicNo: number, partition: number, first: number, next: number): void {
    this.#partitions.set(no, { no, topic: topicNo, partition, first, next, open: new Map() });
    const topic = this.#topics.get(topicNo);
    if (topic !== undefined) topic.partitions[partition] = no;
  }

  #deleteTopic(no: number): WriteResult {
    const topic = this.#topics.get(no);
    if (topic === undefined) return gone();
    for (const partition of topic.partitions) {
      this.#sql.deleteBodies.run(partition, Number.MAX_SAFE_INTEGER);
      this.#sql.deleteBatches.run(partition, Number.MAX_SAFE_INTEGER);
      this.#sql.deletePartition.run(partition);
      this.#partitions.delete(partition);
    }
    this.#sql.deleteTopic.run(no);
    this.#topics.delete(no);
    return { kind: 'number', value: topic.partitions.length };
  }

  /** The batch that holds `offset` stays whole; readers start inside it. */
  #deleteBelow(no: number, offset: number): WriteResult {
    const partition = this.#partitions.get(no);
    if (partition === undefined) return gone();
    this.#sql.saveNext.run(partition.next, no); // rows that are gone can no longer tell it
    this.#sql.deleteBodies.run(no, offset);
    this.#sql.deleteBatches.run(no, offset);
    partition.first = Math.max(partition.first, offset);
    this.#sql.saveFirst.run(partition.first, no);
    this.#changed.add(no);
    return { kind: 'number', value: partition.first };
  }

  #expire(no: number, beforeMs: number | null, maxBytes: number | null): WriteResult {
    const partition = this.#partitions.get(no);
    if (partition === undefined) return gone();
    const stable = stableOffset(partition);
    let to = partition.first;
    if (beforeMs !== null) {
      const kept = this.#sql.firstNotBefore.get(no, beforeMs);
      to = Math.max(to, kept === undefined ? partition.next : Number(kept['base']));
    }
    if (maxBytes !== null) {
      let bytes = this.partitionSize(no).bytes;
      for (const row of this.#sql.batchesFrom.iterate(no, partition.first) as Iterable<BatchRow>) {
        if (bytes <= maxBytes) break;
        bytes -= row.size;
        to = Math.max(to, row.last + 1);
      }
    }
    to = Math.min(to, stable);
    return to <= partition.first ? { kind: 'number', value: partition.first } : this.#deleteBelow(no, to);
  }

  #compact({ partition: no, changes, compactedTo }: StoreWrite & { readonly kind: 'compact' }): WriteResult {
    const partition = this.#partitions.get(no);
    if (partition === undefined) return gone();
    this.#sql.saveNext.run(partition.next, no);
    for (const { base, bytes, horizon } of changes) {
      if (bytes === null) {
        this.#sql.deleteBodyOf.run(no, base);
        this.#sql.deleteBatch.run(no, base);
      } else {
        if (bytes !== 'unchanged') this.#sql.replaceBody.run(bytes, no, base);
        this.#sql.setBatch.run(horizon, bytes === 'unchanged' ? null : bytes.length, no, base);
      }
    }
    this.#sql.setCompacted.run(compactedTo, no);
    this.#changed.add(no);
    return { kind: 'number', value: changes.length };
  }

  #newProducerId(): number {
    const next = Number(this.#sql.meta.get('producer')?.['value'] ?? 0) + 1;
    this.#sql.setMeta.run('producer', next);
    return next;
  }

  #rollBack(): void {
    if (this.#db.isTransaction) this.#db.exec('ROLLBACK');
    this.#sequences.rollBack();
    this.#readState();
  }

  #topicState({ no, id, name, config, partitions }: Topic): TopicState {
    return {
      no,
      id,
      name,
      config,
      partitions: partitions.map((partition) => partitionState(this.#partitions.get(partition)!)),
    };
  }
}

interface BatchRow {
  readonly base: number;
  readonly last: number;
  readonly time: number;
  readonly size: number;
  readonly body: number;
  readonly txn: number;
  readonly control: number;
  readonly horizon: number | null;
}

function prepareAll(db: DatabaseSync) {
  const sql = (text: string): StatementSync => db.prepare(text);
  return {
    meta: sql('SELECT value FROM meta WHERE name = ?'),
    setMeta: sql('INSERT INTO meta VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value'),
    maxBody: sql('SELECT max(id) AS id FROM bodies'),
    allTopics: sql('SELECT no, name, id, config FROM topics ORDER BY no'),
    insertTopic: sql('INSERT INTO topics (name, id, config) VALUES (?, ?, ?)'),
    setTopicConfig: sql('UPDATE topics SET config = ? WHERE no = ?'),
    deleteTopic: sql('DELETE FROM topics WHERE no = ?'),
    allPartitions: sql('SELECT no, topic, partition, first, next FROM partitions ORDER BY topic, partition'),
    insertPartition: sql('INSERT INTO partitions (topic, partition) VALUES (?, ?)'),
    deletePartition: sql('DELETE FROM partitions WHERE no = ?'),
    saveFirst: sql('UPDATE partitions SET first = ? WHERE no = ?'),
    saveNext: sql('UPDATE partitions SET next = ? WHERE no = ?'),
    setCompacted: sql('UPDATE partitions SET compacted = ? WHERE no = ?'),
    compactedTo: sql('SELECT compacted FROM partitions WHERE no = ?'),
    lastBatch: sql(
      'SELECT max(last) AS last FROM (SELECT last FROM batches WHERE partition = ? ORDER BY base DESC LIMIT 1)',
    ),
    insertBody: sql('INSERT INTO bodies VALUES (?, ?)'),
    body: sql('SELECT bytes FROM bodies WHERE id = ?'),
    insertBatch: sql('INSERT INTO batches VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)'),
    batchesFrom: sql(
      'SELECT base, last, time, size, body, txn, control, horizon FROM batches WHERE partition = ?1 AND base >= ' +
        'coalesce((SELECT base FROM batches WHERE partition = ?1 AND base <= ?2 AND last >= ?2 ORDER BY base DESC LIMIT 1), ?2) ORDER BY base',
    ),
    findTime: sql(
      'SELECT base FROM batches WHERE partition = ? AND last >= ? AND time >= ? AND control = 0 ORDER BY base LIMIT 1',
    ),
    firstNotBefore: sql('SELECT base FROM batches WHERE partition = ? AND time >= ? ORDER BY base LIMIT 1'),
    partitionSize: sql(
      'SELECT sum(size) AS bytes, count(*) AS batches, min(horizon) AS horizon, sum(size) FILTER (WHERE base >= ?1) AS dirty, ' +
        'min(time) FILTER (WHERE base >= ?1) AS oldest FROM batches WHERE partition = ?2',
    ),
    deleteBodies: sql('DELETE FROM bodies WHERE id IN (SELECT body FROM batches WHERE partition = ? AND last < ?)'),
    deleteBatches: sql('DELETE FROM batches WHERE partition = ? AND last < ?'),
    deleteBodyOf: sql('DELETE FROM bodies WHERE id = (SELECT body FROM batches WHERE partition = ? AND base = ?)'),
    deleteBatch: sql('DELETE FROM batches WHERE partition = ? AND base = ?'),
    replaceBody: sql(
      'UPDATE bodies SET bytes = ? WHERE id = (SELECT body FROM batches WHERE partition = ? AND base = ?)',
    ),
    setBatch: sql('UPDATE batches SET horizon = ?, size = coalesce(?, size) WHERE partition = ? AND base = ?'),
    allTransactions: sql('SELECT no, producer, epoch, aborted FROM transactions'),
    insertTransaction: sql('INSERT INTO transactions (producer, epoch, aborted) VALUES (?, ?, 0)'),
    deleteTransaction: sql('DELETE FROM transactions WHERE no = ?'),
    abortTransaction: sql('UPDATE transactions SET aborted = 1 WHERE no = ?'),
    transactionPartitions: sql('SELECT partition, first, last FROM transaction_partitions WHERE txn = ?'),
    saveTransactionPartition: sql(
      'INSERT INTO transaction_partitions VALUES (?, ?, ?, ?) ON CONFLICT (txn, partition) DO UPDATE SET last = excluded.last',
    ),
    deleteTransactionPartitions: sql('DELETE FROM transaction_partitions WHERE txn = ?'),
    groupOffsets: sql('SELECT topic, partition, offset FROM group_offsets WHERE "group" = ? ORDER BY topic, partition'),
    setOffset: sql(
      'INSERT INTO group_offsets VALUES (?, ?, ?, ?) ON CONFLICT ("group", topic, partition) DO UPDATE SET offset = excluded.offset',
    ),
    deleteOffset: sql('DELETE FROM group_offsets WHERE "group" = ? AND topic = ? AND partition = ?'),
    deleteGroup: sql('DELETE FROM group_offsets WHERE "group" = ?'),
  };
}

function stableOffset({ next, open }: Partition): number {
  let stable = next;
  for (const first of open.values()) stable = Math.min(stable, first);
  return stable;
}

function partitionState(partition: Partition): PartitionState {
  const { no, first, next } = partition;
  return { no, first, next, stable: stableOffset(partition) };
}

function transactionKey(producerId: number, epoch: number): string {
  return `${producerId}/${epoch}`;
}

function asFailure({ code, message, retriable }: TributaryError): Failure {
  return { code, message, retriable };
}

function failed(code: Failure['code'], message: string): Appended {
  return { kind: 'failed', failure: { code, message, retriable: false } };
}

function gone(): WriteResult {
  const failure: Failure = { code: 'UNKNOWN_TOPIC', message: 'The topic was deleted meanwhile', retriable: false };
  return { kind: 'failed', failure };
}
