import { sleep, withTimeout } from '../../base/abort.ts';
import { backoffMs } from '../../base/backoff.ts';
import { describeError, isError, isRetriable, TributaryError } from '../../base/errors.ts';
import { partitionKey, type TopicPartition } from '../../record/record.ts';
import type { GroupShare } from '../broker.ts';
import type { TopicMetadata } from './api/cluster.ts';
import { type GroupIdentity, heartbeat, type JoinAnswer, joinGroup, leaveGroup, syncGroup } from './api/groups.ts';
import { assignorName, assignPartitions } from './assignor.ts';
import type { KafkaClient } from './client.ts';
import type { Wire } from './connections.ts';
import { decodeAssignment, decodeSubscription, encodeAssignment, encodeSubscription } from './consumer-protocol.ts';
import { apiCodeOf, errorOfCode } from './errors.ts';
import { retryPolicy } from './retry.ts';

export interface MembershipSettings {
  readonly client: KafkaClient;
  readonly groupId: string;
  readonly topics: readonly string[];
  readonly topicPattern: RegExp | undefined;
  readonly sessionTimeoutMs: number;
  readonly instanceId: string | null;
  readonly leavesOnClose: boolean;
  readonly outlastsSilence: boolean;
  readonly heartbeatMs: number;
  readonly weightOf: ((partition: TopicPartition) => number) | undefined;
  /** Partitions go away: `revoked` with time to commit, which is waited for; `lost` without. */
  readonly onRevoked: (partitions: readonly TopicPartition[], how: 'revoked' | 'lost') => Promise<void>;
  /** Partitions come. The topics' metadata is fresh. */
  readonly onAssigned: (partitions: readonly TopicPartition[]) => Promise<void>;
  /** A share was taken on, whether or not anything has moved. */
  readonly onShared: (share: GroupShare) => void;
  readonly onRetry: (reason: string) => void;
  /** The membership has ended for good. */
  readonly onFailure: (error: TributaryError) => void;
}

const unknownMember = 25;
const illegalGeneration = 22;
const rebalanceInProgress = 27;
const fencedInstance = 82;

/** How long the group waits for a member to join again when it shares out anew. */
const rebalanceTimeoutMs = 60_000;
/** How often the topics are looked at for new ones and new partitions. */
const watchMs = 5000;
/** How often the heart beats, and for how long, where another member is about to leave. */
const expectingMs = 50;
const expectsForMs = 2_000;
/** Of a group that was silent for a session: how long one try to hear from it may take. */
const silentTryMs = 3000;

/** Why the heart stopped. */
type Pause =
  | 'rebalance'
  /** The group says it does not know us. */
  | 'lost'
  /** The coordinator could not be asked for a whole session: others may have what we owned. */
  | 'silent'
  | 'ended';

/**
 * One member of a group, by the classic protocol with cooperative rebalancing (KIP-429): it joins, gets its share, keeps it
 * by heartbeats, gives up what moves elsewhere and joins again; what it keeps is never interrupted. It goes on for ever:
 * an unreachable coordinator is waited for, a group that has forgotten it is joined as somebody new.
 *
 * The whole life of a member is one loop (join, live, fail), and reads best in one place, though that is a long one.
 */
export class Membership {
  readonly #settings: MembershipSettings;
  readonly #client: KafkaClient;
  readonly #purpose: string;
  readonly #ended = new AbortController();
  readonly #owned = new Map<string, TopicPartition>();
  #memberId = '';
  #generation = -1;
  #isJoining = true;
  /** Monotonic time when that was sent whose answer last said that we are a member. */
  #aliveAtMs = 0;
  /** Where we lead the group: how many members it has. */
  #members: number | undefined;
  #wantsSharing = false;
  /** Until then the heart beats faster: a member hears that the group shares out anew with its next beat. */
  #expectsUntilMs = Number.NEGATIVE_INFINITY;
  #endPause = new AbortController();
  #joinReason = 'it starts';
  /** The topics as they were when the last share was asked for. */
  #seen = '';
  #running: Promise<void> = Promise.resolve();

  constructor(settings: MembershipSettings) {
    this.#settings = settings;
    this.#client = settings.client;
    this.#purpose = settings.client.ownPurpose('group');
  }

  get owned(): readonly TopicPartition[] {
    return [...this.#owned.values()];
  }

  /** True between the moment the group shares out anew and the one where our share is known. */
  get isJoining(): boolean {
    return this.#isJoining;
  }

  /** Until then the group cannot have given to others what we own. */
  get ownsUntilMs(): number {
    return this.#aliveAtMs + this.#settings.sessionTimeoutMs;
  }

  /** The group is to be shared out anew: it begins with the next beat of the heart, which comes at once. */
  shareAnew(): void {
    this.#wantsSharing = true;
    this.#endPause.abort();
  }

  /** See GroupMember. Told again and again it goes on as long as it is told. */
  expectSharing(): void {
    const isNew = this.#nowMs() >= this.#expectsUntilMs;
    this.#expectsUntilMs = this.#nowMs() + expectsForMs;
    if (isNew) this.#endPause.abort();
  }

  get identity(): GroupIdentity {
    return { memberId: this.#memberId, generation: this.#generation, instanceId: this.#settings.instanceId };
  }

  /** Resolves with the first share. INVALID_CONFIG, AUTHORIZATION_FAILED, CONFLICT. */
  start(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#running = this.#run(resolve).catch((error: unknown) => {
        const failure = error instanceof TributaryError ? error : internal(error);
        reject(failure);
        if (!this.#ended.signal.aborted) this.#settings.onFailure(failure);
      });
    });
  }

  /** Leaves the group, so that what it owned moves at once; a static member (instanceId) is waited for instead. */
  async leave(): Promise<void> {
    if (this.#ended.signal.aborted) return;
    this.#ended.abort();
    // A join that is under way is not waited for: its connection ends, and the group counts us out as we leave.
    this.#client.connections.end(this.#purpose);
    await this.#running;
    const { groupId, instanceId, leavesOnClose } = this.#settings;
    this.#owned.clear();
    if (this.#memberId === '' || (instanceId !== null && !leavesOnClose)) return;
    try {
      const wire = await this.#client.toCoordinator('group', groupId, 'control');
      await leaveGroup(this.#client.toolkit, wire, groupId, this.identity);
    } catch (error) {
      // The session's end does the same, later.
      this.#settings.onRetry(`the group was not told that we leave: ${describeError(error)}`);
    }
  }

  /** What the caller learned from a refused commit. */
  isForgotten(error: unknown): boolean {
    const code = apiCodeOf(error);
    return code === unknownMember || code === illegalGeneration || code === fencedInstance;
  }

  async #run(onFirstShare: () => void): Promise<void> {
    const { signal } = this.#ended;
    let failures = 0;
    while (!signal.aborted) {
      try {
        const share = await this.#client.untilEnded('join the group', signal, () => this.#join());
        failures = 0;
        const pause = await this.#live(share, onFirstShare);
        if (pause === 'lost') await this.#loseAll();
        else if (pause === 'silent') await this.#loseOwned();
      } catch (error) {
        if (signal.aborted) return;
        await this.#failed(error);
        failures++;
        await sleep(backoffMs(failures, retryPolicy, this.#client.settings.random), signal);
      }
    }
  }

  // ---- joining

  async #join(): Promise<readonly TopicPartition[]> {
    const { groupId, sessionTimeoutMs, instanceId } = this.#settings;
    const { toolkit } = this.#client;
    const topics = await this.#wantedTopics();
    const wire = await this.#coordinator();
    const metadata = encodeSubscription({ topics, owned: this.owned, generation: this.#generation });
    let answer: JoinAnswer;
    this.#wantsSharing = false;
    do {
      answer = await joinGroup(toolkit, wire, {
        groupId,
        sessionTimeoutMs,
        rebalanceTimeoutMs: Math.max(rebalanceTimeoutMs, sessionTimeoutMs),
        memberId: this.#memberId,
        instanceId,
        protocol: assignorName,
        metadata,
        reason: this.#joinReason,
      });
      this.#memberId = answer.memberId;
    } while (answer.kind === 'id-required');
    this.#isJoining = true;
    this.#generation = answer.generation;
    const isLeader = answer.leaderId === answer.memberId;
    this.#members = isLeader && answer.members.length > 0 ? answer.members.length : undefined;
    const sentAtMs = this.#nowMs();
    const shares = isLeader && !answer.skipAssignment ? await this.#shareOut(answer.members) : [];
    const share = await syncGroup(toolkit, wire, groupId, this.identity, assignorName, shares);
    this.#aliveAtMs = sentAtMs;
    this.#isJoining = false;
    return decodeAssignment(share);
  }

  /** The leader's part: it knows who wants what. */
  async #shareOut(
    members: readonly { readonly memberId: string; readonly metadata: Buffer }[],
  ): Promise<{ memberId: string; assignment: Buffer }[]> {
    const candidates = members.map(({ memberId, metadata }) => ({ memberId, ...decodeSubscription(metadata) }));
    const topics = [...new Set(candidates.flatMap((candidate) => candidate.topics))];
    const found = await this.#refresh(topics);
    const counts = new Map(found.map((topic) => [topic.name, topic.partitions.length]));
    return [...assignPartitions(candidates, counts, this.#settings.weightOf)].map(([memberId, partitions]) => ({
      memberId,
      assignment: encodeAssignment(partitions),
    }));
  }

  async #wantedTopics(): Promise<string[]> {
    const wanted = await this.#lookAtTopics();
    this.#seen = fingerprint(wanted);
    const names = new Set([...this.#settings.topics, ...wanted.map((topic) => topic.name)]);
    return [...names].sort();
  }

  /** The topics that exist of those we want. */
  async #lookAtTopics(): Promise<readonly TopicMetadata[]> {
    const { topics, topicPattern } = this.#settings;
    if (topicPattern === undefined) return this.#refresh(topics);
    const all = await this.#refresh(null);
    const whole = new RegExp(`^(?:${topicPattern.source})$`, topicPattern.flags.replace(/[gy]/g, ''));
    return all.filter((topic) => topics.includes(topic.name) || whole.test(topic.name));
  }

  async #refresh(topics: readonly string[] | null): Promise<readonly TopicMetadata[]> {
    if (topics !== null && topics.length === 0) return [];
    const cluster = await this.#client.metadata.refresh(topics);
    return cluster.topics.filter((topic) => topic.errorCode === 0);
  }

  // ---- living

  /** Takes the share on, and keeps the heart beating meanwhile and after, until there is a reason to join again. */
  async #live(share: readonly TopicPartition[], onFirstShare: () => void): Promise<Pause> {
    const stop = new AbortController();
    const beating = this.#beat(AbortSignal.any([this.#ended.signal, stop.signal]));
    beating.catch(() => {}); // it is waited for below; until then its failure must not count as unheard
    try {
      const mustGiveUp = await this.#takeOn(share);
      if (!this.#ended.signal.aborted)
        this.#settings.onShared({ generation: this.#generation, members: this.#members });
      onFirstShare();
      if (!mustGiveUp) return await beating;
      this.#joinReason = 'it gave up what moves to others';
      return 'rebalance';
    } finally {
      stop.abort();
      await beating;
    }
  }

  /** True where something was given up, which the group has to hear. */
  async #takeOn(share: readonly TopicPartition[]): Promise<boolean> {
    const keys = new Set(share.map(({ topic, partition }) => partitionKey(topic, partition)));
    const gone = [...this.#owned].filter(([key]) => !keys.has(key)).map(([, partition]) => partition);
    const come = share.filter(({ topic, partition }) => !this.#owned.has(partitionKey(topic, partition)));
    if (gone.length > 0) await this.#giveUp(gone, 'revoked');
    if (this.#ended.signal.aborted) return false;
    if (come.length > 0) await this.#takeOver(come);
    return gone.length > 0;
  }

  async #takeOver(partitions: readonly TopicPartition[]): Promise<void> {
    for (const partition of partitions) this.#owned.set(partitionKey(partition.topic, partition.partition), partition);
    try {
      await this.#settings.onAssigned(partitions);
    } catch (error) {
      // We join again without them, and are given them again.
      this.#disown(partitions);
      throw error;
    }
  }

  async #giveUp(partitions: readonly TopicPartition[], how: 'revoked' | 'lost'): Promise<void> {
    const told = this.#settings.onRevoked(partitions, how);
    if (how === 'revoked') await Promise.race([told, this.#sessionsEnd()]);
    this.#disown(partitions);
  }

  #disown(partitions: readonly TopicPartition[]): void {
    for (const { topic, partition } of partitions) this.#owned.delete(partitionKey(topic, partition));
  }

  async #sessionsEnd(): Promise<void> {
    await sleep(this.#settings.sessionTimeoutMs, this.#ended.signal);
  }

  /** The group has forgotten us: we come back as somebody new. */
  async #loseAll(): Promise<void> {
    this.#memberId = '';
    await this.#loseOwned();
  }

  /** Our id may still be known, to a coordinator that was away itself: under it we need not wait for our own old self. */
  async #loseOwned(): Promise<void> {
    this.#generation = -1;
    this.#joinReason = 'it had lost the group';
    if (this.#owned.size > 0) await this.#giveUp(this.owned, 'lost');
  }

  async #beat(signal: AbortSignal): Promise<Pause> {
    const { sessionTimeoutMs, heartbeatMs, outlastsSilence } = this.#settings;
    const watch = { nextMs: this.#nowMs() + watchMs };
    for (;;) {
      this.#endPause = new AbortController();
      const pauseMs = this.#nowMs() < this.#expectsUntilMs ? Math.min(heartbeatMs, expectingMs) : heartbeatMs;
      if (!this.#wantsSharing) await sleep(pauseMs, AbortSignal.any([signal, this.#endPause.signal]));
      if (signal.aborted) return 'ended';
      try {
        // A network that swallows everything must not keep us from seeing that our session is over.
        const leftMs = this.ownsUntilMs - this.#nowMs();
        const tryMs = leftMs > 0 ? leftMs : outlastsSilence ? silentTryMs : 1;
        const pause = await withTimeout(this.#beatOnce(watch), tryMs, 'Hearing from the group');
        if (pause !== undefined) return pause;
      } catch (error) {
        if (signal.aborted) return 'ended';
        if (!isRetriable(error)) throw error;
        this.#missed(error);
      }
      if (this.#nowMs() - this.#aliveAtMs >= sessionTimeoutMs) {
        this.#client.connections.end(this.#purpose); // what it waits for may never come
        if (!outlastsSilence) return 'silent';
      }
    }
  }

  async #beatOnce(watch: { nextMs: number }): Promise<Pause | undefined> {
    if (this.#wantsSharing) {
      this.#joinReason = 'the weights of its partitions have changed';
      return 'rebalance';
    }
    if (this.#nowMs() >= watch.nextMs) {
      watch.nextMs = this.#nowMs() + watchMs;
      if (await this.#haveTopicsChanged()) return 'rebalance';
    }
    const wire = await this.#coordinator();
    const sentAtMs = this.#nowMs();
    const code = await heartbeat(this.#client.toolkit, wire, this.#settings.groupId, this.identity);
    if (code === 0) this.#aliveAtMs = Math.max(sentAtMs, this.#aliveAtMs);
    return this.#hear(code);
  }

  /** What the answer to a heartbeat says. Throws what is neither life nor an order to join again. */
  #hear(code: number): Pause | undefined {
    if (code === 0) return undefined;
    if (code === rebalanceInProgress) {
      this.#joinReason = 'the group shares out anew';
      return 'rebalance';
    }
    if (code === unknownMember || code === illegalGeneration) return 'lost';
    throw errorOfCode(code, `stay in group "${this.#settings.groupId}"`);
  }

  async #haveTopicsChanged(): Promise<boolean> {
    const now = fingerprint(await this.#lookAtTopics());
    if (now === this.#seen) return false;
    this.#joinReason = 'its topics have changed';
    return true;
  }

  // ---- failing

  async #failed(error: unknown): Promise<void> {
    this.#isJoining = true;
    const code = apiCodeOf(error);
    if (code === fencedInstance) {
      this.#isJoining = false;
      await this.#loseAll();
      throw new TributaryError(
        'GROUP_MEMBER_UNKNOWN',
        `Cannot stay in group "${this.#settings.groupId}": another member has the instance id "${this.#settings.instanceId}"`,
        { cause: error },
      );
    }
    if (code === rebalanceInProgress) return;
    if (code === unknownMember || code === illegalGeneration) {
      await this.#loseAll();
      return;
    }
    if (!isRetriable(error)) {
      this.#isJoining = false;
      await this.#loseAll();
      throw error;
    }
    this.#missed(error);
    const { sessionTimeoutMs, outlastsSilence } = this.#settings;
    if (!outlastsSilence && this.#nowMs() - this.#aliveAtMs > sessionTimeoutMs) await this.#loseOwned();
  }

  #missed(error: unknown): void {
    this.#client.forgetCoordinator('group', this.#settings.groupId);
    this.#settings.onRetry(describeError(error));
  }

  /** A join is answered only when all others have joined too, so it has a connection of its own, with time enough. */
  #coordinator(): Promise<Wire> {
    const { groupId, sessionTimeoutMs } = this.#settings;
    const timeoutMs = Math.max(rebalanceTimeoutMs, sessionTimeoutMs) + 10_000;
    return this.#client.toCoordinator('group', groupId, this.#purpose, timeoutMs);
  }

  #nowMs(): number {
    return this.#client.settings.clock.monotonicMs();
  }
}

function fingerprint(topics: readonly TopicMetadata[]): string {
  return topics
    .map(({ name, id, partitions }) => `${name} ${id} ${partitions.length}`)
    .sort()
    .join();
}

function internal(error: unknown): TributaryError {
  return isError(error) ? error : new TributaryError('INTERNAL', describeError(error), { cause: error });
}
