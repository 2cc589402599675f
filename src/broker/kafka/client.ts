import { abortError, throwIfAborted } from '../../base/abort.ts';
import type { Clock, Random } from '../../base/clock.ts';
import { TributaryError } from '../../base/errors.ts';
import type { Codecs } from '../../record/codecs.ts';
import type { TopicPartition } from '../../record/record.ts';
import type { CallOptions } from '../broker.ts';
import { apiVersions, type CoordinatorKind, type VersionRange } from './api/cluster.ts';
import { fetchKey, fetchVersions } from './api/fetch.ts';
import { produceKey, produceVersions } from './api/produce.ts';
import type { Address, Connections, Wire } from './connections.ts';
import { Coordinators } from './coordinators.ts';
import { Lanes } from './lanes.ts';
import { type Leader, Metadata, unknownPartitionError } from './metadata.ts';
import { type RetryOptions, retrying } from './retry.ts';
import type { Toolkit } from './toolkit.ts';

export interface ClientSettings {
  readonly bootstrap: readonly Address[];
  readonly codecs: Codecs;
  readonly clock: Clock;
  readonly random: Random;
  /** How long a call is tried again before it fails. */
  readonly requestTimeoutMs: number;
}

/** What every part of this folder shares: connections, metadata, coordinators, time, and the end of it all. */
export class KafkaClient {
  readonly toolkit: Toolkit;
  readonly connections: Connections;
  readonly metadata: Metadata;
  /** For epochs of producers that fence others. */
  readonly fenceLanes = new Lanes(['control', 'fence-1', 'fence-2', 'fence-3']);
  /**
   * Offsets that transactions of ours have committed, by group. Kafka acknowledges a commit before it has written the
   * markers, and until then a question for all offsets of a group leaves those out; a question for these waits.
   */
  readonly committedInTransactions = new Map<string, readonly TopicPartition[]>();
  readonly settings: ClientSettings;
  readonly #closed = new AbortController();
  readonly #coordinators: Coordinators;
  #produceVersion: number = produceVersions.max;
  #fetchVersion: number = fetchVersions.max;
  #purposes = 0;

  constructor(toolkit: Toolkit, connections: Connections, settings: ClientSettings) {
    this.toolkit = toolkit;
    this.connections = connections;
    this.settings = settings;
    this.metadata = new Metadata(connections, settings.bootstrap);
    this.#coordinators = new Coordinators(toolkit, this.metadata);
  }

  get produceVersion(): number {
    return this.#produceVersion;
  }

  get fetchVersion(): number {
    return this.#fetchVersion;
  }

  /** Aborts when the broker is closed. */
  get closed(): AbortSignal {
    return this.#closed.signal;
  }

  /** A name for connections that nobody else uses. */
  ownPurpose(kind: string): string {
    return `${kind}-${++this.#purposes}`;
  }

  /** Looks whether there is a Kafka that knows what we need. BROKER_UNAVAILABLE, AUTHENTICATION_FAILED, BROKER_REJECTED. */
  async connect(): Promise<void> {
    const versions = await this.metadata.anyNode((wire) => apiVersions(this.toolkit, wire));
    this.#produceVersion = agree('Produce', versions.get(produceKey), produceVersions);
    this.#fetchVersion = agree('Fetch', versions.get(fetchKey), fetchVersions);
    await this.metadata.refresh([]);
  }

  close(): void {
    this.#closed.abort();
    this.connections.close();
  }

  /**
   * Runs a call of the port: tried again as its errors allow, ended at once by its signal (ABORTED) or by close()
   * (BROKER_CLOSED). `what` goes behind "Cannot".
   */
  async run<T>(
    what: string,
    options: (CallOptions & Partial<Omit<RetryOptions, 'signal'>>) | undefined,
    attempt: () => Promise<T>,
  ): Promise<T> {
    const { signal } = options ?? {};
    this.throwIfEnded(signal, what);
    return this.untilEnded(what, signal, (ended) =>
      retrying(what, { ...this.retryDefaults(), ...options, signal: ended }, attempt),
    );
  }

  /** The promise that `start` gives, or ABORTED or BROKER_CLOSED as soon as one of the two signals aborts. */
  async untilEnded<T>(
    what: string,
    signal: AbortSignal | undefined,
    start: (ended: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const ended = new AbortController();
    const end = (): void => ended.abort();
    const gone = new Promise<never>((_, reject) => {
      ended.signal.addEventListener('abort', () => reject(this.#endError(signal, what)), { once: true });
    });
    gone.catch(() => {}); // when nothing waits for it any more
    signal?.addEventListener('abort', end, { once: true });
    this.closed.addEventListener('abort', end, { once: true });
    try {
      return await Promise.race([start(ended.signal), gone]);
    } catch (error) {
      // A request that failed because close() ended its connection failed for that reason, whatever it says itself.
      if (this.closed.aborted || signal?.aborted === true) throw this.#endError(signal, what);
      throw error;
    } finally {
      signal?.removeEventListener('abort', end);
      this.closed.removeEventListener('abort', end);
    }
  }

  throwIfEnded(signal: AbortSignal | undefined, what: string): void {
    if (this.closed.aborted) throw closedError(what);
    throwIfAborted(signal, what);
  }

  retryDefaults(): Omit<RetryOptions, 'signal'> {
    const { clock, random, requestTimeoutMs } = this.settings;
    return { clock, random, forMs: requestTimeoutMs };
  }

  /** A connection to a partition's leader. Retriable while there is none; UNKNOWN_TOPIC, UNKNOWN_PARTITION. */
  async toLeader(
    topic: string,
    partition: number,
    purpose: string,
  ): Promise<{ wire: Wire; leader: Leader; id: string }> {
    const known = await this.metadata.topic(topic);
    if (partition < 0 || partition >= known.partitions.length) {
      const fresh = await this.metadata.refreshTopic(topic);
      if (partition < 0 || !Number.isInteger(partition) || partition >= fresh.partitions.length)
        throw unknownPartitionError(topic, partition, fresh.partitions.length);
    }
    if (this.metadata.leader(topic, partition) === undefined) await this.metadata.refreshTopic(topic);
    const leader = this.metadata.leader(topic, partition);
    const address = leader === undefined ? undefined : this.metadata.node(leader.nodeId);
    if (leader === undefined || address === undefined) throw noLeader(topic, partition);
    try {
      const wire = await this.connections.to(address, purpose);
      return { wire, leader, id: known.id };
    } catch (error) {
      // It may have moved: the next attempt looks anew.
      await this.metadata.refreshTopic(topic).catch(() => {}); // the connection's own failure says more
      throw error;
    }
  }

  /** A connection to the coordinator of a group or a transactional id. */
  async toCoordinator(kind: CoordinatorKind, key: string, purpose: string, requestTimeoutMs?: number): Promise<Wire> {
    const address = await this.#coordinators.find(kind, key);
    try {
      return await this.connections.to(address, purpose, { requestTimeoutMs });
    } catch (error) {
      this.#coordinators.forget(kind, key);
      throw error;
    }
  }

  /** The next request looks for the coordinator anew. */
  forgetCoordinator(kind: CoordinatorKind, key: string): void {
    this.#coordinators.forget(kind, key);
  }

  #endError(signal: AbortSignal | undefined, what: string): TributaryError {
    return this.closed.aborted ? closedError(what) : abortError(signal, what);
  }
}

export function closedError(what: string): TributaryError {
  return new TributaryError('BROKER_CLOSED', `Cannot ${what}: the broker was closed`);
}

function noLeader(topic: string, partition: number): TributaryError {
  return new TributaryError(
    'BROKER_UNAVAILABLE',
    `Cannot reach partition ${partition} of topic "${topic}": it has no leader`,
    {
      retriable: true,
    },
  );
}

function agree(request: string, theirs: VersionRange | undefined, ours: VersionRange): number {
  const version = Math.min(theirs?.max ?? -1, ours.max);
  if (theirs !== undefined && version >= ours.min && version >= theirs.min) return version;
  const has = theirs === undefined ? 'none' : `${theirs.min} to ${theirs.max}`;
  throw new TributaryError(
    'BROKER_REJECTED',
    `Cannot use this Kafka: of the request ${request} it knows versions ${has}, must be ${ours.min} to ${ours.max}: Kafka 3.3 or newer`,
  );
}
