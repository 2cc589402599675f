/** A producer: checks what is sent, keeps a lane to each partition, and holds a transaction together. */
import { abortable, sleep, throwIfAborted } from '../../base/abort.ts';
import { CallsInTurn } from '../../base/calls-in-turn.ts';
import type { Clock } from '../../base/clock.ts';
import { TributaryError } from '../../base/errors.ts';
import { BatchBuffer } from '../../record/batch-buffer.ts';
import type { Codecs } from '../../record/codecs.ts';
import { batchBytesOf, encodeBatch } from '../../record/encode.ts';
import { setLogAppendTime, setProducer } from '../../record/patch.ts';
import type { ProduceRecord, TopicPartition } from '../../record/record.ts';
import { RecordColumn } from '../../record/record-column.ts';
import { asList, isColumn, type Records, ValueColumn } from '../../record/value-column.ts';
import {
  type CallOptions,
  defaultMaxBatchBytes,
  type GroupMember,
  type Producer,
  type ProducerOptions,
  type SendResult,
} from '../broker.ts';

import { EmbeddedGroupMember } from './group.ts';
import { type EncodedForStore, Lane, type Numbers } from './lane.ts';
import type { GroupOffset, TopicState } from './protocol.ts';
import { appendBufferBytes, closedError, type StoreClient } from './store-client.ts';
import { isCompacted } from './topic-config.ts';
import type { TopicTable } from './topic-table.ts';
import { Transaction } from './transaction.ts';

export interface ProducerParts {
  readonly client: StoreClient;
  readonly topics: TopicTable;
  readonly codecs: Codecs;
  readonly clock: Clock;
  /** Of a transactional producer: true while it is the newest one with its id. */
  readonly isCurrent: () => boolean;
  readonly producerId: number;
  readonly onClosed: () => void;
}

const defaultMaxMessageBytes = 1_048_588;
/** Smaller batches travel in memory of their own size; larger ones in a buffer of the store, which also bounds them. */
const minPooledBytes = 32 * 1024;
const defaultDeliveryTimeoutMs = 30_000;
/** More than the fields of a record beside key, value and headers take, the batch's header included. */
const recordOverhead = 128;
/** The same of a value without a time of its own, nearly. */
const valueOverhead = 12;

export class EmbeddedProducer implements Producer {
  readonly #parts: ProducerParts;
  readonly #options: ProducerOptions;
  /** Where small batches are encoded. */
  readonly #scratch = new BatchBuffer(0);
  /** By the partition's number in the store: a topic that is made again starts anew. */
  readonly #lanes = new Map<number, Lane>();
  readonly #stopped = new AbortController();
  readonly #transaction: Transaction | undefined;
  /** Of transactions. What arrives behind a commit would open one that nobody ends. */
  readonly #calls = new CallsInTurn();
  #closing: Promise<void> | undefined;

  constructor(parts: ProducerParts, options: ProducerOptions) {
    this.#parts = parts;
    this.#options = options;
    if (options.transactionalId !== undefined) {
      this.#transaction = new Transaction(options.transactionalId, options.transactionTimeoutMs ?? 60_000, {
        isCurrent: parts.isCurrent,
        end: (commit, offsets) => this.#endTransaction(commit, offsets),
      });
    }
  }

  async send(topic: string, partition: number, records: Records, options?: CallOptions): Promise<SendResult> {
    throwIfAborted(options?.signal, 'A send');
    if (this.#closing !== undefined) throw closedError();
    this.#transaction?.mustBeOpen();
    const { no } = this.#parts.topics.partition(topic, partition);
    const state = this.#parts.topics.known(topic);
    if (records.length === 0) throw new TributaryError('INTERNAL', 'Cannot send a batch of no records');
    const bytes = this.#check(state, records);
    const timeoutMs = this.#options.deliveryTimeoutMs ?? defaultDeliveryTimeoutMs;
    const deadlineMs = this.#parts.clock.monotonicMs() + timeoutMs;
    const sent = this.#lane(topic, partition, no).send(records, bytes, deadlineMs);
    this.#transaction?.track(sent);
    return abortable(sent, options?.signal, 'A send');
  }

  partitionCount(topic: string): Promise<number> {
    // In a promise, so that an unknown topic rejects instead of throwing at once.
    return new Promise((resolve) => resolve(this.#parts.topics.known(topic).partitions.length));
  }

  begin(options?: CallOptions): Promise<void> {
    return this.#calls.run('Beginning a transaction', options?.signal, () => this.#transactional().begin());
  }

  sendOffsets(
    groupId: string,
    offsets: readonly (TopicPartition & { readonly offset: number })[],
    member?: GroupMember,
    options?: CallOptions,
  ): Promise<void> {
    return this.#calls.run('Adding offsets to a transaction', options?.signal, () => {
      if (member instanceof EmbeddedGroupMember) member.checkOwner(offsets);
      this.#transactional().addOffsets(groupId, offsets);
    });
  }

  commit(options?: CallOptions): Promise<void> {
    return this.#calls.run('Committing a transaction', options?.signal, () => this.#transactional().commit());
  }

  abort(options?: CallOptions): Promise<void> {
    return this.#calls.run('Aborting a transaction', options?.signal, () => this.#transactional().abort());
  }

  /** What was handed to the store is stored: it is in this process. What waits for room on the disk is given up. */
  abandon(): void {
    this.#stopped.abort();
  }

  async flush(options?: CallOptions): Promise<void> {
    throwIfAborted(options?.signal, 'Waiting for sends');
    await abortable(this.#settled(), options?.signal, 'Waiting for sends');
  }

  close(options?: CallOptions): Promise<void> {
    this.#closing ??= this.#close();
    return abortable(this.#closing, options?.signal, 'Closing a producer');
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #transactional(): Transaction {
    if (this.#transaction === undefined) {
      throw new TributaryError('TRANSACTION_INVALID_STATE', 'This producer has no transactional id');
    }
    return this.#transaction;
  }

  async #close(): Promise<void> {
    this.#stopped.abort(); // what the disk has no room for now is not tried for ever
    await this.#settled();
    await this.#calls.settled();
    if (this.#transaction?.isOpen === true && this.#parts.isCurrent()) await this.#transaction.abort();
    await this.#parts.client.write({ kind: 'end-producer', producerId: this.#parts.producerId });
    this.#parts.onClosed();
  }

  async #settled(): Promise<void> {
    await Promise.all([...this.#lanes.values()].map((lane) => lane.settled()));
  }

  async #endTransaction(commit: boolean, offsets: readonly GroupOffset[]): Promise<void> {
    const { producerId, clock, client } = this.#parts;
    await client.write({ kind: 'end-transaction', producerId, commit, offsets, nowMs: clock.nowMs() });
  }

  /** Bytes of the records, about. Throws for the whole call before any of it is sent. */
  #check(topic: TopicState, records: Records): number {
    const maxBytes = this.#maxBytes(topic);
    const needsKeys = isCompacted(topic.config);
    if (isColumn(records) && !needsKeys && records.longest + recordOverhead <= maxBytes) {
      const bytes = records instanceof RecordColumn ? records.dataBytes : records.valueBytes;
      return bytes + records.length * recordOverhead;
    }
    let sum = 0;
    for (const record of records) {
      const { key, value, headers } = record;
      if (needsKeys && key === null) {
        throw new TributaryError(
          'BROKER_REJECTED',
          `Cannot store a record without a key in the compacted topic "${topic.name}"`,
        );
      }
      const bytes = recordOverhead + (key === null ? 0 : key.length) + (value === null ? 0 : value.length);
      if (bytes > maxBytes || headers.length > 0) checkSize(record, maxBytes, this.#parts.clock.nowMs());
      sum += bytes;
    }
    return sum;
  }

  #maxBytes({ config }: TopicState): number {
    const maxMessageBytes = Number(config['max.message.bytes'] ?? defaultMaxMessageBytes);
    return Math.min(this.#options.maxBatchBytes ?? defaultMaxBatchBytes, maxMessageBytes);
  }

  #lane(topic: string, partition: number, no: number): Lane {
    const known = this.#lanes.get(no);
    if (known !== undefined) return known;
    const { clock, client, codecs, producerId } = this.#parts;
    const lane = new Lane(0, {
      clock,
      encode: (records, numbers, bytes) => this.#encode(topic, records, numbers, bytes),
      renumber: (buffer, length, { epoch, sequence }) => {
        const numbers = { producerId, producerEpoch: epoch, baseSequence: sequence };
        setProducer(Buffer.from(buffer, 0, length), 0, numbers, codecs);
      },
      append: (buffer, length) => client.append(no, buffer, length),
      stored: ({ buffer, length, count, values }, base) => {
        // What a transaction wrote is not readable before its end.
        const mayKeep = values !== undefined && this.#transaction === undefined;
        const isKept = mayKeep && client.tail.keep(no, { base, last: base + count - 1, buffer, length, values });
        if (!isKept) client.releaseBuffer(buffer);
      },
      hasRoom: () => client.hasRoom,
      onRoom: (callback) => client.onRoom(callback),
      pause: async (ms) => {
        await sleep(ms, this.#stopped.signal);
        return !this.#stopped.signal.aborted;
      },
      onRetry: ({ message: reason, code }) =>
        this.#options.onRetry?.({ what: 'produce', reason, code, topic, partition }),
    });
    this.#lanes.set(no, lane);
    return lane;
  }

  #encode(topic: string, records: Records, { epoch, sequence }: Numbers, bytes: number): EncodedForStore {
    const { clock, codecs, client, producerId } = this.#parts;
    const state = this.#parts.topics.known(topic);
    const isSmall = bytes < minPooledBytes;
    const into = isSmall ? this.#scratch : new BatchBuffer(client.takeBuffer());
    into.clear();
    const nowMs = clock.nowMs();
    const { compression = 'none' } = this.#options;
    const { count } = encodeBatch(records, 0, into, {
      codecs,
      maxBytes: Math.min(
        this.#maxBytes(state),
        Math.max(evenShare(records), batchBytesOf(asList(records.slice(0, 1))[0]!)),
      ),
      nowMs,
      compression,
      producerId,
      producerEpoch: epoch,
      baseSequence: sequence,
      isTransactional: this.#transaction !== undefined,
    });
    const isAppendTime = state.config['message.timestamp.type'] === 'LogAppendTime';
    if (isAppendTime) setLogAppendTime(into.bytes, 0, nowMs, codecs);
    const areValues = records instanceof ValueColumn && compression === 'none' && !isAppendTime;
    const values = areValues ? { valueBytes: records.slice(0, count).valueBytes } : undefined;
    const { length } = into;
    const memory = into.bytes.buffer as ArrayBuffer;
    // Small batches are encoded in one place, and each travels in memory of its own size.
    return { buffer: isSmall ? memory.slice(0, length) : memory, length, count, values };
  }
}

/** What does not fit into one buffer is cut into equal parts: a small rest would cost a row, and is put together again by who reads. */
function evenShare(records: Records): number {
  if (!(records instanceof ValueColumn)) return appendBufferBytes;
  const bytes = records.valueBytes + records.length * valueOverhead;
  const parts = Math.max(1, Math.ceil(bytes / appendBufferBytes));
  return parts === 1 ? appendBufferBytes : Math.ceil(bytes / parts);
}

function checkSize(record: ProduceRecord, maxBytes: number, nowMs: number): void {
  const size = batchBytesOf({ ...record, timestampMs: record.timestampMs ?? nowMs });
  if (size <= maxBytes) return;
  throw new TributaryError(
    'RECORD_TOO_LARGE',
    `Cannot store a record of ${size} bytes in a batch: must be at most ${maxBytes}`,
  );
}
