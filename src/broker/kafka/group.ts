import { abortable } from '../../base/abort.ts';
import { describeError, isError, isRetriable, TributaryError } from '../../base/errors.ts';
import type { TopicPartition } from '../../record/record.ts';
import type { CallOptions, FetchedRecords, GroupMember, GroupOptions } from '../broker.ts';
import { commitOffsets, fetchOffsets, type GroupIdentity } from './api/groups.ts';
import { closedError, type KafkaClient } from './client.ts';
import type { Wire } from './connections.ts';
import { GroupFetcher } from './group-fetcher.ts';
import { Membership } from './membership.ts';

const defaults = { sessionTimeoutMs: 10_000, maxBufferedBytes: 8 * 1024 * 1024 };

/** See GroupMember: a membership decides what is owned, a fetcher reads it. */
export class KafkaGroupMember implements GroupMember {
  readonly groupId: string;
  readonly records: AsyncIterable<FetchedRecords>;
  readonly #client: KafkaClient;
  readonly #options: GroupOptions;
  readonly #onClose: (member: KafkaGroupMember) => void;
  readonly #membership: Membership;
  readonly #fetcher: GroupFetcher;
  #closing: Promise<void> | undefined;

  private constructor(client: KafkaClient, options: GroupOptions, onClose: (member: KafkaGroupMember) => void) {
    this.groupId = options.groupId;
    this.#client = client;
    this.#options = options;
    this.#onClose = onClose;
    const { onRetry } = options;
    this.#fetcher = new GroupFetcher({
      client,
      isolation: options.isolation ?? 'read-committed',
      startAt: options.startAt ?? 'latest',
      maxBufferedBytes: options.maxBufferedBytes ?? defaults.maxBufferedBytes,
      passesDamaged: options.passesDamaged === true,
      onRetry: (event) => onRetry?.(event),
    });
    this.#membership = new Membership({
      client,
      groupId: options.groupId,
      topics: options.topics,
      topicPattern: options.topicPattern,
      sessionTimeoutMs: options.sessionTimeoutMs ?? defaults.sessionTimeoutMs,
      instanceId: options.instanceId ?? null,
      leavesOnClose: options.leavesOnClose ?? false,
      outlastsSilence: options.outlastsSilence ?? false,
      heartbeatMs: options.heartbeatMs ?? usualHeartbeatMs(options.sessionTimeoutMs ?? defaults.sessionTimeoutMs),
      weightOf: options.weightOf,
      onRevoked: (partitions, how) => this.#revoked(partitions, how),
      onAssigned: (partitions) => this.#assigned(partitions),
      onShared: (share) => options.onShared?.(share),
      onRetry: (reason) => onRetry?.({ what: 'coordinator', reason }),
      onFailure: (error) => {
        this.#fetcher.end(error);
        // Without `records` nobody else would hear it.
        onRetry?.({ what: 'group', reason: describeError(error) });
      },
    });
    if (options.fetch === false) this.#fetcher.end();
    this.records = { [Symbol.asyncIterator]: () => this.#fetcher.records() };
  }

  /** Joins; resolves when the first share is known. */
  static async join(
    client: KafkaClient,
    options: GroupOptions,
    onClose: (member: KafkaGroupMember) => void,
  ): Promise<KafkaGroupMember> {
    const what = `join group "${options.groupId}"`;
    if (options.groupId === '') throw new TributaryError('INVALID_CONFIG', 'Cannot join a group without a name');
    client.throwIfEnded(options.signal, what);
    const member = new KafkaGroupMember(client, options, onClose);
    try {
      await client.untilEnded(what, options.signal, () => member.#membership.start());
    } catch (error) {
      // Where the group does not answer, telling it that we leave could take as long as the join.
      void member.close();
      throw error;
    }
    return member;
  }

  get assignment(): readonly TopicPartition[] {
    return this.#membership.owned;
  }

  get ownsUntilMs(): number {
    return this.#membership.ownsUntilMs;
  }

  expectSharing(): void {
    this.#membership.expectSharing();
  }

  shareAnew(): void {
    this.#membership.shareAnew();
  }

  get identity(): GroupIdentity {
    return this.#membership.identity;
  }

  pause(partitions: readonly TopicPartition[]): void {
    this.#fetcher.setPaused(partitions, true);
  }

  resume(partitions: readonly TopicPartition[]): void {
    this.#fetcher.setPaused(partitions, false);
  }

  async commit(
    offsets: readonly (TopicPartition & { readonly offset: number })[],
    options?: CallOptions,
  ): Promise<void> {
    const what = `commit offsets of group "${this.groupId}"`;
    if (this.#closing !== undefined) throw closedError(what);
    if (offsets.length === 0) return;
    const { toolkit } = this.#client;
    await this.#ask(what, options, (wire) => commitOffsets(toolkit, wire, this.groupId, this.identity, offsets)).catch(
      (error: unknown) => {
        // Between its call to all members and our share the group knows us by a generation we do not have yet.
        if (this.#membership.isForgotten(error) && this.#membership.isJoining) throw rebalancing(what, error);
        throw error;
      },
    );
  }

  async committed(partition: TopicPartition, options?: CallOptions): Promise<number | undefined> {
    const what = `read a committed offset of group "${this.groupId}"`;
    const found = await this.#ask(what, options, (wire) =>
      fetchOffsets(this.#client.toolkit, wire, this.groupId, [partition], true),
    );
    return found[0]?.offset;
  }

  close(options?: CallOptions): Promise<void> {
    this.#closing ??= this.#close();
    return abortable(this.#closing, options?.signal, `Leaving group "${this.groupId}"`);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    this.#fetcher.end();
    await this.#membership.leave();
    this.#onClose(this);
  }

  async #revoked(partitions: readonly TopicPartition[], how: 'revoked' | 'lost'): Promise<void> {
    // Nothing more comes after the caller has committed; what he took before is his to count.
    this.#fetcher.setPaused(partitions, true);
    try {
      await this.#options.onRevoked?.(partitions, how);
    } catch (error) {
      this.#options.onRetry?.({ what: 'revoke', reason: describeError(error) });
    } finally {
      this.#fetcher.remove(partitions);
    }
  }

  async #assigned(partitions: readonly TopicPartition[]): Promise<void> {
    if (this.#options.fetch !== false) {
      const what = `read the committed offsets of group "${this.groupId}"`;
      const offsets = await this.#ask(what, { signal: this.#options.signal }, (wire) =>
        fetchOffsets(this.#client.toolkit, wire, this.groupId, partitions, true),
      );
      for (const partition of partitions) {
        const isIt = (entry: TopicPartition): boolean =>
          entry.topic === partition.topic && entry.partition === partition.partition;
        const { id } = await this.#client.metadata.topic(partition.topic);
        this.#fetcher.add(partition, id, offsets.find(isIt)?.offset);
      }
    }
    this.#options.onAssigned?.(partitions);
  }

  /** Asks the coordinator, wherever it moves to. Not on the membership's connection, where a join may be waiting. */
  #ask<T>(what: string, options: CallOptions | undefined, ask: (wire: Wire) => Promise<T>): Promise<T> {
    const client = this.#client;
    const isRetriableHere = (error: unknown): boolean => isRetriable(error) && !isError(error, 'GROUP_REBALANCING');
    return client.run(what, { ...options, isRetriable: isRetriableHere }, async () => {
      try {
        return await ask(await client.toCoordinator('group', this.groupId, 'control'));
      } catch (error) {
        if (isRetriableHere(error)) client.forgetCoordinator('group', this.groupId);
        throw error;
      }
    });
  }
}

function usualHeartbeatMs(sessionTimeoutMs: number): number {
  return Math.min(Math.max(sessionTimeoutMs / 10, 100), 3000);
}

function rebalancing(what: string, cause: unknown): TributaryError {
  return new TributaryError('GROUP_REBALANCING', `Cannot ${what}: the group is sharing its partitions out anew`, {
    cause,
    retriable: true,
  });
}
