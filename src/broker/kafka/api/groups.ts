import type { TopicPartition } from '../../../record/record.ts';
import type { CommittedOffset } from '../../broker.ts';
import type { Wire } from '../connections.ts';
import { check, errorOfCode } from '../errors.ts';
import type { Toolkit } from '../toolkit.ts';

/** Requests about a consumer group: its coordinator takes them. Each throws what the answer's error code means. */

/** As whom a member speaks. */
export interface GroupIdentity {
  readonly memberId: string;
  /** -1: as nobody of the group. */
  readonly generation: number;
  readonly instanceId: string | null;
}

export const noMember: GroupIdentity = { memberId: '', generation: -1, instanceId: null };
const noOffset = -1n;
const memberIdRequired = 79;

export interface JoinRequest {
  readonly groupId: string;
  readonly sessionTimeoutMs: number;
  readonly rebalanceTimeoutMs: number;
  readonly memberId: string;
  readonly instanceId: string | null;
  readonly protocol: string;
  /** The subscription, as the protocol encodes it. */
  readonly metadata: Buffer;
  readonly reason: string;
}

export type JoinAnswer =
  | { readonly kind: 'id-required'; readonly memberId: string }
  | {
      readonly kind: 'joined';
      readonly memberId: string;
      readonly generation: number;
      readonly leaderId: string;
      /** A static member that came back as leader: the assignment stands. */
      readonly skipAssignment: boolean;
      /** Only told to the leader. */
      readonly members: readonly { readonly memberId: string; readonly metadata: Buffer }[];
    };

export async function joinGroup(toolkit: Toolkit, wire: Wire, request: JoinRequest): Promise<JoinAnswer> {
  const answer = await wire.call(
    toolkit.joinGroupV9.api,
    request.groupId,
    request.sessionTimeoutMs,
    request.rebalanceTimeoutMs,
    request.memberId,
    request.instanceId,
    'consumer',
    [{ name: request.protocol, metadata: request.metadata }],
    request.reason,
  );
  if (answer.errorCode === memberIdRequired) return { kind: 'id-required', memberId: answer.memberId };
  check(answer.errorCode, `join group "${request.groupId}"`);
  return {
    kind: 'joined',
    memberId: answer.memberId,
    generation: answer.generationId,
    leaderId: answer.leader,
    skipAssignment: answer.skipAssignment,
    members: answer.members.map(({ memberId, metadata }) => ({ memberId, metadata })),
  };
}

/** `assignments`: what each member gets, from the leader; nothing from the others. Gives what this member gets. */
export async function syncGroup(
  toolkit: Toolkit,
  wire: Wire,
  groupId: string,
  member: GroupIdentity,
  protocol: string,
  assignments: readonly { readonly memberId: string; readonly assignment: Buffer }[],
): Promise<Buffer> {
  const answer = await wire.call(
    toolkit.syncGroupV5.api,
    groupId,
    member.generation,
    member.memberId,
    member.instanceId,
    'consumer',
    protocol,
    [...assignments],
  );
  check(answer.errorCode, `get an assignment of group "${groupId}"`);
  return answer.assignment;
}

/** Gives the error code: that of a rebalance is no failure. */
export async function heartbeat(toolkit: Toolkit, wire: Wire, groupId: string, member: GroupIdentity): Promise<number> {
  const { generation, memberId, instanceId } = member;
  const answer = await wire.call(toolkit.heartbeatV4.api, groupId, generation, memberId, instanceId);
  return answer.errorCode;
}

export async function leaveGroup(toolkit: Toolkit, wire: Wire, groupId: string, member: GroupIdentity): Promise<void> {
  const leaving = { memberId: member.memberId, groupInstanceId: member.instanceId, reason: 'closed' };
  const answer = await wire.call(toolkit.leaveGroupV5.api, groupId, [leaving]);
  check(answer.errorCode || (answer.members[0]?.errorCode ?? 0), `leave group "${groupId}"`);
}

export async function commitOffsets(
  toolkit: Toolkit,
  wire: Wire,
  groupId: string,
  member: GroupIdentity,
  offsets: readonly (TopicPartition & { readonly offset: number })[],
): Promise<void> {
  const topics = byTopic(offsets).map(([name, entries]) => ({
    name,
    partitions: entries.map(({ partition, offset }) => ({
      partitionIndex: partition,
      committedOffset: BigInt(offset),
      committedLeaderEpoch: -1,
      committedMetadata: '',
    })),
  }));
  const { generation, memberId, instanceId } = member;
  const answer = await wire.call(toolkit.offsetCommitV8.api, groupId, generation, memberId, instanceId, topics);
  for (const { name, partitions } of answer.topics) {
    for (const { partitionIndex, errorCode } of partitions)
      check(errorCode, `commit the offset of partition ${partitionIndex} of topic "${name}" for group "${groupId}"`);
  }
}

/**
 * Committed offsets, of these partitions or of all; partitions without one are absent. With `stable` it fails (retriable)
 * while a transaction holds offsets that are not decided yet.
 */
export async function fetchOffsets(
  toolkit: Toolkit,
  wire: Wire,
  groupId: string,
  partitions: readonly TopicPartition[] | 'all',
  stable: boolean,
): Promise<CommittedOffset[]> {
  const topics =
    partitions === 'all'
      ? null
      : byTopic(partitions).map(([name, entries]) => ({
          name,
          partitionIndexes: entries.map((entry) => entry.partition),
        }));
  // The member's epoch is of the newer group protocol; -1 stands for none.
  const answer = await wire.call(toolkit.offsetFetchV8.api, [{ groupId, memberEpoch: -1, topics }], stable);
  const group = answer.groups[0];
  const what = `read the committed offsets of group "${groupId}"`;
  if (group === undefined) throw errorOfCode(-1, what);
  check(group.errorCode, what);
  const found: CommittedOffset[] = [];
  for (const { name, partitions: entries } of group.topics) {
    for (const { partitionIndex, committedOffset, errorCode } of entries) {
      check(errorCode, what);
      if (committedOffset !== noOffset)
        found.push({ topic: name, partition: partitionIndex, offset: Number(committedOffset) });
    }
  }
  return found;
}

export async function deleteOffsets(
  toolkit: Toolkit,
  wire: Wire,
  groupId: string,
  partitions: readonly TopicPartition[],
): Promise<void> {
  const topics = byTopic(partitions).map(([name, entries]) => ({
    name,
    partitions: entries.map(({ partition }) => ({ partitionIndex: partition })),
  }));
  const answer = await wire.call(toolkit.offsetDeleteV0.api, groupId, topics);
  const what = `delete committed offsets of group "${groupId}"`;
  check(answer.errorCode, what);
  for (const topic of answer.topics) for (const { errorCode } of topic.partitions) check(errorCode, what);
}

export async function deleteGroup(toolkit: Toolkit, wire: Wire, groupId: string): Promise<void> {
  const answer = await wire.call(toolkit.deleteGroupsV2.api, [groupId]);
  check(answer.results[0]?.errorCode ?? -1, `delete group "${groupId}"`);
}

/** Entries by their topic, as most requests want them. */
export function byTopic<Entry extends TopicPartition>(entries: readonly Entry[]): [string, Entry[]][] {
  return [...Map.groupBy(entries, (entry) => entry.topic)];
}
