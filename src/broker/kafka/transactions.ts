import { abortError } from '../../base/abort.ts';
import type { BackoffPolicy } from '../../base/backoff.ts';
import { isError, isRetriable, TributaryError } from '../../base/errors.ts';
import { partitionKey, type TopicPartition } from '../../record/record.ts';
import { type GroupIdentity, noMember } from './api/groups.ts';
import {
  addOffsetsToTransaction,
  addPartitionsToTransaction,
  commitOffsetsInTransaction,
  endTransaction,
  initProducerId,
} from './api/transactions.ts';
import type { KafkaClient } from './client.ts';
import type { Wire } from './connections.ts';
import { apiCodeOf } from './errors.ts';
import type { Identity } from './produce-batch.ts';
import type { ProduceEngine } from './produce-engine.ts';
import { retryPolicy } from './retry.ts';

type State =
  | { readonly kind: 'none' }
  | { readonly kind: 'open' }
  /** Something failed: only abort() is left. */
  | { readonly kind: 'failed'; readonly error: TributaryError }
  /** Another producer has the transactional id: nothing is left. */
  | { readonly kind: 'fenced'; readonly error: TributaryError };

export interface TransactionSettings {
  readonly client: KafkaClient;
  readonly transactionalId: string;
  readonly transactionTimeoutMs: number;
  readonly onRetry: (reason: string) => void;
}

/**
 * The transactions of one producer, in the protocol where the client names each partition to the coordinator before it
 * writes there (KIP-98, raised epochs by KIP-360). That is what brokers of all versions do with these requests.
 */
export class Transactions {
  readonly #settings: TransactionSettings;
  readonly #client: KafkaClient;
  readonly #purpose: string;
  #identity: Identity;
  #state: State = { kind: 'none' };
  /** Partitions that are part of the open transaction. */
  readonly #added = new Set<string>();
  /** Those that the coordinator is being told about, or will be next, and who waits for it. */
  readonly #adding = new Map<string, { readonly partition: TopicPartition; readonly wake: (() => void)[] }>();
  #isAdding = false;
  /** The rounds in which the coordinator is told about partitions, until there is nothing left to tell. */
  #rounds: Promise<void> = Promise.resolve();
  /** True while its end is on the way, which a send would miss. */
  #isEnding = false;
  /** True once the coordinator knows of the transaction. */
  #isBegun = false;
  /** Partitions whose offsets are part of the open transaction, by group. */
  readonly #offsets = new Map<string, readonly TopicPartition[]>();
  engine!: ProduceEngine;

  private constructor(settings: TransactionSettings, identity: Identity, purpose: string) {
    this.#settings = settings;
    this.#client = settings.client;
    this.#identity = identity;
    this.#purpose = purpose;
  }

  /** Takes over the transactional id: whoever had it is fenced, and what it left open is aborted. */
  static async start(settings: TransactionSettings, signal?: AbortSignal): Promise<Transactions> {
    const purpose = settings.client.ownPurpose('transaction');
    const identity = await initialize(settings, purpose, undefined, signal);
    return new Transactions(settings, identity, purpose);
  }

  get identity(): Identity {
    return this.#identity;
  }

  get isOpen(): boolean {
    return this.#state.kind === 'open' || this.#state.kind === 'failed';
  }

  begin(): void {
    this.#throwIfFenced();
    if (this.#state.kind !== 'none') throw this.#invalidState('begin a transaction: one is open already');
    this.#state = { kind: 'open' };
  }

  /** Throws where nothing may be sent now. */
  checkSend(): void {
    this.#throwIfFenced();
    if (this.#state.kind === 'none') throw this.#invalidState('send: no transaction is open');
    if (this.#isEnding) throw this.#invalidState('send: the transaction is being ended');
    this.#throwIfFailed();
  }

  #throwIfFailed(): void {
    this.#throwIfFenced();
    if (this.#state.kind === 'failed') throw abortedError(this.#settings.transactionalId, this.#state.error);
  }

  /** See EngineSettings.mayUse. */
  mayUse(partition: TopicPartition, wake: () => void): boolean {
    if (this.#state.kind !== 'open') return true; // the engine only has leftovers, which fail or are waited for
    const key = partitionKey(partition.topic, partition.partition);
    if (this.#added.has(key)) return true;
    const waiting = this.#adding.get(key);
    if (waiting !== undefined) waiting.wake.push(wake);
    else this.#adding.set(key, { partition, wake: [wake] });
    if (!this.#isAdding) this.#rounds = this.#addPartitions();
    return false;
  }

  /** See EngineSettings.onFailure. */
  onFailure(error: TributaryError, fenced: boolean): void {
    if (fenced) this.#fence(error);
    else if (this.#state.kind === 'open') this.#fail(error);
  }

  async sendOffsets(
    groupId: string,
    offsets: readonly (TopicPartition & { readonly offset: number })[],
    member: GroupIdentity | undefined,
  ): Promise<void> {
    this.checkSend();
    const { transactionalId } = this.#settings;
    const { toolkit } = this.#client;
    try {
      this.#isBegun = true;
      await this.#ask(`add offsets of group "${groupId}" to the transaction`, (wire) =>
        addOffsetsToTransaction(toolkit, wire, transactionalId, this.#identity, groupId),
      );
      await this.#askGroup(groupId, (wire) =>
        commitOffsetsInTransaction(
          toolkit,
          wire,
          transactionalId,
          this.#identity,
          groupId,
          member ?? noMember,
          offsets,
        ),
      );
      this.#offsets.set(groupId, [...(this.#offsets.get(groupId) ?? []), ...offsets]);
    } catch (error) {
      // Committed without these offsets the transaction would be half of what was meant.
      if (error instanceof TributaryError) this.onFailure(error, false);
      throw error;
    }
  }

  async commit(): Promise<void> {
    this.checkSend();
    await this.#ending(async () => {
      await this.engine.idle();
      this.#throwIfFailed();
      await this.#end('commit');
    });
  }

  async abort(): Promise<void> {
    this.#throwIfFenced();
    if (this.#state.kind === 'none') throw this.#invalidState('abort the transaction: none is open');
    if (this.#state.kind === 'open') this.#state = { kind: 'failed', error: stoppedError() };
    await this.#ending(async () => {
      this.engine.abandon(stoppedError());
      await this.engine.idle();
      // A partition that the coordinator hears of behind the end would open a transaction that nobody ends.
      await this.#rounds;
      const mustRaise = this.engine.hasGap;
      await this.#end('abort');
      if (mustRaise) await this.#raiseEpoch();
    });
  }

  async #ending(end: () => Promise<void>): Promise<void> {
    this.#isEnding = true;
    try {
      await end();
    } finally {
      this.#isEnding = false;
    }
  }

  async #raiseEpoch(): Promise<void> {
    // Sequence numbers are missing: only the next epoch starts again at 0.
    const what = (): Promise<Identity> => initialize(this.#settings, this.#purpose, this.#identity);
    this.#identity = await what().catch((error: unknown) => this.#rethrow(error));
    this.engine.restart(this.#identity);
  }

  end(): void {
    this.#client.connections.end(this.#purpose);
  }

  async #end(outcome: 'commit' | 'abort'): Promise<void> {
    const { transactionalId } = this.#settings;
    if (this.#isBegun) {
      await this.#ask(`${outcome} the transaction`, (wire) =>
        endTransaction(this.#client.toolkit, wire, transactionalId, this.#identity, outcome),
      );
    }
    if (outcome === 'commit')
      for (const [groupId, partitions] of this.#offsets) this.#client.committedInTransactions.set(groupId, partitions);
    this.#offsets.clear();
    this.#isBegun = false;
    this.#added.clear();
    this.#adding.clear();
    this.#state = { kind: 'none' };
  }

  /** Tells the coordinator about all partitions that wait, and about those that come meanwhile in the next round. */
  async #addPartitions(): Promise<void> {
    this.#isAdding = true;
    // Partitions that are written to in the same turn go in one request.
    await Promise.resolve();
    while (this.#adding.size > 0 && this.#state.kind === 'open') {
      const round = [...this.#adding];
      const partitions = round.map(([, { partition }]) => partition);
      try {
        this.#isBegun = true;
        await this.#ask('add partitions to the transaction', (wire) =>
          addPartitionsToTransaction(
            this.#client.toolkit,
            wire,
            this.#settings.transactionalId,
            this.#identity,
            partitions,
          ),
        );
      } catch (error) {
        this.#adding.clear();
        if (error instanceof TributaryError) this.onFailure(error, false);
        else throw error;
        break;
      }
      for (const [key, { wake }] of round) {
        this.#added.add(key);
        this.#adding.delete(key);
        for (const call of wake) call();
      }
    }
    this.#isAdding = false;
  }

  /** Asks the transaction coordinator, wherever it moves to. */
  #ask<T>(what: string, ask: (wire: Wire) => Promise<T>): Promise<T> {
    return askCoordinator(
      this.#settings,
      this.#purpose,
      'transaction',
      this.#settings.transactionalId,
      what,
      ask,
    ).catch((error: unknown) => this.#rethrow(error));
  }

  #askGroup<T>(groupId: string, ask: (wire: Wire) => Promise<T>): Promise<T> {
    const what = `commit offsets of group "${groupId}" in the transaction`;
    return askCoordinator(this.#settings, this.#purpose, 'group', groupId, what, ask).catch((error: unknown) =>
      this.#rethrow(error),
    );
  }

  #rethrow(error: unknown): never {
    if (isError(error, 'PRODUCER_FENCED')) this.#fence(error);
    throw error;
  }

  #fence(error: TributaryError): void {
    if (this.#state.kind === 'fenced') return;
    const { transactionalId } = this.#settings;
    const fenced = new TributaryError(
      'PRODUCER_FENCED',
      `Cannot go on as producer "${transactionalId}": a newer one has taken its place, or its transaction has timed out`,
      { cause: error },
    );
    this.#state = { kind: 'fenced', error: fenced };
    this.engine.abandon(fenced);
  }

  #fail(error: TributaryError): void {
    this.#state = { kind: 'failed', error };
    this.engine.abandon(abortedError(this.#settings.transactionalId, error));
  }

  #throwIfFenced(): void {
    if (this.#state.kind === 'fenced') throw this.#state.error;
  }

  #invalidState(what: string): TributaryError {
    return new TributaryError(
      'TRANSACTION_INVALID_STATE',
      `Cannot ${what} (producer "${this.#settings.transactionalId}")`,
    );
  }
}

function initialize(
  settings: TransactionSettings,
  purpose: string,
  current: Identity | undefined,
  signal?: AbortSignal,
): Promise<Identity> {
  const { client, transactionalId, transactionTimeoutMs } = settings;
  const what = `start producer "${transactionalId}"`;
  return askCoordinator(
    settings,
    purpose,
    'transaction',
    transactionalId,
    what,
    (wire) => initProducerId(client.toolkit, wire, transactionalId, transactionTimeoutMs, current),
    signal,
  );
}

function askCoordinator<T>(
  settings: TransactionSettings,
  purpose: string,
  kind: 'transaction' | 'group',
  key: string,
  what: string,
  ask: (wire: Wire) => Promise<T>,
  signal?: AbortSignal,
): Promise<T> {
  const { client, transactionTimeoutMs, onRetry } = settings;
  // Beyond its timeout the coordinator has aborted the transaction anyway.
  const onRetryOf = (reason: string, error: unknown): void => {
    if (apiCodeOf(error) !== concurrentTransactions) onRetry(reason);
  };
  const policyOf = (error: unknown): BackoffPolicy =>
    apiCodeOf(error) === concurrentTransactions ? markersPolicy : retryPolicy;
  const options = { signal, forMs: transactionTimeoutMs, onRetry: onRetryOf, policyOf };
  return client.run(what, options, async () => {
    try {
      return await ask(await client.toCoordinator(kind, key, purpose));
    } catch (error) {
      const isElsewhere = isRetriable(error) && apiCodeOf(error) !== concurrentTransactions;
      if (isElsewhere) client.forgetCoordinator(kind, key);
      throw error;
    }
  });
}

/** The markers of the last transaction are still being written: the usual course, and no failure. */
const concurrentTransactions = 51;
/** They are there within milliseconds: pauses that double are longer than what is waited for. */
const markersPolicy: BackoffPolicy = { baseMs: 10, maxMs: 20, jitter: 0.2 };

function stoppedError(): TributaryError {
  return abortError(undefined, 'The transaction');
}

function abortedError(transactionalId: string, cause: TributaryError): TributaryError {
  return new TributaryError(
    'TRANSACTION_ABORTED',
    `Cannot go on with the transaction of producer "${transactionalId}": a send in it failed, so it must be aborted`,
    { cause },
  );
}
