/** A producer: encodes, numbers and sends batches, and holds a transaction together. */
import { sleep } from '../../base/abort.ts';
import type { Clock } from '../../base/clock.ts';
import { TributaryError } from '../../base/errors.ts';
import { BatchBuffer } from '../../record/batch-buffer.ts';
import type { Codecs } from '../../record/codecs.ts';
import { encodeBatch } from '../../record/encode.ts';
import { setLogAppendTime } from '../../record/patch.ts';
import { type ProduceRecord, partitionKey, type TopicPartition } from '../../record/record.ts';
import type { Producer, ProducerOptions, SendResult } from '../broker.ts';
import { PartitionQueue } from './partition-queue.ts';
import type { Appended, GroupOffset, PartitionState, TopicState } from './protocol.ts';
import { checked, closedError, type StoreClient } from './store-client.ts';
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
  readonly epoch: number;
  readonly onClosed: () => void;
}

interface Lane {
  readonly queue: PartitionQueue;
  sequence: number;
  epoch: number;
}

const defaultMaxBatchBytes = 1_000_000;
const defaultMaxMessageBytes = 1_048_588;
const defaultDeliveryTimeoutMs = 30_000;
const sequences = 2 ** 31;
const retryPauseMs = 50;

export class EmbeddedProducer implements Producer {
  readonly #parts: ProducerParts;
  readonly #options: ProducerOptions;
  readonly #encodeBuffer = new BatchBuffer();
  readonly #lanes = new Map<string, Lane>();
  readonly #stopped = new AbortController();
  readonly #transaction: Transaction | undefined;

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

  async send(topic: string, partition: number, records: readonly ProduceRecord[]): Promise<SendResult> {
    if (this.#stopped.signal.aborted) throw closedError();
    this.#transaction?.mustBeOpen();
    const state = this.#parts.topics.partition(topic, partition);
    if (records.length === 0) throw new TributaryError('INTERNAL', 'Cannot send a batch of no records');
    const sent = this.#encodeAll(this.#parts.topics.known(topic), state, partition, records);
    this.#transaction?.track(sent);
    const places = await sent;
    return { baseOffset: places[0]!.base, lastOffset: places.at(-1)!.last };
  }

  partitionCount(topic: string): Promise<number> {
    // In a promise, so that an unknown topic rejects instead of throwing at once.
    return new Promise((resolve) => resolve(this.#parts.topics.known(topic).partitions.length));
  }

  async begin(): Promise<void> {
    this.#transactional().begin();
  }

  async sendOffsets(
    groupId: string,
    offsets: readonly (TopicPartition & { readonly offset: number })[],
  ): Promise<void> {
    this.#transactional().addOffsets(groupId, offsets);
  }

  commit(): Promise<void> {
    return this.#transactionalEnd((transaction) => transaction.commit());
  }

  abort(): Promise<void> {
    return this.#transactionalEnd((transaction) => transaction.abort());
  }

  async flush(): Promise<void> {
    await Promise.all([...this.#lanes.values()].map(({ queue }) => queue.settled()));
  }

  async close(): Promise<void> {
    if (this.#stopped.signal.aborted) return;
    await this.flush();
    if (this.#transaction?.isOpen === true && this.#parts.isCurrent()) await this.#transaction.abort();
    this.#stopped.abort();
    this.#parts.onClosed();
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

  async #transactionalEnd(end: (transaction: Transaction) => Promise<void>): Promise<void> {
    await end(this.#transactional());
  }

  async #endTransaction(commit: boolean, offsets: readonly GroupOffset[]): Promise<void> {
    const { producerId, epoch, clock, client } = this.#parts;
    checked(await client.write({ kind: 'end-transaction', producerId, epoch, commit, offsets, nowMs: clock.nowMs() }));
  }

  /** Encodes the records into as many batches as their bound asks for, and hands them to the partition's queue in order. */
  #encodeAll(
    topic: TopicState,
    state: PartitionState,
    partition: number,
    records: readonly ProduceRecord[],
  ): Promise<readonly { readonly base: number; readonly last: number }[]> {
    const lane = this.#lane(topic.name, partition, state.no);
    const nowMs = this.#parts.clock.nowMs();
    const timeoutMs = this.#options.deliveryTimeoutMs ?? defaultDeliveryTimeoutMs;
    const deadlineMs = this.#parts.clock.monotonicMs() + timeoutMs;
    const maxMessageBytes = Number(topic.config['max.message.bytes'] ?? defaultMaxMessageBytes);
    const maxBytes = Math.min(this.#options.maxBatchBytes ?? defaultMaxBatchBytes, maxMessageBytes);
    const isAppendTime = topic.config['message.timestamp.type'] === 'LogAppendTime';
    const first = lane.sequence;
    const encoded: Uint8Array[] = [];
    for (let from = 0; from < records.length; ) {
      this.#encodeBuffer.clear();
      let batch: ReturnType<typeof encodeBatch>;
      try {
        batch = encodeBatch(records, from, this.#encodeBuffer, {
          codecs: this.#parts.codecs,
          maxBytes,
          nowMs,
          compression: this.#options.compression ?? 'none',
          producerId: this.#parts.producerId,
          producerEpoch: lane.epoch,
          baseSequence: lane.sequence,
          isTransactional: this.#transaction !== undefined,
        });
      } catch (error) {
        lane.sequence = first; // nothing of this call is sent
        throw error;
      }
      if (isAppendTime) setLogAppendTime(this.#encodeBuffer.bytes, batch.start, nowMs, this.#parts.codecs);
      lane.sequence = (lane.sequence + batch.count) % sequences;
      encoded.push(Uint8Array.from(this.#encodeBuffer.view()));
      from += batch.count;
    }
    const sends = encoded.map(
      (bytes) =>
        new Promise<{ base: number; last: number }>((done, failed) =>
          lane.queue.push({ bytes, deadlineMs, done, failed }),
        ),
    );
    return Promise.all(sends);
  }

  #lane(topic: string, partition: number, no: number): Lane {
    const key = `${no}:${partitionKey(topic, partition)}`; // a topic that is made again starts anew
    let lane = this.#lanes.get(key);
    if (lane === undefined) {
      const made: Lane = {
        queue: this.#queue(no, topic, partition, () => made),
        sequence: 0,
        epoch: this.#parts.epoch,
      };
      lane = made;
      this.#lanes.set(key, lane);
    }
    return lane;
  }

  #queue(no: number, topic: string, partition: number, lane: () => Lane): PartitionQueue {
    const { clock } = this.#parts;
    return new PartitionQueue({
      clock,
      append: (bytes) => this.#append(no, bytes),
      pause: () => sleep(retryPauseMs, this.#stopped.signal),
      onRetry: (error) => this.#options.onRetry?.({ what: 'produce', reason: error.message, topic, partition }),
      onLost: () => {
        // A new epoch may start at sequence 0; what comes late under the old one is turned away. A transaction must abort.
        lane().sequence = 0;
        if (this.#transaction === undefined) lane().epoch++;
      },
    });
  }

  async #append(partition: number, bytes: Uint8Array): Promise<Appended> {
    // What travels to the store comes back as a spare buffer: the batch keeps its own bytes for a retry.
    const buffer = this.#parts.client.buffer(bytes.length);
    new Uint8Array(buffer).set(bytes);
    const result = await this.#parts.client.write({ kind: 'append', partition, buffer, length: bytes.length });
    if (result.kind === 'append') return result.result;
    return { kind: 'failed', failure: result.kind === 'failed' ? result.failure : unexpected(result.kind) };
  }
}

function unexpected(kind: string): { code: 'INTERNAL'; message: string; retriable: boolean } {
  return { code: 'INTERNAL', message: `The store answered an append with "${kind}"`, retriable: false };
}
