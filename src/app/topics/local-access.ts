/** Topics of a broker that this process has open. */
import { TributaryError } from '../../base/errors.ts';
import { suggest } from '../../base/nearest.ts';
import type { Broker, TopicDescription } from '../../broker/broker.ts';
import { produceAll } from './produce-all.ts';
import { tapTopic } from './tap-reader.ts';
import type { TopicAccess, TopicDetails, TopicSummary } from './topic-access.ts';

/** `close` is called when it is disposed: whoever opened the broker for it hands its end over. */
export function localAccess(broker: Broker, close: () => Promise<void> = async () => {}): TopicAccess {
  return {
    via: broker.address,
    async list() {
      const names = await broker.listTopics();
      return Promise.all(names.map(async (name) => summary(await details(broker, await broker.describeTopic(name)))));
    },
    create: async (topic) => details(broker, await broker.createTopic(topic)),
    describe: (topic) => withHint(broker, topic, async () => details(broker, await broker.describeTopic(topic))),
    delete: (topic) => withHint(broker, topic, () => broker.deleteTopic(topic)),
    async *tap(topic, options, signal, onReady) {
      await withHint(broker, topic, () => broker.describeTopic(topic));
      yield* tapTopic(broker, topic, options, signal, onReady);
    },
    produce: (topic, records) => withHint(broker, topic, () => produceAll(broker, topic, records)),
    [Symbol.asyncDispose]: close,
  };
}

async function details(broker: Broker, description: TopicDescription): Promise<TopicDetails> {
  const { name, id, config } = description;
  const partitions = await Promise.all(
    description.partitions.map(async ({ partition, leader, replicas }) => {
      const [earliest, latest] = await Promise.all([
        broker.offset(name, partition, 'earliest'),
        broker.offset(name, partition, 'latest'),
      ]);
      return { partition, leader, replicas, earliest, latest };
    }),
  );
  return { name, id, partitions, config };
}

function summary({ name, partitions }: TopicDetails): TopicSummary {
  return {
    name,
    partitions: partitions.length,
    records: partitions.reduce((sum, { earliest, latest }) => sum + latest - earliest, 0),
  };
}

/** A topic that is not there is most often misspelled: says which one is near, or how to see those there are. */
async function withHint<T>(broker: Broker, topic: string, call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    if (!(error instanceof TributaryError) || error.code !== 'UNKNOWN_TOPIC') throw error;
    const hint = suggest(topic, await broker.listTopics());
    throw new TributaryError(
      'UNKNOWN_TOPIC',
      `Topic "${topic}" does not exist.${hint} "tributary topics list" shows those there are, "tributary topics create ${topic}" makes it.`,
    );
  }
}
