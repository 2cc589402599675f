import { isRetriable } from '../../base/errors.ts';
import { initProducerId } from './api/transactions.ts';
import type { KafkaClient } from './client.ts';
import type { Identity } from './produce-batch.ts';

export interface FenceSettings {
  readonly client: KafkaClient;
  readonly fencingId: string;
  readonly onRetry: (reason: string) => void;
}

/** It stands in the request, and means nothing without a transaction. */
const transactionTimeoutMs = 60_000;
/** How long the coordinator is looked for at the start: a cluster that runs no transactions may never have one. */
const startForMs = 10_000;

/**
 * The epochs of a producer that a later one with the same id fences, without transactions: the id is a transactional one
 * to the coordinator, which gives each newcomer a higher epoch, and brokers refuse lower ones in each partition that a
 * higher one was written to. So only the coordinator may raise the epoch, and only of whoever has the newest.
 */
export class Fence {
  readonly #settings: FenceSettings;
  #identity: Identity;
  #raising: Promise<Identity> | undefined;

  /** Whoever had the id is fenced. AUTHORIZATION_FAILED, BROKER_UNAVAILABLE where no coordinator answers in time. */
  static async start(settings: FenceSettings, signal?: AbortSignal): Promise<Fence> {
    return new Fence(settings, await ask(settings, undefined, { signal, forMs: startForMs }));
  }

  private constructor(settings: FenceSettings, identity: Identity) {
    this.#settings = settings;
    this.#identity = identity;
  }

  get identity(): Identity {
    return this.#identity;
  }

  /** The next epoch. PRODUCER_FENCED where a later producer has the id. */
  raise(): Promise<Identity> {
    this.#raising ??= ask(this.#settings, this.#identity, {})
      .then((identity) => {
        this.#identity = identity;
        return identity;
      })
      .finally(() => {
        this.#raising = undefined;
      });
    return this.#raising;
  }
}

function ask(
  { client, fencingId, onRetry }: FenceSettings,
  current: Identity | undefined,
  options: { readonly signal?: AbortSignal | undefined; readonly forMs?: number },
): Promise<Identity> {
  const what = `start producer "${fencingId}"`;
  return client.run(what, { ...options, onRetry }, async () => {
    try {
      return await client.fenceLanes.run(async (purpose) => {
        const wire = await client.toCoordinator('transaction', fencingId, purpose);
        return initProducerId(client.toolkit, wire, fencingId, transactionTimeoutMs, current);
      });
    } catch (error) {
      if (isRetriable(error)) client.forgetCoordinator('transaction', fencingId);
      throw error;
    }
  });
}
