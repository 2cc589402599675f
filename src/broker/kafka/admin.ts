import { sleep } from '../../base/abort.ts';
import { isError, isRetriable, TributaryError } from '../../base/errors.ts';
import type { CallOptions, NewTopic, TopicDescription } from '../broker.ts';
import type { ClusterMetadata, TopicMetadata } from './api/cluster.ts';
import { alterConfig, createPartitions, createTopic, deleteTopic, describeConfig } from './api/topics.ts';
import type { KafkaClient } from './client.ts';
import { topicOf, unknownTopic, unknownTopicError } from './metadata.ts';

/** Between two looks at whether a change has reached every node. */
const settleMs = 10;

/** The calls of the port about topics. */
export class Admin {
  readonly #client: KafkaClient;

  constructor(client: KafkaClient) {
    this.#client = client;
  }

  async create(topic: NewTopic, options?: CallOptions): Promise<TopicDescription> {
    const client = this.#client;
    const { name, partitions = 1, replicationFactor = -1, config = {} } = topic;
    const what = `create topic "${name}"`;
    let wasSent = false;
    const refusal = await client.run(what, options, async () => {
      try {
        await client.metadata.anyNode((wire) =>
          createTopic(client.toolkit, wire, { name, partitions, replicationFactor, config }, this.#timeoutMs),
        );
      } catch (error) {
        if (!isError(error, 'TOPIC_EXISTS')) throw error;
        // An earlier attempt of ours whose answer was lost made it; or else somebody did.
        return wasSent ? undefined : error;
      } finally {
        wasSent = true;
      }
      return undefined;
    });
    if (refusal !== undefined) throw await this.#onceKnown(what, options, name, refusal);
    await this.#untilEverywhere(what, options, name, (found) => found !== undefined && isUsable(found, partitions));
    return this.describe(name, options);
  }

  /** Somebody else may have made the topic this moment, and who is told that it exists goes on to use it. */
  async #onceKnown(
    what: string,
    options: CallOptions | undefined,
    name: string,
    refusal: TributaryError,
  ): Promise<TributaryError> {
    const isKnown = async (): Promise<boolean> => {
      const answers = await this.#askEverybody(name);
      // Of another error waiting would change nothing.
      return answers.every(({ topics }) => topics.every(({ errorCode }) => errorCode !== unknownTopic));
    };
    await this.#until(what, options, isKnown).catch(() => {}); // it exists all the same
    return refusal;
  }

  async list(options?: CallOptions): Promise<readonly string[]> {
    const cluster = await this.#client.run('list the topics', options, () => this.#client.metadata.refresh(null));
    return cluster.topics
      .filter((topic) => topic.errorCode === 0)
      .map((topic) => topic.name)
      .sort();
  }

  describe(name: string, options?: CallOptions): Promise<TopicDescription> {
    const client = this.#client;
    return client.run(`describe topic "${name}"`, options, async () => {
      const asking = client.metadata.anyNode((wire) => describeConfig(client.toolkit, wire, name));
      asking.catch(() => {}); // of a topic that there is not the other answer says so
      const topic = topicOf(await client.metadata.refresh([name]), name);
      const entries = await asking;
      return {
        name,
        id: topic.id,
        partitions: topic.partitions.map(({ partition, leaderId, replicas }) => ({
          partition,
          leader: leaderId,
          replicas,
        })),
        config: Object.fromEntries(entries.filter((entry) => entry.isSet).map((entry) => [entry.name, entry.value])),
      };
    });
  }

  async alterConfig(
    name: string,
    config: Readonly<Record<string, string | null>>,
    options?: CallOptions,
  ): Promise<void> {
    const client = this.#client;
    const what = `change the configuration of topic "${name}"`;
    await this.#change(what, name, options, () =>
      client.metadata.anyNode((wire) => alterConfig(client.toolkit, wire, name, config)),
    );
    const isSet = async (): Promise<boolean> => {
      const entries = await client.metadata.anyNode((wire) =>
        describeConfig(client.toolkit, wire, name, Object.keys(config)),
      );
      return entries.every((entry) => {
        const wanted = config[entry.name];
        return wanted === null ? !entry.isSet : wanted === undefined || (entry.isSet && entry.value === wanted);
      });
    };
    await this.#until(what, options, isSet);
  }

  async addPartitions(name: string, count: number, options?: CallOptions): Promise<void> {
    const client = this.#client;
    const what = `set topic "${name}" to ${count} partitions`;
    await this.#change(what, name, options, () =>
      client.metadata.anyNode((wire) => createPartitions(client.toolkit, wire, name, count, this.#timeoutMs)),
    );
    await this.#untilEverywhere(what, options, name, (found) => found !== undefined && isUsable(found, count));
    await client.metadata.refreshTopic(name);
  }

  async delete(name: string, options?: CallOptions): Promise<void> {
    const client = this.#client;
    const what = `delete topic "${name}"`;
    const before = await client.run(what, options, async () => topicOf(await client.metadata.refresh([name]), name));
    await this.#change(what, name, options, () =>
      client.metadata.anyNode((wire) => deleteTopic(client.toolkit, wire, name, this.#timeoutMs)),
    );
    client.metadata.forget(name);
    await this.#untilEverywhere(what, options, name, (found) => found?.id !== before.id);
  }

  /** A change of a topic that must exist. Kafka's "unknown topic" is retriable elsewhere; here it is the answer. */
  #change(what: string, name: string, options: CallOptions | undefined, change: () => Promise<void>): Promise<void> {
    const isRetriableHere = (error: unknown): boolean => isRetriable(error) && !isError(error, 'UNKNOWN_TOPIC');
    return this.#client.run(what, { ...options, isRetriable: isRetriableHere }, change).catch((error: unknown) => {
      throw isError(error, 'UNKNOWN_TOPIC') ? unknownTopicError(name) : error;
    });
  }

  /** Waits until every node that can be reached knows what the controller has decided. */
  async #untilEverywhere(
    what: string,
    options: CallOptions | undefined,
    name: string,
    isThere: (topic: TopicMetadata | undefined) => boolean,
  ): Promise<void> {
    await this.#until(what, options, async () => {
      const answers = await this.#askEverybody(name);
      const topics = answers.map((answer) => answer.topics.find((topic) => topic.errorCode === 0));
      return answers.length > 0 && topics.every(isThere);
    });
  }

  /** Of the nodes that can be reached. */
  async #askEverybody(name: string): Promise<readonly ClusterMetadata[]> {
    const { metadata } = this.#client;
    await metadata.refresh([]);
    const answers = await Promise.allSettled(metadata.nodes.map((node) => metadata.askNode(node, [name])));
    return answers.filter((answer) => answer.status === 'fulfilled').map(({ value }) => value);
  }

  async #until(what: string, options: CallOptions | undefined, isDone: () => Promise<boolean>): Promise<void> {
    const { clock } = this.#client.settings;
    const deadline = clock.monotonicMs() + this.#timeoutMs;
    while (!(await this.#client.run(what, options, isDone))) {
      if (clock.monotonicMs() > deadline)
        throw new TributaryError('BROKER_UNAVAILABLE', `Cannot ${what}: not every node has taken it in time`, {
          retriable: true,
        });
      await this.#client.untilEnded(what, options?.signal, (ended) => sleep(settleMs, ended));
    }
  }

  get #timeoutMs(): number {
    return this.#client.settings.requestTimeoutMs;
  }
}

/** Every partition is there and led. */
function isUsable(topic: TopicMetadata, partitions: number): boolean {
  const enough = partitions < 0 || topic.partitions.length >= partitions;
  return enough && topic.partitions.every((partition) => partition.leaderId >= 0);
}
