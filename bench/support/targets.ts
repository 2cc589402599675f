/** Where a benchmark's records go, and how they are looked at afterwards. */
import { join } from 'node:path';
import { codecs } from '../../src/app/codecs.ts';
import type { Broker } from '../../src/broker/broker.ts';
import { openEmbeddedBroker } from '../../src/broker/embedded/embedded.ts';
import { startKafka } from '../../test/support/kafka.ts';

export interface Target extends AsyncDisposable {
  /** For the configuration: `embedded:DIR`, `kafka://host:port`. */
  readonly address: string;
  /** Sequence numbers of a topic's messages, in its order, once the writer has ended. */
  sequences(topic: string): AsyncIterable<number>;
}

export async function openTarget(kind: string, folder: string): Promise<Target> {
  switch (kind) {
    case 'embedded': {
      const directory = join(folder, 'data');
      return {
        address: `embedded:${directory}`,
        async *sequences(topic) {
          await using broker = await openEmbeddedBroker({ directory, codecs });
          yield* sequencesOf(broker, topic);
        },
        async [Symbol.asyncDispose]() {},
      };
    }
    case 'kafka': {
      const kafka = await startKafka();
      return {
        address: `kafka://${kafka.bootstrap}`,
        async *sequences(topic) {
          const { openKafkaBroker } = await import('../../src/broker/kafka/kafka.ts');
          await using broker = await openKafkaBroker({ bootstrap: [kafka.bootstrap], codecs });
          yield* sequencesOf(broker, topic);
        },
        [Symbol.asyncDispose]: () => kafka[Symbol.asyncDispose](),
      };
    }
    default:
      throw new Error(`Unknown broker "${kind}": must be embedded or kafka`);
  }
}

/** Each message is JSON that says `"seq":   123` in its first hundred bytes. */
async function* sequencesOf(broker: Broker, topic: string): AsyncGenerator<number> {
  const { partitions } = await broker.describeTopic(topic);
  for (const { partition } of partitions) {
    for await (const { records } of broker.read({ topic, partition, from: 'earliest', until: 'end' })) {
      for (const { value } of records) {
        const head = Buffer.from(value!.buffer, value!.byteOffset, Math.min(100, value!.length)).toString('latin1');
        yield Number(/"seq":\s*(\d+)/.exec(head)?.[1] ?? Number.NaN);
      }
    }
  }
}
