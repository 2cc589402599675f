/** What a source's task knows of the topics it writes to: found out once, before the first record for each. */
import type { Broker, Producer } from '../broker/broker.ts';
import { batchLimitOf } from './batch-limit.ts';
import type { TopicBounds } from './record-sends.ts';

export interface SourceTopicsOptions {
  readonly broker: Pick<Broker, 'describeTopic'>;
  readonly producer: () => Producer;
  readonly maxBatchBytes: number;
  /** Makes a topic that is missing; throws UNKNOWN_TOPIC where it may not. */
  readonly ensure: (topic: string) => Promise<void>;
  readonly signal: AbortSignal;
}

export class SourceTopics {
  readonly #options: SourceTopicsOptions;
  readonly #bounds = new Map<string, TopicBounds>();

  constructor(options: SourceTopicsOptions) {
    this.#options = options;
  }

  /** Undefined where all are known already, so that nothing is waited for. */
  learn(topics: readonly string[]): Promise<void> | undefined {
    return topics.every((topic) => this.#bounds.has(topic)) ? undefined : this.#learnNew(topics);
  }

  /** Of a topic that was learnt. */
  boundsOf(topic: string): TopicBounds {
    return this.#bounds.get(topic)!;
  }

  async #learnNew(topics: readonly string[]): Promise<void> {
    const { broker, producer, maxBatchBytes, ensure, signal } = this.#options;
    for (const topic of topics) {
      if (this.#bounds.has(topic)) continue;
      await ensure(topic);
      const limit = await batchLimitOf(broker, topic, signal);
      const partitions = await producer().partitionCount(topic, { signal });
      this.#bounds.set(topic, { partitions, maxBytes: Math.min(limit ?? maxBatchBytes, maxBatchBytes) });
    }
  }
}
