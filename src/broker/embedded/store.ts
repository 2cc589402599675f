/**
 * The store: one SQLite file and the state that goes with it, synchronous, without threads. A commit takes any number of
 * writes into one SQLite transaction; either all of it is on the disk when it returns, or nothing of it has happened.
 * Long because each kind of write is named here, inside the one transaction that they share.
 */
import { randomBytes } from 'node:crypto';
import type { DatabaseSync } from 'node:sqlite';
import { TributaryError } from '../../base/errors.ts';
import { type Acknowledged, AcknowledgedMark } from './acknowledged-mark.ts';
import { lostLogFrames } from './log-check.ts';
import type {
  Committed,
  Failure,
  Fetched,
  GroupOffset,
  PartitionSize,
  StoreRead,
  StoreState,
  StoreWrite,
  WriteResult,
} from './protocol.ts';
import { openFile } from './schema.ts';
import { asFailure, storeError } from './sqlite-errors.ts';
import { StoreLog } from './store-log.ts';
import { type Partition, StoreMemory, type Topic } from './store-memory.ts';
import { prepareAll, type StoreSql } from './store-sql.ts';
import { StoreTopics } from './store-topics.ts';
import { StoreTransactions } from './store-transactions.ts';

export interface StoreOptions {
  readonly path: string;
  /** Bound of the file; the disk where it is missing. */
  readonly maxBytes?: number | undefined;
  /** `retention.bytes` of topics that do not say; -1: no bound. */
  readonly retentionBytes?: number | undefined;
  /** Stamps the ends of transactions that a crash left open. */
  readonly nowMs: number;
}

/** Trimming in one commit: twice what it appends, so that a full partition keeps its size, and a little more. */
const trimShare = 2;
const trimBytes = 1024 * 1024;

export class Store {
  readonly #path: string;
  readonly #db: DatabaseSync;
  readonly #sql: StoreSql;
  readonly #memory: StoreMemory;
  readonly #log: StoreLog;
  readonly #transactions: StoreTransactions;
  readonly #topics: StoreTopics;
  readonly #lostLogFrames: number;
  readonly #lost: Acknowledged;
  readonly #mark: AcknowledgedMark;
  #markFailure: Failure | undefined;
  #abortedAtOpen = 0;

  /** BROKER_LOCKED, BROKER_CORRUPT, BROKER_FULL, BROKER_REJECTED, BROKER_UNAVAILABLE. */
  constructor({ path, maxBytes, retentionBytes = -1, nowMs }: StoreOptions) {
    this.#path = path;
    this.#lostLogFrames = lostLogFrames(`${path}-wal`);
    const { db, isNew } = openFile(path, maxBytes);
    this.#db = db;
    this.#mark = new AcknowledgedMark(`${path}-acknowledged`);
    try {
      this.#sql = prepareAll(db);
      this.#memory = new StoreMemory(retentionBytes);
      this.#log = new StoreLog(this.#sql, this.#memory);
      this.#transactions = new StoreTransactions(this.#sql, this.#memory, this.#log);
      this.#topics = new StoreTopics(this.#sql, this.#memory, this.#log);
      if (isNew) this.#sql.setMeta.run('cluster', randomBytes(16).toString('base64url'));
      this.#memory.read(this.#sql);
      this.#lost = this.#lostSinceNoted();
      this.#abortLeftOver(nowMs);
    } catch (error) {
      this.#mark.close();
      db.close();
      throw storeError(error, path);
    }
  }

  state(): StoreState {
    return {
      clusterId: String(this.#sql.meta.get('cluster')?.['value'] ?? ''),
      topics: [...this.#memory.topics.values()].map((topic) => this.#memory.topicState(topic)),
      abortedTransactions: this.#abortedAtOpen,
      lostLogFrames: this.#lostLogFrames,
      lostRecords: this.#lost.records,
      lostChanges: this.#lost.changes,
      markFailure: this.#markFailure,
    };
  }

  /** True while there are rows that no reader can reach. */
  get hasToTrim(): boolean {
    return this.#memory.toTrim.size > 0;
  }

  /**
   * Writes all of it with one sync. Where that fails for a reason that may concern only some of it (the disk is full),
   * each is tried alone, in order, so that what is small passes where what is large does not.
   */
  commit(writes: readonly StoreWrite[]): Committed {
    try {
      return this.#commitAll(writes);
    } catch (error) {
      const failed = storeError(error, this.#path);
      if (failed.retriable && writes.length > 1) {
        const commits = writes.map((write) => this.commit([write]));
        const last = new Map(
          commits.flatMap(({ partitions }) => partitions.map((state) => [state.no, state] as const)),
        );
        return { results: commits.flatMap(({ results }) => results), partitions: [...last.values()] };
      }
      return { results: writes.map((write) => failedWrite(write, asFailure(failed))), partitions: [] };
    }
  }

  /**
   * To be called once commits are answered: a damaged log is then found at the next open, wherever it ends. And once a loss
   * was told, so that the next open does not tell it again. BROKER_UNAVAILABLE.
   */
  noteAcknowledged(): void {
    this.#mark.write(this.#memory.acknowledged);
  }

  /** Takes rows away that no reader can reach, about `bytes` of them. */
  trim(bytes: number): void {
    this.#inTransaction(() => this.#log.trim(bytes));
  }

  fetch(request: StoreRead & { readonly kind: 'fetch' }): Fetched {
    return this.#reading(() => this.#log.fetch(request));
  }

  findTime(request: StoreRead & { readonly kind: 'find-time' }): number | undefined {
    return this.#reading(() => this.#log.findTime(request));
  }

  partitionSize(no: number): PartitionSize {
    return this.#reading(() => this.#log.size(no));
  }

  groupOffsets(groupId: string): readonly GroupOffset[] {
    return this.#reading(() =>
      this.#sql.groupOffsets.all(groupId).map((row) => ({
        groupId,
        topic: String(row['topic']),
        partition: Number(row['partition']),
        offset: Number(row['offset']),
      })),
    );
  }

  /** Moves the write-ahead log into the file, between commits, so that it stays bounded. */
  checkpoint(): void {
    this.#reading(() => this.#db.exec('PRAGMA wal_checkpoint(PASSIVE)'));
  }

  close(): void {
    try {
      this.#inTransaction(() => {
        for (const partition of this.#memory.partitions.values()) if (partition.unsaved > 0) this.#log.save(partition);
      });
    } catch (error) {
      // A full disk keeps the next open from being quick, nothing else.
      if (!storeError(error, this.#path).retriable) throw error;
    } finally {
      this.#mark.close();
      this.#db.close();
    }
  }

  /** What was acknowledged and is not there. Where it cannot be known, the reason is part of the state. */
  #lostSinceNoted(): Acknowledged {
    try {
      return this.#mark.missing(this.#memory.acknowledged);
    } catch (error) {
      this.#markFailure = asFailure(storeError(error, this.#path));
      return { records: 0, changes: 0 };
    }
  }

  /** Transactions that a crash left open can never be ended by their producer. */
  #abortLeftOver(nowMs: number): void {
    const open = [...this.#memory.transactions.keys()];
    this.#abortedAtOpen = open.length;
    if (open.length === 0) return;
    this.#inTransaction(() => {
      for (const producerId of open) this.#transactions.end({ producerId, commit: false, offsets: [], nowMs });
    });
  }

  #commitAll(writes: readonly StoreWrite[]): Committed {
    const results = this.#inTransaction(() => {
      const applied = writes.map((write) => this.#apply(write));
      this.#countChanges(writes);
      if (this.hasToTrim) {
        const appended = writes.reduce((sum, write) => sum + (write.kind === 'append' ? write.length : 0), 0);
        this.#log.trim(appended * trimShare + trimBytes);
      }
      return applied;
    });
    return { results, partitions: this.#memory.changedStates() };
  }

  /**
   * Appends need no count: the offsets of their records are one. So it costs them nothing, and the others a page of the log.
   * The end of a producer is not in the file.
   */
  #countChanges(writes: readonly StoreWrite[]): void {
    const changes = writes.reduce((sum, { kind }) => (kind === 'append' || kind === 'end-producer' ? sum : sum + 1), 0);
    if (changes === 0) return;
    this.#memory.changes += changes;
    this.#sql.setMeta.run('changes', this.#memory.changes);
  }

  /** All that `change` does, or nothing of it: then memory is as it was, too. */
  #inTransaction<T>(change: () => T): T {
    const { sequences, changed } = this.#memory;
    changed.clear();
    try {
      this.#sql.begin.run();
      const result = change();
      this.#sql.commit.run();
      sequences.commit();
      return result;
    } catch (error) {
      if (this.#db.isTransaction) this.#sql.rollback.run();
      sequences.rollBack();
      this.#memory.read(this.#sql);
      throw error;
    }
  }

  #apply(write: StoreWrite): WriteResult {
    switch (write.kind) {
      case 'append': {
        const bytes = Buffer.from(write.buffer, 0, write.length);
        return { kind: 'append', result: this.#log.append(write.partition, bytes, this.#transactions) };
      }
      case 'create-topic': {
        const topic = this.#topics.create(write.name, write.id, write.partitions, write.config);
        return topic === undefined
          ? failed('TOPIC_EXISTS', `Topic "${write.name}" exists already`)
          : { kind: 'topic', topic };
      }
      case 'alter-topic':
        return this.#withTopic(write.topic, (topic) => ({
          kind: 'topic',
          topic: this.#topics.alter(topic, write.config),
        }));
      case 'add-partitions':
        return this.#withTopic(write.topic, (topic) => ({
          kind: 'topic',
          topic: this.#topics.addPartitions(topic, write.count),
        }));
      case 'delete-topic':
        return this.#withTopic(write.topic, (topic) => {
          this.#memory.forgetAcknowledged(topic);
          this.#sql.setMeta.run('deleted', this.#memory.deleted);
          this.#topics.delete(topic);
          return { kind: 'number', value: topic.partitions.length };
        });
      case 'delete-records':
        return this.#withPartition(write.partition, (partition) => this.#log.deleteBelow(partition, write.offset));
      case 'delete-range':
        return this.#withPartition(write.partition, (partition) =>
          this.#log.deleteBetween(partition, write.from, write.to),
        );
      case 'expire':
        return this.#withPartition(write.partition, (partition) => this.#log.expire(partition, write.beforeMs));
      case 'compact':
        return this.#withPartition(write.partition, (partition) =>
          this.#log.compact(partition, write.changes, write.compactedTo),
        );
      case 'tidy-transactions':
        return { kind: 'number', value: this.#transactions.tidy() };
      case 'new-producer':
        return { kind: 'number', value: this.#newProducerId() };
      case 'end-producer':
        this.#memory.sequences.forget(write.producerId);
        return { kind: 'number', value: 0 };
      case 'end-transaction':
        return { kind: 'number', value: this.#transactions.end(write) };
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

  #withTopic(no: number, change: (topic: Topic) => WriteResult): WriteResult {
    const topic = this.#memory.topics.get(no);
    return topic === undefined ? gone() : change(topic);
  }

  /** The result is the partition's first offset afterwards. */
  #withPartition(no: number, change: (partition: Partition) => void): WriteResult {
    const partition = this.#memory.partitions.get(no);
    if (partition === undefined) return gone();
    change(partition);
    return { kind: 'number', value: partition.first };
  }

  #newProducerId(): number {
    const next = Number(this.#sql.meta.get('producer')?.['value'] ?? 0) + 1;
    this.#sql.setMeta.run('producer', next);
    return next;
  }

  #reading<T>(read: () => T): T {
    try {
      return read();
    } catch (error) {
      throw storeError(error, this.#path);
    }
  }
}

function failedWrite({ kind }: StoreWrite, failure: Failure): WriteResult {
  return kind === 'append' ? { kind, result: { kind: 'failed', failure } } : { kind: 'failed', failure };
}

function gone(): WriteResult {
  return failed('UNKNOWN_TOPIC', 'The topic was deleted meanwhile');
}

function failed(code: TributaryError['code'], message: string): WriteResult {
  return { kind: 'failed', failure: asFailure(new TributaryError(code, message)) };
}
