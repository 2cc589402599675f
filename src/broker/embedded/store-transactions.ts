/**
 * Transactions in the file: which batches belong to an open or an aborted one. Committing forgets the transaction, so its
 * batches are as any others; aborting keeps its number for as long as batches of it are there.
 */
import { controlBatch } from './control-batch.ts';
import type { GroupOffset } from './protocol.ts';
import type { StoreLog } from './store-log.ts';
import type { Partition, StoreMemory } from './store-memory.ts';
import type { StoreSql } from './store-sql.ts';

export interface TransactionEnd {
  readonly producerId: number;
  readonly commit: boolean;
  /** Nothing more is taken from the producer. */
  readonly fence?: boolean;
  readonly offsets: readonly GroupOffset[];
  readonly nowMs: number;
}

export class StoreTransactions {
  readonly #sql: StoreSql;
  readonly #memory: StoreMemory;
  readonly #log: StoreLog;

  constructor(sql: StoreSql, memory: StoreMemory, log: StoreLog) {
    this.#sql = sql;
    this.#memory = memory;
    this.#log = log;
  }

  /** Number of the producer's transaction, begun where there is none, with the batch counted in. */
  join(producerId: number, epoch: number, partition: Partition, first: number, last: number): number {
    const { transactions } = this.#memory;
    let transaction = transactions.get(producerId);
    if (transaction === undefined) {
      const no = Number(this.#sql.insertTransaction.run(producerId, epoch).lastInsertRowid);
      transaction = { no, producerId, epoch, partitions: new Map() };
      transactions.set(producerId, transaction);
    }
    const { no, partitions } = transaction;
    const range = partitions.get(partition.no);
    if (range === undefined) {
      partitions.set(partition.no, { first, last });
      partition.open.set(no, first);
    } else range.last = last;
    this.#sql.saveTransactionPartition.run(no, partition.no, range?.first ?? first, last);
    return no;
  }

  /** Writes a marker to each partition of it. A transaction without batches is its offsets alone. */
  end({ producerId, commit, fence = false, offsets, nowMs }: TransactionEnd): number {
    const { transactions, partitions, aborted, sequences } = this.#memory;
    if (fence) sequences.fence(producerId);
    if (commit) {
      for (const { groupId, topic, partition, offset } of offsets)
        this.#sql.setOffset.run(groupId, topic, partition, offset);
    }
    const transaction = transactions.get(producerId);
    if (transaction === undefined) return 0;
    const { no, epoch } = transaction;
    for (const partitionNo of transaction.partitions.keys()) {
      const partition = partitions.get(partitionNo);
      if (partition === undefined) continue; // its topic was deleted meanwhile
      const marker = controlBatch(commit ? 'commit' : 'abort', producerId, epoch, nowMs);
      this.#log.insert(partition, marker, { last: partition.next, time: nowMs, txn: 0, control: 1 });
      partition.open.delete(no);
    }
    transactions.delete(producerId);
    if (commit) this.#forget(no);
    else {
      this.#sql.abortTransaction.run(no);
      aborted.add(no);
    }
    return transaction.partitions.size;
  }

  /** Forgets aborted transactions of which no batch is left. */
  tidy(): number {
    let forgotten = 0;
    for (const no of this.#memory.aborted) {
      let isEmpty = true;
      for (const row of this.#sql.transactionPartitions.all(no)) {
        const partition = Number(row['partition']);
        const found = this.#sql.batchOfTransaction.get(partition, Number(row['first']), Number(row['last']), no);
        if (found === undefined) this.#sql.deleteTransactionPartition.run(no, partition);
        else isEmpty = false;
      }
      if (!isEmpty) continue;
      this.#forget(no);
      this.#memory.aborted.delete(no);
      forgotten++;
    }
    return forgotten;
  }

  #forget(no: number): void {
    this.#sql.deleteTransactionPartitions.run(no);
    this.#sql.deleteTransaction.run(no);
  }
}
