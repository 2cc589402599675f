import type { Address, Wire } from '../connections.ts';
import { check } from '../errors.ts';
import type { Toolkit } from '../toolkit.ts';

/** ApiVersions: the highest version of each request that the broker takes, by the request's number. */
export async function apiVersions(toolkit: Toolkit, wire: Wire): Promise<ReadonlyMap<number, VersionRange>> {
  const answer = await wire.call(toolkit.apiVersionsV3.api, 'tributary', '1');
  check(answer.errorCode, `ask ${wire.address} what it can do`);
  return new Map(answer.apiKeys.map((api) => [api.apiKey, { min: api.minVersion, max: api.maxVersion }]));
}

export interface VersionRange {
  readonly min: number;
  readonly max: number;
}

export interface ClusterMetadata {
  readonly clusterId: string;
  readonly controllerId: number;
  readonly nodes: readonly (Address & { readonly nodeId: number })[];
  readonly topics: readonly TopicMetadata[];
}

export interface TopicMetadata {
  readonly name: string;
  readonly errorCode: number;
  readonly id: string;
  /** In the order of their numbers. */
  readonly partitions: readonly PartitionMetadata[];
}

export interface PartitionMetadata {
  readonly partition: number;
  /** -1 while there is none. */
  readonly leaderId: number;
  readonly leaderEpoch: number;
  readonly replicas: readonly number[];
}

/** Metadata of these topics, of all where `topics` is null. Never makes a topic. Each topic has its own error code. */
export async function metadata(
  toolkit: Toolkit,
  wire: Wire,
  topics: readonly string[] | null,
): Promise<ClusterMetadata> {
  const answer = await wire.call(toolkit.metadataV12.api, topics === null ? null : [...topics], false, false);
  return {
    clusterId: answer.clusterId ?? '',
    controllerId: answer.controllerId,
    nodes: answer.brokers.map(({ nodeId, host, port }) => ({ nodeId, host, port })),
    topics: answer.topics.map((topic) => ({
      name: topic.name ?? '',
      errorCode: topic.errorCode,
      id: topic.topicId,
      partitions: topic.partitions
        .map((partition) => ({
          partition: partition.partitionIndex,
          leaderId: partition.leaderId,
          leaderEpoch: partition.leaderEpoch,
          replicas: partition.replicaNodes,
        }))
        .sort((a, b) => a.partition - b.partition),
    })),
  };
}

export type CoordinatorKind = 'group' | 'transaction';

export interface FoundCoordinator extends Address {
  readonly key: string;
  readonly nodeId: number;
  readonly errorCode: number;
  readonly errorMessage?: string | null;
}

/** FindCoordinator: the nodes that keep the states of these groups or transactional ids, each with a code of its own. */
export async function findCoordinators(
  toolkit: Toolkit,
  wire: Wire,
  kind: CoordinatorKind,
  keys: readonly string[],
): Promise<readonly FoundCoordinator[]> {
  const answer = await wire.call(toolkit.findCoordinatorV4.api, kind === 'group' ? 0 : 1, [...keys]);
  return answer.coordinators;
}

/** That of one key among them. Throws what its code means. */
export function coordinatorOf(found: readonly FoundCoordinator[], kind: CoordinatorKind, key: string): Address {
  const coordinator = found.find((candidate) => candidate.key === key);
  check(coordinator?.errorCode ?? 15, `find the coordinator of ${kind} "${key}"`, coordinator?.errorMessage);
  const { host, port } = coordinator!;
  return { host, port };
}
