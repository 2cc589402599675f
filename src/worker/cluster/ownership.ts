/**
 * Which work is this worker's: that of the partitions of the assignment topic which the consumer group over it gives it.
 * Kafka elects, balances and expires; nothing is decided here.
 *
 * A worker that the group has not answered for a whole session, by its own clock, must take it that others do its work:
 * it stops, before it can ask anybody. Two things go on, until the group's next answer says whose they are: all of a worker
 * that was the group's single member, as there is nobody to go on for it, and work that says so itself (a task with a spool).
 * The second ends earlier where another worker, which is asked, hears the group (others.ts).
 *
 * One idea in one place, hence more than 300 lines.
 */
import type { Clock } from '../../base/clock.ts';
import { describeError, isError, TributaryError } from '../../base/errors.ts';
import type { Broker, GroupMember, GroupShare, RetryEvent } from '../../broker/broker.ts';
import { LimitedWarning } from '../../telemetry/limited-log.ts';
import type { Log } from '../../telemetry/log.ts';
import type { Counter, Metrics } from '../../telemetry/metrics.ts';
import { GroupHearing, type GroupIdentity, type Hearing } from './hearing.ts';
import type { Others } from './others.ts';
import { RebalanceMetrics } from './rebalance-metrics.ts';
import { leadersPartition, partitionOfWork } from './work.ts';

/** Work of a connector: one of its tasks; the connector itself goes with task 0. */
export interface Ownership {
  owns(connector: string, task?: number): boolean;
  /** It answers where only one worker may. */
  readonly isLeader: boolean;
  /** False where the group was not heard for a session: what this worker owns may be another's by now. */
  readonly isSure: boolean;
  /** Monotonic time when that was sent whose answer last said that this worker is one of the group. */
  readonly heardAtMs: number;
  /** How it hears this group; undefined where it is not one of it. */
  hearing(asked: GroupIdentity): Hearing | undefined;
  /** That share the work, this one included, as last heard; undefined where nobody has said so yet. */
  readonly members: number | undefined;
  /**
   * False where others may do this work already: nothing may be written for it any more. What is being given up is written
   * to its end, as the group gives it to nobody before.
   */
  mayWrite(connector: string, task: number): boolean;
  /** Why the worker can do nothing for good. */
  readonly failure: string | undefined;
  /** What each partition stands for has changed: has them shared out anew where that would make a difference. */
  weightsChanged(): void;
  /** Another worker gives up work: it leaves, or the group shares out anew. */
  expectSharing(): void;
  close(): Promise<void>;
}

/** Of a worker that shares with nobody. */
export const everything: Ownership = {
  owns: () => true,
  isLeader: true,
  isSure: true,
  heardAtMs: Number.POSITIVE_INFINITY,
  hearing: () => undefined,
  members: 1,
  mayWrite: () => true,
  failure: undefined,
  weightsChanged() {},
  expectSharing() {},
  async close() {},
};

export interface OwnershipOptions {
  readonly broker: Broker;
  readonly groupId: string;
  readonly topic: string;
  /** Of a topic that has to be made. */
  readonly partitions: number;
  readonly replicationFactor?: number | undefined;
  readonly sessionTimeoutMs: number;
  readonly heartbeatMs: number;
  /** Under which a worker that was killed is known again when it comes back. */
  readonly instanceId?: string | undefined;
  readonly weights: (partitions: number) => readonly number[];
  /** True for work that goes on while nobody can tell whose it is. */
  readonly outlastsSilence: (connector: string, task: number) => boolean;
  /** Who is asked through a silence. Absent: nothing outlasts it that could end earlier. */
  readonly others?: Pick<Others, 'whoHears'>;
  /** There is more to do, or less: `owns` says what. */
  readonly onGained: () => void;
  /** `released`: resolves when the work has ended, which is waited for. `lost`: others do it already. */
  readonly onLess: (how: 'released' | 'lost') => Promise<void>;
  /** The group has shared out its work anew: there may be more members now, or fewer. */
  readonly onShared?: () => void;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly clock: Clock;
}

/** Resolves with the first share. CONFLICT where the group's members are no workers of ours. */
export async function joinWorkers(options: OwnershipOptions): Promise<Ownership> {
  const partitions = await ensureTopic(options);
  const shared = new SharedOwnership(options, partitions);
  await shared.join();
  return shared;
}

/** By its own clock it looks that often whether its session is over. */
const watchMs = 250;
/** Work is moved for the sake of balance where a fifth of it stands elsewhere than when it was last shared out. */
const worthMoving = 0.2;
/** A sharing out moves tasks: one behind the last of many changes, and not one behind each, but for changes that never end. */
const settleMs = 2_000;
const unevenAtMostMs = 10_000;

class SharedOwnership implements Ownership {
  readonly #options: OwnershipOptions;
  readonly #partitions: number;
  readonly #owned = new Set<number>();
  /** What was lost without the group having said whose it is: of its work, that which outlasts a silence goes on. */
  readonly #held = new Set<number>();
  /** What is being given up, and until when the group waits for that at most. */
  readonly #releasedByMs = new Map<number, number>();
  readonly #retryWarning: LimitedWarning;
  readonly #metrics: RebalanceMetrics;
  readonly #hearing: GroupHearing;
  readonly #cutOffs: Counter;
  /** Of the Kafka that the group is in; undefined before it has told it. */
  #clusterId: string | undefined;
  #member: GroupMember | undefined;
  #members: number | undefined;
  #weights: readonly number[] = [];
  /** The group was not heard for a session, and nobody else was in it. */
  #isHolding = false;
  #givingUp = 0;
  #isClosing = false;
  #failure: string | undefined;
  /** What the partitions stand for is changing: since when, and the look at it when no more changes come. */
  #settling: { readonly timer: NodeJS.Timeout; readonly sinceMs: number } | undefined;
  #watching: NodeJS.Timeout | undefined;

  constructor(options: OwnershipOptions, partitions: number) {
    this.#options = options;
    this.#partitions = partitions;
    this.#retryWarning = new LimitedWarning(options.log, 'group_retry', options.clock);
    this.#metrics = new RebalanceMetrics(options.metrics, options.clock, () => this.isLeader);
    this.#hearing = new GroupHearing(options.sessionTimeoutMs);
    this.#cutOffs = options.metrics.counter(
      'tributary_worker_cut_off_alone_total',
      'Times that this worker did not hear the group while another one did, and ended its tasks with a spool',
    );
  }

  async join(): Promise<void> {
    const { broker, groupId, topic, sessionTimeoutMs, heartbeatMs, instanceId, weights, log } = this.#options;
    const asked = {
      groupId,
      topics: [topic],
      fetch: false,
      outlastsSilence: true,
      sessionTimeoutMs,
      heartbeatMs,
    } as const;
    log.info('group_joining', { group: groupId });
    const member = await broker
      .group({
        ...asked,
        ...(instanceId === undefined ? {} : { instanceId, leavesOnClose: true }),
        weightOf: ({ partition }) => {
          // Asked for one after the other: the first of a sharing out looks at all.
          if (partition === 0 || this.#weights.length === 0) this.#weights = weights(this.#partitions);
          return this.#weights[partition] ?? 1;
        },
        onAssigned: (gained) => {
          for (const { partition } of gained) this.#own(partition);
          this.#isHolding = false;
          if (this.#member !== undefined) this.#options.onGained();
        },
        onRevoked: (less, how) => this.#less(new Set(less.map(({ partition }) => partition)), how),
        onShared: (share) => this.#shared(share),
        onRetry: (event) => this.#retried(event),
      })
      .catch((error: unknown) => {
        throw isError(error, 'CONFLICT') || isError(error, 'INVALID_CONFIG') ? foreignGroup(groupId, error) : error;
      });
    this.#member = member;
    log.info('group_joined', { group: groupId, partitions: this.#owned.size });
    // Nothing waits for it: without it others are neither asked nor answered.
    void broker.clusterId().then(
      (clusterId) => {
        this.#clusterId = clusterId;
      },
      (error: unknown) => log.warn('cluster_unknown', { reason: describeError(error) }),
    );
    this.#watching = setInterval(() => this.#watch(), watchMs);
    this.#watching.unref();
  }

  owns(connector: string, task = 0): boolean {
    if (this.#isClosing) return false;
    const partition = partitionOfWork(connector, task, this.#partitions);
    return this.#owned.has(partition) || (this.#held.has(partition) && this.#options.outlastsSilence(connector, task));
  }

  get isLeader(): boolean {
    return !this.#isClosing && this.#owned.has(leadersPartition);
  }

  get isSure(): boolean {
    return this.#failure === undefined && (this.#isHolding || this.#isInSession());
  }

  get heardAtMs(): number {
    return this.#ownsUntilMs - this.#options.sessionTimeoutMs;
  }

  hearing({ groupId, clusterId }: GroupIdentity): Hearing | undefined {
    if (this.#isClosing || this.#failure !== undefined) return undefined;
    if (groupId !== this.#options.groupId || clusterId !== this.#clusterId) return undefined;
    this.#hearing.observe(this.heardAtMs);
    return this.#hearing.at(this.#options.clock.monotonicMs());
  }

  get members(): number | undefined {
    return this.#members;
  }

  mayWrite(connector: string, task: number): boolean {
    if (this.#isClosing || !this.isSure) return false;
    const partition = partitionOfWork(connector, task, this.#partitions);
    if (this.#owned.has(partition)) return true;
    return this.#options.clock.monotonicMs() < (this.#releasedByMs.get(partition) ?? Number.NEGATIVE_INFINITY);
  }

  get failure(): string | undefined {
    return this.#failure;
  }

  weightsChanged(): void {
    if (this.#isClosing) return;
    const nowMs = this.#options.clock.monotonicMs();
    const sinceMs = this.#settling?.sinceMs ?? nowMs;
    const inMs = Math.min(settleMs, Math.max(sinceMs + unevenAtMostMs - nowMs, 0));
    clearTimeout(this.#settling?.timer);
    const timer = setTimeout(() => {
      this.#settling = undefined;
      if ((this.#members ?? 1) > 1 && this.#isUneven()) this.#member?.shareAnew();
    }, inMs);
    timer.unref();
    this.#settling = { timer, sinceMs };
  }

  expectSharing(): void {
    this.#member?.expectSharing();
  }

  async close(): Promise<void> {
    if (this.#isClosing) return;
    this.#isClosing = true;
    clearTimeout(this.#settling?.timer);
    clearInterval(this.#watching);
    await this.#member?.close();
    this.#owned.clear();
    this.#held.clear();
  }

  #own(partition: number): void {
    this.#owned.add(partition);
    this.#held.delete(partition);
  }

  async #less(partitions: ReadonlySet<number>, how: 'revoked' | 'lost'): Promise<void> {
    if (this.#isClosing) return;
    if (how === 'lost' && this.#members === 1 && !this.#isInSession()) {
      this.#isHolding = true;
      this.#options.log.warn('group_silent', {
        detail: 'the group does not answer; this worker was alone in it and goes on',
      });
      return;
    }
    await this.#giveUp(partitions, how, how === 'lost');
  }

  async #giveUp(partitions: ReadonlySet<number>, how: 'revoked' | 'lost', isHeld = false): Promise<void> {
    const releasedByMs = this.#options.clock.monotonicMs() + this.#options.sessionTimeoutMs;
    for (const partition of partitions) {
      const wasOwn = this.#owned.delete(partition) || this.#held.has(partition);
      // What was given up through a silence already, as this worker was cut off alone, stays so.
      if (isHeld && wasOwn) this.#held.add(partition);
      else this.#held.delete(partition);
      if (how === 'revoked') this.#releasedByMs.set(partition, releasedByMs);
      else this.#releasedByMs.delete(partition);
    }
    const left = this.#owned.size;
    if (how === 'lost') {
      const detail = isHeld ? 'it stops here, but where a spool goes on through the silence' : 'it stops here';
      this.#options.log.warn('group_lost', { detail: `others may do this work: ${detail}`, left });
    }
    this.#metrics.begins();
    this.#givingUp++;
    try {
      await this.#options.onLess(how === 'lost' ? 'lost' : 'released');
    } finally {
      for (const partition of partitions) this.#releasedByMs.delete(partition);
      this.#givingUp--;
    }
  }

  #shared({ generation, members }: GroupShare): void {
    this.#metrics.ends(generation);
    this.#members = members;
    this.#options.onShared?.();
    const { assignment } = this.#member ?? { assignment: undefined };
    if (assignment === undefined) return;
    const now = new Set(assignment.map(({ partition }) => partition));
    const gone = new Set([...this.#owned, ...this.#held].filter((partition) => !now.has(partition)));
    // What was held through a silence and has become somebody else's.
    this.#isHolding = false;
    if (gone.size > 0) void this.#giveUp(gone, 'lost');
  }

  /** The group's own client may be waiting for an answer that never comes: the clock decides. */
  #watch(): void {
    if (this.#failure !== undefined) return;
    this.#hearing.observe(this.heardAtMs);
    if (!this.#isInSession()) {
      if (this.#owned.size > 0 && !this.#isHolding) void this.#less(new Set(this.#owned), 'lost');
      void this.#askOthers();
      return;
    }
    this.#isHolding = false;
    if (this.#givingUp > 0) return;
    // It was late and not out: the group has answered again, and nothing was given to others.
    const back = this.#member!.assignment.filter(({ partition }) => !this.#owned.has(partition));
    for (const { partition } of back) this.#own(partition);
    if (back.length > 0) this.#options.onGained();
  }

  /** A silence of all of Kafka is outlasted; one of this worker alone means that others do its work. */
  async #askOthers(): Promise<void> {
    const { others, groupId } = this.#options;
    const heardAtMs = this.heardAtMs;
    if (others === undefined || this.#held.size === 0 || this.#clusterId === undefined) return;
    const worker = await others.whoHears({ groupId, clusterId: this.#clusterId }, heardAtMs);
    // The group may have been heard meanwhile: its own word counts.
    if (worker === undefined || this.#isClosing || this.heardAtMs !== heardAtMs || this.#held.size === 0) return;
    this.#cutOffs.value++;
    this.#options.log.warn('cut_off_alone', {
      worker,
      detail: 'that worker hears the group, so that others do this work: tasks with a spool end here, too',
    });
    await this.#giveUp(new Set(this.#held), 'lost');
  }

  #isInSession(): boolean {
    return this.#options.clock.monotonicMs() < this.#ownsUntilMs;
  }

  get #ownsUntilMs(): number {
    return this.#member?.ownsUntilMs ?? Number.POSITIVE_INFINITY;
  }

  #isUneven(): boolean {
    const now = this.#options.weights(this.#partitions);
    const moved = now.reduce((sum, weight, partition) => sum + Math.abs(weight - (this.#weights[partition] ?? 0)), 0);
    const all = now.reduce((sum, weight) => sum + weight, 0);
    return moved > all * worthMoving;
  }

  #retried({ what, reason }: RetryEvent): void {
    if (what === 'group') {
      this.#failure = `this worker has lost its place among the workers: ${reason}`;
      this.#options.log.error('group_ended', { reason });
      void this.#giveUp(new Set([...this.#owned, ...this.#held]), 'lost');
      return;
    }
    this.#retryWarning.warn({ what, reason });
  }
}

async function ensureTopic({ broker, topic, partitions, replicationFactor }: OwnershipOptions): Promise<number> {
  const known = await broker.listTopics();
  if (!known.includes(topic)) {
    const made = { name: topic, partitions, ...(replicationFactor === undefined ? {} : { replicationFactor }) };
    await broker.createTopic(made).catch((error: unknown) => {
      if (!isError(error, 'TOPIC_EXISTS')) throw error; // another worker was faster
    });
  }
  return (await broker.describeTopic(topic)).partitions.length;
}

function foreignGroup(groupId: string, cause: unknown): TributaryError {
  return new TributaryError(
    'CONFLICT',
    `Cannot join group "${groupId}": its members are not workers of this program. Where Kafka Connect runs with this ` +
      'group.id, stop its workers first; else take another group.id',
    { cause },
  );
}
