import { TributaryError } from '../../base/errors.ts';
import { suggest } from '../../base/nearest.ts';
import type { PartitionState, TopicState } from './protocol.ts';
import type { StoreClient } from './store-client.ts';

/** Topics by name, and the states of their partitions as of the last commit. */
export class TopicTable {
  readonly #client: StoreClient;
  readonly #topics = new Map<string, TopicState>();

  constructor(client: StoreClient, topics: readonly TopicState[]) {
    this.#client = client;
    for (const topic of topics) this.set(topic);
  }

  get(name: string): TopicState | undefined {
    return this.#topics.get(name);
  }

  all(): readonly TopicState[] {
    return [...this.#topics.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  set(topic: TopicState): void {
    this.#client.adopt(topic.partitions);
    this.#topics.set(topic.name, topic);
  }

  remove(topic: TopicState): void {
    this.#topics.delete(topic.name);
    this.#client.forget(topic.partitions);
  }

  /** UNKNOWN_TOPIC, with the nearest name there is. */
  known(name: string): TopicState {
    const topic = this.#topics.get(name);
    if (topic === undefined) {
      throw new TributaryError('UNKNOWN_TOPIC', `Topic "${name}" does not exist.${suggest(name, this.#topics.keys())}`);
    }
    return topic;
  }

  /** The partition's state now. UNKNOWN_TOPIC, UNKNOWN_PARTITION. */
  partition(name: string, partition: number): PartitionState {
    const { partitions } = this.known(name);
    const made = partitions[partition];
    const state = made === undefined ? undefined : this.#client.partition(made.no);
    if (state === undefined) {
      throw new TributaryError(
        'UNKNOWN_PARTITION',
        `Topic "${name}" has no partition ${partition}: it has ${partitions.length}, counted from 0`,
      );
    }
    return state;
  }
}
