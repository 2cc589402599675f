/** Where a benchmark's records go, and how they are looked at afterwards. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { codecs } from '../../src/app/codecs.ts';
import type { Broker } from '../../src/broker/broker.ts';
import { openEmbeddedBroker } from '../../src/broker/embedded/embedded.ts';
import { type KafkaServer, startKafka } from '../../test/support/kafka.ts';
import type { StandInCounts } from '../stand-in/log.ts';

/** The topic of every benchmark; the stand-in discards it. */
export const benchTopic = 'bench';

/** The connector that the benchmarks measure: one feed into `benchTopic`, connected once. */
export function feedConnector(url: string, more: Readonly<Record<string, string>> = {}): Record<string, string> {
  return {
    'connector.class': 'websocket',
    'websocket.url': url,
    'kafka.topic': benchTopic,
    'websocket.reconnect.enabled': 'false',
    ...more,
  };
}

export interface Target extends AsyncDisposable {
  /** For the configuration: `embedded:DIR`, `kafka://host:port`. */
  readonly address: string;
  /** Looks for the feed's numbers 0 to `count` - 1 in a topic, once the writer has ended. */
  check(topic: string, count: number): Promise<Losses>;
  /** The feed's numbers in a topic, in its order, once the writer has ended. A target that discards has none. */
  sequences(topic: string): AsyncIterable<number>;
}

export interface Losses {
  readonly lost: number;
  readonly doubled: number;
}

export async function openTarget(kind: string, folder: string): Promise<Target> {
  switch (kind) {
    case 'embedded': {
      const directory = join(folder, 'data');
      const sequences = async function* (topic: string): AsyncGenerator<number> {
        await using broker = await openEmbeddedBroker({ directory, codecs });
        yield* sequencesOf(broker, topic);
      };
      return {
        address: `embedded:${directory}`,
        sequences,
        check: (topic, count) => lossesIn(sequences(topic), count),
        async [Symbol.asyncDispose]() {},
      };
    }
    case 'kafka': {
      return kafkaTarget(await startKafka({}, { collector: 'G1' }));
    }
    case 'null':
      return openStandIn();
    default:
      throw new Error(`Unknown broker "${kind}": must be embedded, kafka or null`);
  }
}

/** Ends the Kafka with itself. */
export function kafkaTarget(kafka: KafkaServer): Target {
  const sequences = async function* (topic: string): AsyncGenerator<number> {
    const { openKafkaBroker } = await import('../../src/broker/kafka/kafka.ts');
    await using broker = await openKafkaBroker({ bootstrap: [kafka.bootstrap], codecs });
    yield* sequencesOf(broker, topic);
  };
  return {
    address: `kafka://${kafka.bootstrap}`,
    sequences,
    check: (topic, count) => lossesIn(sequences(topic), count),
    [Symbol.asyncDispose]: () => kafka[Symbol.asyncDispose](),
  };
}

/** Beside the feed on the first core: what it costs there is less than what the feed does. */
async function openStandIn(): Promise<Target> {
  const child = fork(join(import.meta.dirname, '../stand-in/main.ts'), [benchTopic], {
    execPath: 'taskset',
    execArgv: ['-c', '0', process.execPath],
  });
  const [{ port }] = (await once(child, 'message')) as [{ port: number }];
  return {
    address: `kafka://127.0.0.1:${port}`,
    // biome-ignore lint/correctness/useYield: it says that there is nothing to give
    async *sequences() {
      throw new Error('The stand-in discards what it gets: use --broker embedded or kafka');
    },
    async check(_topic, count) {
      child.send('counts');
      const [{ counts }] = (await once(child, 'message')) as [{ counts: StandInCounts }];
      const { records, missing, doubled } = counts;
      return { lost: Math.max(missing, count - records), doubled: Math.max(doubled, records - count) };
    },
    async [Symbol.asyncDispose]() {
      child.disconnect();
      if (child.exitCode === null) await once(child, 'exit');
    },
  };
}

async function lossesIn(sequences: AsyncIterable<number>, count: number): Promise<Losses> {
  const seen = new Uint8Array(count);
  let doubled = 0;
  for await (const sequence of sequences) {
    if (seen[sequence] === 1) doubled++;
    seen[sequence] = 1;
  }
  let lost = 0;
  for (const flag of seen) if (flag === 0) lost++;
  return { lost, doubled };
}

/** Each message is JSON that says `"seq":   123` in its first hundred bytes, or it begins with ten digits. */
async function* sequencesOf(broker: Broker, topic: string): AsyncGenerator<number> {
  const { partitions } = await broker.describeTopic(topic);
  for (const { partition } of partitions) {
    for await (const { records } of broker.read({ topic, partition, from: 'earliest', until: 'end' })) {
      for (const { value } of records) {
        const head = Buffer.from(value!.buffer, value!.byteOffset, Math.min(100, value!.length)).toString('latin1');
        yield Number(/(?:"seq\\?":\s*|^(?=\d{10}))(\d+)/.exec(head)?.[1] ?? Number.NaN);
      }
    }
  }
}
