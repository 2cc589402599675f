import { abortable, abortError, throwIfAborted } from '../../base/abort.ts';
import { CallsInTurn } from '../../base/calls-in-turn.ts';
import { TributaryError } from '../../base/errors.ts';
import type { TopicPartition } from '../../record/record.ts';
import type { Records } from '../../record/value-column.ts';
import {
  type CallOptions,
  defaultMaxBatchBytes,
  type GroupMember,
  type Producer,
  type ProducerOptions,
  type RetryEvent,
  type SendResult,
} from '../broker.ts';

import type { GroupIdentity } from './api/groups.ts';
import { initProducerId } from './api/transactions.ts';
import { closedError, type KafkaClient } from './client.ts';
import { Fence } from './fence.ts';
import type { Identity } from './produce-batch.ts';
import { ProduceEngine } from './produce-engine.ts';
import { Transactions } from './transactions.ts';

export interface ProducerHooks {
  /** As whom a member of a group speaks, for offsets in a transaction. */
  readonly identityOf: (member: GroupMember) => GroupIdentity;
  readonly onClose: (producer: KafkaProducer) => void;
}

/** Partitions that somebody else adds are noticed that late. */
const countAgainAfterMs = 60_000;

const defaults = { transactionTimeoutMs: 60_000, maxBatchBytes: defaultMaxBatchBytes, deliveryTimeoutMs: 30_000 };

export class KafkaProducer implements Producer {
  readonly #client: KafkaClient;
  readonly #hooks: ProducerHooks;
  readonly #engine: ProduceEngine;
  readonly #transactions: Transactions | undefined;
  /** Of transactions. What arrives behind a commit would open one that nobody ends. */
  readonly #calls = new CallsInTurn();
  /** Monotonic time, by topic. */
  readonly #countedAtMs = new Map<string, number>();
  #closing: Promise<void> | undefined;

  private constructor(
    client: KafkaClient,
    hooks: ProducerHooks,
    engine: ProduceEngine,
    transactions: Transactions | undefined,
  ) {
    this.#client = client;
    this.#hooks = hooks;
    this.#engine = engine;
    this.#transactions = transactions;
  }

  static async open(client: KafkaClient, options: ProducerOptions, hooks: ProducerHooks): Promise<KafkaProducer> {
    const { transactionalId, transactionTimeoutMs = defaults.transactionTimeoutMs, signal } = options;
    const onRetry = (event: RetryEvent): void => options.onRetry?.(event);
    const newIdentity = (): Promise<Identity> =>
      client.run('get a producer id', { signal, onRetry: (reason) => onRetry({ what: 'producer-id', reason }) }, () =>
        client.metadata.anyNode((wire) => initProducerId(client.toolkit, wire, null, transactionTimeoutMs)),
      );
    const transactions =
      transactionalId === undefined
        ? undefined
        : await Transactions.start(
            {
              client,
              transactionalId,
              transactionTimeoutMs,
              onRetry: (reason) => onRetry({ what: 'coordinator', reason }),
            },
            signal,
          );
    const { fencingId } = options;
    const fence =
      fencingId === undefined
        ? undefined
        : await Fence.start(
            { client, fencingId, onRetry: (reason) => onRetry({ what: 'coordinator', reason }) },
            signal,
          );
    const engine = new ProduceEngine(
      {
        client,
        transactionalId: transactionalId ?? null,
        compression: options.compression ?? 'none',
        maxBatchBytes: options.maxBatchBytes ?? defaults.maxBatchBytes,
        deliveryTimeoutMs: options.deliveryTimeoutMs ?? defaults.deliveryTimeoutMs,
        onRetry,
        newIdentity: fence === undefined ? newIdentity : () => fence.raise(),
        raisesAlone: fence === undefined,
        ...(transactions === undefined
          ? {}
          : {
              mayUse: (partition: TopicPartition, wake: () => void) => transactions.mayUse(partition, wake),
              onFailure: (error: TributaryError, fenced: boolean) => transactions.onFailure(error, fenced),
            }),
      },
      transactions?.identity ?? fence?.identity ?? (await newIdentity()),
    );
    if (transactions !== undefined) transactions.engine = engine;
    return new KafkaProducer(client, hooks, engine, transactions);
  }

  async send(topic: string, partition: number, records: Records, options?: CallOptions): Promise<SendResult> {
    throwIfAborted(options?.signal, 'A send');
    this.#throwIfClosed('send');
    this.#transactions?.checkSend();
    if (records.length === 0) throw new TributaryError('USAGE', 'Cannot send: no records were given');
    return abortable(this.#engine.send(topic, partition, records), options?.signal, 'A send');
  }

  partitionCount(topic: string, options?: CallOptions): Promise<number> {
    const { metadata, settings } = this.#client;
    return this.#client.run(`count the partitions of topic "${topic}"`, options, async () => {
      const nowMs = settings.clock.monotonicMs();
      const isOld = nowMs - (this.#countedAtMs.get(topic) ?? nowMs) > countAgainAfterMs;
      if (isOld || !this.#countedAtMs.has(topic)) this.#countedAtMs.set(topic, nowMs);
      // Nobody waits for news that hardly ever come; a failure shows where the topic is used.
      if (isOld) metadata.refreshTopic(topic).catch(() => {});
      return (await metadata.topic(topic)).partitions.length;
    });
  }

  begin(options?: CallOptions): Promise<void> {
    return this.#calls.run('Beginning a transaction', options?.signal, () =>
      this.#ofTransactions('begin a transaction').begin(),
    );
  }

  sendOffsets(
    groupId: string,
    offsets: readonly (TopicPartition & { readonly offset: number })[],
    member?: GroupMember,
    options?: CallOptions,
  ): Promise<void> {
    return this.#calls.run('Adding offsets to a transaction', options?.signal, () => {
      const identity = member === undefined ? undefined : this.#hooks.identityOf(member);
      return this.#ofTransactions('add offsets to a transaction').sendOffsets(groupId, offsets, identity);
    });
  }

  commit(options?: CallOptions): Promise<void> {
    return this.#calls.run('Committing a transaction', options?.signal, () =>
      this.#ofTransactions('commit a transaction').commit(),
    );
  }

  abort(options?: CallOptions): Promise<void> {
    return this.#calls.run('Aborting a transaction', options?.signal, () =>
      this.#ofTransactions('abort a transaction').abort(),
    );
  }

  abandon(): void {
    this.#engine.abandon(abortError(undefined, 'A send'));
  }

  async flush(options?: CallOptions): Promise<void> {
    throwIfAborted(options?.signal, 'Waiting for sends');
    await abortable(this.#engine.idle(), options?.signal, 'Waiting for sends');
  }

  close(options?: CallOptions): Promise<void> {
    this.#closing ??= this.#close();
    return abortable(this.#closing, options?.signal, 'Closing a producer');
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    try {
      await this.#engine.idle();
      await this.#calls.settled();
      if (this.#transactions?.isOpen === true) await this.#transactions.abort();
    } finally {
      this.#engine.end();
      this.#transactions?.end();
      this.#hooks.onClose(this);
    }
  }

  #ofTransactions(what: string): Transactions {
    this.#throwIfClosed(what);
    if (this.#transactions !== undefined) return this.#transactions;
    throw new TributaryError('TRANSACTION_INVALID_STATE', `Cannot ${what}: the producer has no transactional id`);
  }

  #throwIfClosed(what: string): void {
    if (this.#closing !== undefined) throw closedError(what);
  }
}
