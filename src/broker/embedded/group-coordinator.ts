/**
 * One consumer group: who is in it, and who owns what. Members are objects of this process, so there are no heartbeats; a
 * member counts as silent when its `onRevoked` does not return within its session timeout. Rebalances are cooperative:
 * only what moves is revoked, and it is given to its new owner when the old one has let go.
 */
import { TributaryError } from '../../base/errors.ts';
import { partitionKey, type TopicPartition } from '../../record/record.ts';
import type { GroupShare } from '../broker.ts';
import { assign } from './assignment.ts';

export interface Member {
  readonly id: string;
  readonly instanceId: string | undefined;
  readonly sessionTimeoutMs: number;
  wants(topic: string): boolean;
  /** Resolves when the member has let go. Never rejects. */
  revoke(partitions: readonly TopicPartition[], how: 'revoked' | 'lost'): Promise<void>;
  /** Resolves when the member reads them. */
  give(partitions: readonly TopicPartition[]): Promise<void>;
  /** A sharing out is over. */
  shared(share: GroupShare): void;
  /** Nobody waits for it to come back once it has left. */
  readonly leavesAtOnce: boolean;
  /** The membership has ended against its will. */
  fail(error: TributaryError): void;
}

/** A topic as far as sharing it out matters. */
export interface SharedTopic {
  readonly name: string;
  readonly id: string;
  readonly partitions: number;
}

interface Owned extends TopicPartition {
  readonly topicId: string;
}

interface Seat {
  readonly member: Member;
  readonly owned: Map<string, Owned>;
  readonly onSeated: (() => void)[];
  /** What a member with the same instance id had: as far as it still stands, it gets that again. */
  inherited: readonly Owned[];
  /** The member has gone and is waited for: this ends the waiting. */
  vacancy: NodeJS.Timeout | undefined;
}

export class GroupCoordinator {
  readonly #groupId: string;
  readonly #topics: () => readonly SharedTopic[];
  readonly #onVacated: () => void;
  readonly #seats = new Map<string, Seat>();
  #isDirty = false;
  #generation = 0;
  #running: Promise<void> | undefined;

  /** `onVacated`: nobody came back to a seat that was kept. */
  constructor(groupId: string, topics: () => readonly SharedTopic[], onVacated: () => void) {
    this.#groupId = groupId;
    this.#topics = topics;
    this.#onVacated = onVacated;
  }

  get size(): number {
    return this.#seats.size;
  }

  /** Resolves when the member has its first share. A member with the instance id of another takes its place. */
  join(member: Member): Promise<void> {
    const predecessor = [...this.#seats.values()].find(
      (seat) => member.instanceId !== undefined && seat.member.instanceId === member.instanceId,
    );
    if (predecessor !== undefined) {
      clearTimeout(predecessor.vacancy);
      this.#seats.delete(predecessor.member.id);
      if (predecessor.vacancy === undefined) predecessor.member.fail(replaced(this.#groupId, member.instanceId));
    }
    return new Promise((resolve) => {
      const inherited = predecessor === undefined ? [] : [...predecessor.owned.values()];
      this.#seats.set(member.id, { member, owned: new Map(), onSeated: [resolve], inherited, vacancy: undefined });
      this.rebalance();
    });
  }

  /** What it owned moves at once. A seat with an instance id is kept for its session timeout: its member may come back. */
  leave(member: Member): void {
    const seat = this.#seats.get(member.id);
    if (seat === undefined || seat.vacancy !== undefined) return;
    for (const onSeated of seat.onSeated.splice(0)) onSeated();
    if (member.leavesAtOnce) {
      this.#seats.delete(member.id);
      this.rebalance();
      return;
    }
    seat.vacancy = setTimeout(() => {
      this.#seats.delete(member.id);
      this.rebalance();
      this.#onVacated();
    }, member.sessionTimeoutMs);
    seat.vacancy.unref();
  }

  /** Nobody is waited for any more. */
  end(): void {
    for (const { vacancy } of this.#seats.values()) clearTimeout(vacancy);
  }

  owned(member: Member): readonly TopicPartition[] {
    const seat = this.#seats.get(member.id);
    const owned = seat === undefined || seat.vacancy !== undefined ? [] : seat.owned.values();
    return [...owned].map(({ topic, partition }) => ({ topic, partition }));
  }

  /** GROUP_MEMBER_UNKNOWN where the group has moved on, GROUP_REBALANCING where a partition is not the member's (any more). */
  checkOwner(member: Member, partitions: readonly TopicPartition[]): void {
    const seat = this.#seats.get(member.id);
    if (seat === undefined) {
      throw new TributaryError(
        'GROUP_MEMBER_UNKNOWN',
        `Cannot commit offsets of group "${this.#groupId}": it has moved on without this member`,
      );
    }
    const foreign = partitions.find(({ topic, partition }) => !seat.owned.has(partitionKey(topic, partition)));
    if (foreign === undefined) return;
    throw new TributaryError(
      'GROUP_REBALANCING',
      `Cannot commit an offset of ${foreign.topic}-${foreign.partition} for group "${this.#groupId}": the member does not own it`,
      { retriable: true },
    );
  }

  /** Shares out anew: members came or left, or topics changed. */
  rebalance(): void {
    this.#isDirty = true;
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined;
    });
  }

  /** Resolves when everything is shared out. */
  async settled(): Promise<void> {
    await this.#running;
  }

  async #run(): Promise<void> {
    while (this.#isDirty) {
      await Promise.resolve(); // changes of one turn of the event loop are one rebalance
      this.#isDirty = false;
      const topics = new Map(this.#topics().map((topic) => [topic.name, topic]));
      const shares = this.#share(topics);
      const seats = [...this.#seats.values()];
      await Promise.all(seats.map((seat) => this.#takeAway(seat, shares.get(seat.member.id) ?? [], topics)));
      if (this.#isDirty) continue; // somebody came or left meanwhile
      await Promise.all(seats.map((seat) => this.#give(seat, shares.get(seat.member.id) ?? [], topics)));
      this.#generation++;
      for (const { member, onSeated, vacancy } of seats) {
        if (vacancy === undefined) member.shared({ generation: this.#generation, members: seats.length });
        for (const resolve of onSeated.splice(0)) resolve();
      }
    }
  }

  #share(topics: ReadonlyMap<string, SharedTopic>): Map<string, TopicPartition[]> {
    const names = [...topics.keys()];
    const claimants = [...this.#seats.values()].map(({ member, owned, inherited }) => ({
      id: member.id,
      topics: new Set(names.filter((name) => member.wants(name))),
      // A topic made again is another topic, whatever its name.
      owned: [...owned.values(), ...inherited].filter(({ topic, topicId }) => topics.get(topic)?.id === topicId),
    }));
    return assign(claimants, new Map([...topics.values()].map(({ name, partitions }) => [name, partitions])));
  }

  async #takeAway(
    seat: Seat,
    share: readonly TopicPartition[],
    topics: ReadonlyMap<string, SharedTopic>,
  ): Promise<void> {
    const kept = new Set(share.map(({ topic, partition }) => partitionKey(topic, partition)));
    const isKept = ([key, { topic, topicId }]: [string, Owned]): boolean =>
      kept.has(key) && topics.get(topic)?.id === topicId;
    const moving = [...seat.owned].filter((entry) => !isKept(entry));
    if (moving.length === 0) return;
    const { member } = seat;
    if (seat.vacancy !== undefined) {
      for (const [key] of moving) seat.owned.delete(key);
      return;
    }
    const letGo = member.revoke(
      moving.map(([, { topic, partition }]) => ({ topic, partition })),
      'revoked',
    );
    if (await isDoneWithin(letGo, member.sessionTimeoutMs)) for (const [key] of moving) seat.owned.delete(key);
    else this.#expel(seat, letGo);
  }

  /** The member is silent: the others go on without it. When it answers at last, it joins again. */
  #expel(seat: Seat, letGo: Promise<void>): void {
    const { member, owned } = seat;
    if (this.#seats.get(member.id) !== seat) return;
    this.#seats.delete(member.id);
    const lost = [...owned.values()].map(({ topic, partition }) => ({ topic, partition }));
    const told = letGo.then(() => member.revoke(lost, 'lost'));
    told.then(() => this.join(member)).catch((error: unknown) => member.fail(internal(error)));
    this.rebalance();
  }

  async #give(seat: Seat, share: readonly TopicPartition[], topics: ReadonlyMap<string, SharedTopic>): Promise<void> {
    const isSeated = this.#seats.get(seat.member.id) === seat;
    const come = share.filter(({ topic, partition }) => !seat.owned.has(partitionKey(topic, partition)));
    seat.inherited = [];
    if (!isSeated || come.length === 0) return;
    for (const { topic, partition } of come) {
      const topicId = topics.get(topic)?.id ?? '';
      seat.owned.set(partitionKey(topic, partition), { topic, partition, topicId });
    }
    // What it would get while it is away waits in its seat.
    if (seat.vacancy === undefined) await seat.member.give(come);
  }
}

function isDoneWithin(done: Promise<void>, ms: number): Promise<boolean> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(false), ms);
    const finish = (): void => {
      clearTimeout(timer);
      resolve(true);
    };
    done.then(finish, finish);
  });
}

function replaced(groupId: string, instanceId: string | undefined): TributaryError {
  return new TributaryError(
    'GROUP_MEMBER_UNKNOWN',
    `Cannot stay in group "${groupId}": another member has the instance id "${instanceId}"`,
  );
}

function internal(error: unknown): TributaryError {
  return error instanceof TributaryError
    ? error
    : new TributaryError('INTERNAL', 'A group member could not join again', { cause: error });
}
