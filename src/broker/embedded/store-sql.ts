/** The store's statements, by what they do. */
import type { DatabaseSync, StatementSync } from 'node:sqlite';

export type StoreSql = ReturnType<typeof prepareAll>;

/** A row of the index over the batches. */
export interface BatchRow {
  readonly base: number;
  readonly last: number;
  readonly time: number;
  readonly size: number;
  readonly body: number;
  readonly txn: number;
  readonly control: number;
  readonly horizon: number | null;
  /** Its end was a wrong one, and is no column's any more. */
  readonly isBounded?: true;
}

const batchColumns = 'base, last, time, size, body, txn, control, horizon';

export function prepareAll(db: DatabaseSync) {
  const sql = (text: string): StatementSync => db.prepare(text);
  return {
    begin: sql('BEGIN IMMEDIATE'),
    commit: sql('COMMIT'),
    rollback: sql('ROLLBACK'),

    meta: sql('SELECT value FROM meta WHERE name = ?'),
    setMeta: sql('INSERT INTO meta VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value'),

    allTopics: sql('SELECT no, name, id, config FROM topics ORDER BY no'),
    insertTopic: sql('INSERT INTO topics (name, id, config) VALUES (?, ?, ?)'),
    setTopicConfig: sql('UPDATE topics SET config = ? WHERE no = ?'),
    deleteTopic: sql('DELETE FROM topics WHERE no = ?'),

    allPartitions: sql(
      'SELECT no, topic, partition, first, next, bytes, compacted FROM partitions ORDER BY topic, partition',
    ),
    insertPartition: sql('INSERT INTO partitions (topic, partition) VALUES (?, ?)'),
    savePartition: sql('UPDATE partitions SET first = ?, next = ?, bytes = ? WHERE no = ?'),
    deletePartition: sql('DELETE FROM partitions WHERE no = ?'),
    setCompacted: sql('UPDATE partitions SET compacted = ? WHERE no = ?'),
    compactedTo: sql('SELECT compacted FROM partitions WHERE no = ?'),

    /** What stands at the end of a partition already is an entry that damage has brought there. */
    insertBatch: sql('INSERT OR REPLACE INTO batches VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)'),
    /** What was appended since a partition was saved. */
    appendedFrom: sql('SELECT sum(size) AS bytes FROM batches WHERE partition = ? AND base >= ?'),
    newestBatches: sql(`SELECT ${batchColumns} FROM batches WHERE partition = ? AND base >= ? ORDER BY base DESC`),
    firstBatch: sql('SELECT last FROM batches WHERE partition = ? ORDER BY base LIMIT 1'),
    /** From the batch that begins at or before the offset: the first row may end before it. */
    batchesFrom: sql(
      `SELECT ${batchColumns} FROM batches WHERE partition = ?1 AND base >= coalesce(` +
        '(SELECT max(base) FROM batches WHERE partition = ?1 AND base <= ?2), ?2) ORDER BY base',
    ),
    batchesBelow: sql(`SELECT ${batchColumns} FROM batches WHERE partition = ? AND base < ? ORDER BY base LIMIT ?`),
    batch: sql(`SELECT ${batchColumns} FROM batches WHERE partition = ? AND base = ?`),
    batchAtTime: sql(
      'SELECT base FROM batches WHERE partition = ? AND base >= ? AND time >= ? AND control = 0 ORDER BY base LIMIT 1',
    ),
    partitionSize: sql(
      'SELECT count(*) AS batches, min(horizon) AS horizon, sum(size) AS bytes, sum(size) FILTER (WHERE base >= ?1) AS dirty, ' +
        'min(time) FILTER (WHERE base >= ?1) AS oldest FROM batches WHERE partition = ?2',
    ),
    setBatch: sql('UPDATE batches SET horizon = ?, size = ? WHERE partition = ? AND base = ?'),
    deleteBatch: sql('DELETE FROM batches WHERE partition = ? AND base = ?'),

    maxBody: sql('SELECT max(id) AS id FROM bodies'),
    body: sql('SELECT bytes FROM bodies WHERE id = ?'),
    insertBody: sql('INSERT INTO bodies VALUES (?, ?)'),
    replaceBody: sql('UPDATE bodies SET bytes = ? WHERE id = ?'),
    deleteBody: sql('DELETE FROM bodies WHERE id = ?'),

    allDropped: sql('SELECT partition FROM dropped'),
    insertDropped: sql('INSERT INTO dropped VALUES (?)'),
    deleteDropped: sql('DELETE FROM dropped WHERE partition = ?'),

    allTransactions: sql('SELECT no, producer, epoch, aborted FROM transactions'),
    insertTransaction: sql('INSERT INTO transactions (producer, epoch, aborted) VALUES (?, ?, 0)'),
    abortTransaction: sql('UPDATE transactions SET aborted = 1 WHERE no = ?'),
    deleteTransaction: sql('DELETE FROM transactions WHERE no = ?'),
    transactionPartitions: sql('SELECT partition, first, last FROM transaction_partitions WHERE txn = ?'),
    saveTransactionPartition: sql(
      'INSERT INTO transaction_partitions VALUES (?, ?, ?, ?) ON CONFLICT (txn, partition) DO UPDATE SET last = excluded.last',
    ),
    deleteTransactionPartitions: sql('DELETE FROM transaction_partitions WHERE txn = ?'),
    deleteTransactionPartition: sql('DELETE FROM transaction_partitions WHERE txn = ? AND partition = ?'),
    batchOfTransaction: sql('SELECT 1 FROM batches WHERE partition = ? AND base BETWEEN ? AND ? AND txn = ? LIMIT 1'),

    groupOffsets: sql('SELECT topic, partition, offset FROM group_offsets WHERE "group" = ? ORDER BY topic, partition'),
    setOffset: sql(
      'INSERT INTO group_offsets VALUES (?, ?, ?, ?) ON CONFLICT ("group", topic, partition) DO UPDATE SET offset = excluded.offset',
    ),
    deleteOffset: sql('DELETE FROM group_offsets WHERE "group" = ? AND topic = ? AND partition = ?'),
    deleteGroup: sql('DELETE FROM group_offsets WHERE "group" = ?'),
    deleteOffsetsOfTopic: sql('DELETE FROM group_offsets WHERE topic = ?'),
  };
}
