import { isRetriable, TributaryError } from '../../base/errors.ts';
import { type ClusterMetadata, metadata, type PartitionMetadata, type TopicMetadata } from './api/cluster.ts';
import type { Address, Connections, Wire } from './connections.ts';
import { errorOfCode } from './errors.ts';
import type { NodeEndpoint } from './leader-hints.ts';

/** What is known of a partition's leader. */
export interface Leader {
  readonly nodeId: number;
  readonly leaderEpoch: number;
}

/**
 * Who is in the cluster and who leads what, as far as it was told last. Reads are from memory; `refresh` asks. Hints that
 * come with a "no longer the leader" are taken at once, so most moves cost no request.
 */
export class Metadata {
  readonly #connections: Connections;
  readonly #bootstrap: readonly Address[];
  readonly #nodes = new Map<number, Address>();
  readonly #topics = new Map<string, TopicMetadata>();
  readonly #refreshing = new Map<string, Promise<TopicMetadata>>();
  /** Node or bootstrap server that answered last: it is asked first. */
  #lastGood: Address | undefined;

  constructor(connections: Connections, bootstrap: readonly Address[]) {
    this.#connections = connections;
    this.#bootstrap = bootstrap;
  }

  /** The address of a node, while the cluster has it. */
  node(nodeId: number): Address | undefined {
    return this.#nodes.get(nodeId);
  }

  get nodes(): readonly Address[] {
    return [...this.#nodes.values()];
  }

  /** What is known of a topic, without asking. */
  known(topic: string): TopicMetadata | undefined {
    return this.#topics.get(topic);
  }

  /** Undefined while there is none, or none is known. */
  leader(topic: string, partition: number): Leader | undefined {
    const known = this.#topics.get(topic)?.partitions[partition];
    if (known === undefined || known.leaderId < 0 || !this.#nodes.has(known.leaderId)) return undefined;
    return { nodeId: known.leaderId, leaderEpoch: known.leaderEpoch };
  }

  /** What is known, or else is asked. UNKNOWN_TOPIC (retriable: a topic just made may not be known everywhere yet). */
  topic(topic: string): Promise<TopicMetadata> {
    const known = this.#topics.get(topic);
    return known === undefined ? this.refreshTopic(topic) : Promise.resolve(known);
  }

  /** Asks now; callers at the same time share one request. UNKNOWN_TOPIC. */
  refreshTopic(topic: string): Promise<TopicMetadata> {
    const running = this.#refreshing.get(topic);
    if (running !== undefined) return running;
    const refreshing = this.refresh([topic])
      .then((cluster) => topicOf(cluster, topic))
      .finally(() => this.#refreshing.delete(topic));
    this.#refreshing.set(topic, refreshing);
    return refreshing;
  }

  /** The cluster's own answer, which is also remembered. The topics in it may hold error codes. */
  async refresh(topics: readonly string[] | null): Promise<ClusterMetadata> {
    const cluster = await this.anyNode((wire) => metadata(this.#connections.toolkit, wire, topics));
    this.#learn(cluster);
    return cluster;
  }

  /** What one node knows, without remembering it. */
  async askNode(address: Address, topics: readonly string[]): Promise<ClusterMetadata> {
    const wire = await this.#connections.to(address, 'control');
    return metadata(this.#connections.toolkit, wire, topics);
  }

  forget(topic: string): void {
    this.#topics.delete(topic);
  }

  /** Takes what an answer told about a new leader. */
  learnLeader(topic: string, partition: number, leader: Leader, endpoints: readonly NodeEndpoint[]): void {
    for (const { nodeId, host, port } of endpoints) this.#nodes.set(nodeId, { host, port });
    const known = this.#topics.get(topic);
    const before = known?.partitions[partition];
    if (known === undefined || before === undefined || before.leaderEpoch >= leader.leaderEpoch) return;
    const partitions = known.partitions.with(partition, {
      ...before,
      leaderId: leader.nodeId,
      leaderEpoch: leader.leaderEpoch,
    });
    this.#topics.set(topic, { ...known, partitions });
  }

  /** Lets one node after the other try, until one of them answers; what an answer refuses is not asked elsewhere. */
  async anyNode<T>(ask: (wire: Wire) => Promise<T>): Promise<T> {
    let last: unknown;
    for (const address of this.#candidates()) {
      try {
        const answer = await ask(await this.#connections.to(address, 'control'));
        this.#lastGood = address;
        return answer;
      } catch (error) {
        last = error;
        if (!isRetriable(error)) throw error;
      }
    }
    throw last;
  }

  #candidates(): Address[] {
    const all = [
      ...(this.#lastGood === undefined ? [] : [this.#lastGood]),
      ...this.#nodes.values(),
      ...this.#bootstrap,
    ];
    const byName = new Map(all.map((address) => [`${address.host}:${address.port}`, address]));
    return [...byName.values()];
  }

  #learn(cluster: ClusterMetadata): void {
    // An answer without nodes comes from one that has just started and knows nobody yet.
    if (cluster.nodes.length > 0) this.#nodes.clear();
    for (const { nodeId, host, port } of cluster.nodes) this.#nodes.set(nodeId, { host, port });
    for (const topic of cluster.topics) {
      if (topic.errorCode === 0) this.#topics.set(topic.name, merge(this.#topics.get(topic.name), topic));
      else if (topic.errorCode === unknownTopic) this.#topics.delete(topic.name);
    }
  }
}

export const unknownTopic = 3;

/** A node that lags behind may still name an older leader than a hint did. */
function merge(before: TopicMetadata | undefined, after: TopicMetadata): TopicMetadata {
  if (before === undefined || before.id !== after.id) return after;
  const newer = (partition: PartitionMetadata): PartitionMetadata => {
    const known = before.partitions[partition.partition];
    return known !== undefined && known.leaderEpoch > partition.leaderEpoch ? known : partition;
  };
  return { ...after, partitions: after.partitions.map(newer) };
}

/** UNKNOWN_TOPIC and what else a topic's error code means. */
export function topicOf(cluster: ClusterMetadata, name: string): TopicMetadata {
  const topic = cluster.topics.find((candidate) => candidate.name === name);
  if (topic === undefined || topic.errorCode === unknownTopic) throw unknownTopicError(name);
  // An invalid name cannot be a topic's.
  if (topic.errorCode === 17) throw unknownTopicError(name);
  if (topic.errorCode !== 0 && topic.errorCode !== 5) throw errorOfCode(topic.errorCode, `look up topic "${name}"`);
  return topic;
}

export function unknownTopicError(name: string): TributaryError {
  return new TributaryError('UNKNOWN_TOPIC', `Cannot use topic "${name}": it does not exist`);
}

export function unknownPartitionError(topic: string, partition: number, count: number): TributaryError {
  return new TributaryError(
    'UNKNOWN_PARTITION',
    `Cannot use partition ${partition} of topic "${topic}": it has ${count}, numbered from 0`,
  );
}
