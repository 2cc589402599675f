/** Consumer groups of the embedded broker: see GroupOptions and GroupMember of the port. */
import { abortable } from '../../base/abort.ts';
import { describeError, TributaryError } from '../../base/errors.ts';
import type { TopicPartition } from '../../record/record.ts';
import type { CallOptions, FetchedRecords, GroupMember, GroupOptions, ReadOptions } from '../broker.ts';
import { GroupCoordinator, type Member, type SharedTopic } from './group-coordinator.ts';
import { GroupRecords } from './group-records.ts';
import type { GroupOffset } from './protocol.ts';
import { closedError, type StoreClient } from './store-client.ts';
import type { TopicTable } from './topic-table.ts';

const defaults = { sessionTimeoutMs: 10_000, maxBufferedBytes: 8 * 1024 * 1024 };

type Read = (options: ReadOptions) => AsyncIterable<FetchedRecords>;

export class Groups {
  readonly #client: StoreClient;
  readonly #topics: TopicTable;
  readonly #read: Read;
  readonly #groups = new Map<string, GroupCoordinator>();
  readonly #members = new Set<EmbeddedGroupMember>();
  #nextMember = 1;

  constructor(client: StoreClient, topics: TopicTable, read: Read) {
    this.#client = client;
    this.#topics = topics;
    this.#read = read;
  }

  /** Joins; resolves when the first share is known. INVALID_CONFIG, ABORTED. */
  async join(options: GroupOptions): Promise<GroupMember> {
    const { groupId, signal } = options;
    if (groupId === '') throw new TributaryError('INVALID_CONFIG', 'Cannot join a group without a name');
    const coordinator = this.#coordinator(groupId);
    const id = `${groupId}-${this.#nextMember++}`;
    const member = new EmbeddedGroupMember(id, options, this.#client, this.#read, coordinator, () => {
      this.#members.delete(member);
      this.#forgetIfUnused(groupId);
    });
    this.#members.add(member);
    try {
      await abortable(coordinator.join(member.seat), signal, `Joining group "${groupId}"`);
    } catch (error) {
      await member.close();
      throw error;
    }
    return member;
  }

  hasMembers(groupId: string): boolean {
    return (this.#groups.get(groupId)?.size ?? 0) > 0;
  }

  /** Topics were made, deleted, or got partitions. */
  topicsChanged(): void {
    for (const group of this.#groups.values()) group.rebalance();
  }

  async close(): Promise<void> {
    await Promise.all([...this.#members].map((member) => member.close()));
    for (const group of this.#groups.values()) group.end();
  }

  #forgetIfUnused(groupId: string): void {
    // One that was expelled may still come back to it, and so may one with an instance id.
    const isUsed = [...this.#members].some((other) => other.groupId === groupId) || this.hasMembers(groupId);
    if (!isUsed) this.#groups.delete(groupId);
  }

  #coordinator(groupId: string): GroupCoordinator {
    let coordinator = this.#groups.get(groupId);
    if (coordinator === undefined) {
      const topics = (): SharedTopic[] =>
        this.#topics.all().map(({ name, id, partitions }) => ({ name, id, partitions: partitions.length }));
      coordinator = new GroupCoordinator(groupId, topics, () => this.#forgetIfUnused(groupId));
      this.#groups.set(groupId, coordinator);
    }
    return coordinator;
  }
}

export class EmbeddedGroupMember implements GroupMember {
  readonly groupId: string;
  readonly records: AsyncIterable<FetchedRecords>;
  /** The member as its coordinator sees it. */
  readonly seat: Member;
  readonly #options: GroupOptions;
  readonly #client: StoreClient;
  readonly #coordinator: GroupCoordinator;
  readonly #records: GroupRecords;
  readonly #onClosed: () => void;
  #isClosed = false;

  constructor(
    id: string,
    options: GroupOptions,
    client: StoreClient,
    read: Read,
    coordinator: GroupCoordinator,
    onClosed: () => void,
  ) {
    const { groupId, topics, topicPattern, instanceId, onRetry } = options;
    this.groupId = groupId;
    this.#options = options;
    this.#client = client;
    this.#coordinator = coordinator;
    this.#onClosed = onClosed;
    this.#records = new GroupRecords({
      read,
      startAt: options.startAt ?? 'latest',
      isolation: options.isolation ?? 'read-committed',
      maxBufferedBytes: options.maxBufferedBytes ?? defaults.maxBufferedBytes,
      onRetry: (event) => onRetry?.(event),
    });
    if (options.fetch === false) this.#records.end();
    this.records = { [Symbol.asyncIterator]: () => this.#records.records() };
    const pattern = topicPattern === undefined ? undefined : wholeName(topicPattern);
    this.seat = {
      id,
      instanceId,
      sessionTimeoutMs: options.sessionTimeoutMs ?? defaults.sessionTimeoutMs,
      wants: (topic) => topics.includes(topic) || pattern?.test(topic) === true,
      revoke: (partitions, how) => this.#revoke(partitions, how),
      give: (partitions) => this.#give(partitions),
      shared: (share) => options.onShared?.(share),
      leavesAtOnce: instanceId === undefined || options.leavesOnClose === true,
      fail: (error) => {
        this.#records.end(error);
        onRetry?.({ what: 'group', reason: describeError(error) }); // without `records` nobody else would hear it
      },
    };
  }

  /** Who owns what is decided in this process: nothing of it happens behind its back. */
  get ownsUntilMs(): number {
    return Number.POSITIVE_INFINITY;
  }

  /** The group tells its members by itself. */
  expectSharing(): void {}

  shareAnew(): void {
    this.#coordinator.rebalance();
  }

  get assignment(): readonly TopicPartition[] {
    return this.#coordinator.owned(this.seat);
  }

  pause(partitions: readonly TopicPartition[]): void {
    this.#records.setPaused(partitions, true);
  }

  resume(partitions: readonly TopicPartition[]): void {
    this.#records.setPaused(partitions, false);
  }

  async commit(
    offsets: readonly (TopicPartition & { readonly offset: number })[],
    options?: CallOptions,
  ): Promise<void> {
    if (this.#isClosed) throw closedError();
    if (offsets.length === 0) return;
    this.checkOwner(offsets);
    const written = this.#client.write({ kind: 'set-offsets', groupId: this.groupId, offsets });
    await abortable(written, options?.signal, `Committing offsets of group "${this.groupId}"`);
  }

  /** What may be committed, in a transaction too. GROUP_MEMBER_UNKNOWN, GROUP_REBALANCING. */
  checkOwner(partitions: readonly TopicPartition[]): void {
    this.#coordinator.checkOwner(this.seat, partitions);
  }

  async committed({ topic, partition }: TopicPartition, options?: CallOptions): Promise<number | undefined> {
    if (this.#isClosed) throw closedError();
    const reading = this.#offsets();
    const offsets = await abortable(reading, options?.signal, `Reading offsets of group "${this.groupId}"`);
    return offsets.find((entry) => entry.topic === topic && entry.partition === partition)?.offset;
  }

  /** Nothing to wait for: the group is in this process. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#records.end();
    this.#coordinator.leave(this.seat);
    this.#onClosed();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #revoke(partitions: readonly TopicPartition[], how: 'revoked' | 'lost'): Promise<void> {
    if (partitions.length === 0 || this.#isClosed) return;
    // Nothing more comes once the caller has committed; what was taken before is theirs to count.
    this.#records.setPaused(partitions, true);
    try {
      await this.#options.onRevoked?.(partitions, how);
    } catch (error) {
      this.#options.onRetry?.({ what: 'revoke', reason: describeError(error) });
    } finally {
      this.#records.remove(partitions);
    }
  }

  async #give(partitions: readonly TopicPartition[]): Promise<void> {
    try {
      if (this.#options.fetch !== false) {
        const offsets = await this.#offsets();
        if (this.#isClosed) return;
        for (const { topic, partition } of partitions) {
          const found = offsets.find((entry) => entry.topic === topic && entry.partition === partition);
          this.#records.add({ topic, partition }, found?.offset);
        }
      }
      this.#options.onAssigned?.(partitions);
    } catch (error) {
      // Without its offsets the member would read nothing and own everything: it ends, and says so.
      this.#records.end(error);
      this.#options.onRetry?.({ what: 'assign', reason: describeError(error) });
    }
  }

  #offsets(): Promise<readonly GroupOffset[]> {
    return this.#client.read<readonly GroupOffset[]>({ kind: 'group-offsets', groupId: this.groupId });
  }
}

function wholeName({ source, flags }: RegExp): RegExp {
  return new RegExp(`^(?:${source})$`, flags.replace(/[gy]/g, ''));
}
