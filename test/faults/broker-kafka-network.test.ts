/**
 * A network between us and a Kafka that loses acknowledgements, cuts, delays and swallows: what was sent is there once and
 * in order, and who reads through it misses and doubles nothing.
 */
import { deepEqual, equal, ok } from 'node:assert/strict';
import { after, test } from 'node:test';
import { codecs } from '../../src/app/codecs.ts';
import { openKafkaBroker } from '../../src/broker/kafka/kafka.ts';
import { startSourceTask } from '../../src/worker/source-task.ts';
import { eventually, record, text, topicName, valuesOf } from '../contract/broker/fixture.ts';
import { kafkaMissing } from '../support/kafka.ts';
import { apiKeys, type KafkaProxy, startProxiedKafka } from '../support/kafka-proxy.ts';
import { seeded, testSeed } from '../support/random.ts';
import { scriptedPartition, scriptedSource } from '../support/scripted-source.ts';
import { sourceTaskOptions } from '../support/source-task.ts';

const skip = await kafkaMissing();
const proxied = skip === false ? await startProxiedKafka() : undefined;
after(() => proxied?.[Symbol.asyncDispose]());

const isLong = process.env['TEST_LONG'] === '1';
/** A request that is not answered by then is given up, with its connection. */
const requestTimeoutMs = 1500;

interface Load {
  readonly proxy: KafkaProxy;
  readonly random: () => number;
  /** Resolves when so many more have been acknowledged. */
  readonly more: (count: number) => Promise<void>;
}

interface Faulty {
  readonly name: string;
  /** Of each record. */
  readonly bytes?: number;
  readonly disturb: (load: Load) => Promise<void>;
}

const faults: readonly Faulty[] = [
  {
    name: 'acknowledgements are lost with their connection',
    async disturb({ proxy, random, more }) {
      await lost(isLong ? 300 : 40, proxy, () => (random() < 0.1 ? 'cut' : 'pass'), more);
    },
  },
  {
    name: 'acknowledgements are lost, and the connection stays',
    async disturb({ proxy, random, more }) {
      await lost(isLong ? 20 : 3, proxy, () => (random() < 0.05 ? 'lose' : 'pass'), more);
    },
  },
  {
    name: 'connections are cut, held up and swallowed at random moments',
    async disturb({ proxy, random, more }) {
      for (let round = 0; round < (isLong ? 100 : 12); round++) {
        await more(Math.floor(random() * 100));
        const what = Math.floor(random() * 4);
        if (what === 0) proxy.cut();
        if (what === 1) proxy.delay(Math.floor(random() * 20));
        if (what >= 2) await swallow(proxy, what === 2 ? 20 : requestTimeoutMs * 1.2);
      }
      proxy.delay(0);
    },
  },
  {
    // Five records in flight take longer than a request may: those behind are sent again, with what was stored meanwhile.
    name: 'ten kilobytes a second pass, and requests time out',
    bytes: 4000,
    async disturb({ proxy, more }) {
      proxy.rate(10_000);
      await more(isLong ? 200 : 8);
      proxy.rate(Number.POSITIVE_INFINITY);
    },
  },
];

for (const { name, bytes = 0, disturb } of faults) {
  test(`${name} (TEST_SEED=${testSeed})`, { skip, timeout: isLong ? 1_200_000 : 240_000 }, async () => {
    const { proxy, bootstrap, kafka } = proxied!;
    const random = seeded(testSeed);
    await using broker = await openKafkaBroker({ bootstrap: [bootstrap], codecs, requestTimeoutMs });
    await using direct = await openKafkaBroker({ bootstrap: [kafka.bootstrap], codecs });
    const topic = topicName('network');
    await direct.createTopic({ name: topic });
    const retries: string[] = [];
    await using producer = await broker.producer({
      deliveryTimeoutMs: Number.POSITIVE_INFINITY,
      maxBatchBytes: 100 + bytes, // a batch for each record: five are in flight at any time
      onRetry: ({ reason }) => retries.push(reason),
    });
    const requestsBefore = proxy.requests.get(apiKeys.produce) ?? 0;
    let next = 0;
    let acknowledged = 0;
    let wanted = Number.POSITIVE_INFINITY;
    let reached = (): void => {};
    let running = true;
    /** Known when the last one has been sent. */
    let total = Number.POSITIVE_INFINITY;
    const offsets: number[] = [];
    const lanes = Array.from({ length: 10 }, async () => {
      while (running) {
        const number = next++;
        const { baseOffset } = await producer.send(topic, 0, [record(String(number).padStart(bytes))]);
        offsets[number] = baseOffset;
        if (++acknowledged >= wanted) reached();
      }
    });
    const more = async (count: number): Promise<void> => {
      wanted = acknowledged + count;
      await new Promise<void>((resolve) => {
        reached = resolve;
        if (count === 0) resolve();
      });
      wanted = Number.POSITIVE_INFINITY;
    };
    const read = (async () => {
      const values: (string | null)[] = [];
      const options = { topic, partition: 0, from: 'earliest' } as const;
      for await (const { records } of broker.read(options)) {
        values.push(...records.map(text));
        if (values.length >= total) break;
      }
      return values.map(Number);
    })();

    try {
      await Promise.race([disturb({ proxy, random, more }).then(() => more(200)), read]);
    } finally {
      proxy.judge = () => 'pass';
      proxy.delay(0);
      proxy.rate(Number.POSITIVE_INFINITY);
      proxy.resume();
      running = false;
    }
    total = next;
    await Promise.all(lanes);
    await producer.send(topic, 0, [record(String(next++))]); // the reader sees that it has all

    const all = Array.from({ length: next }, (_, i) => i);
    equal(acknowledged, total);
    deepEqual((await valuesOf(direct, topic)).map(Number), all);
    deepEqual(offsets, all.slice(0, total), 'each was acknowledged with the offset at which it lies');
    deepEqual((await read).slice(0, total), all.slice(0, total));
    const sent = (proxy.requests.get(apiKeys.produce) ?? 0) - requestsBefore;
    ok(sent > 0 && retries.length > 0, `${sent} requests, ${retries.length} retries`);
  });
}

test('exactly once at ten kilobytes a second: nothing is lost, doubled or out of order', {
  skip,
  timeout: 240_000,
}, async () => {
  const { proxy, bootstrap, kafka } = proxied!;
  await using broker = await openKafkaBroker({ bootstrap: [bootstrap], codecs, requestTimeoutMs });
  await using direct = await openKafkaBroker({ bootstrap: [kafka.bootstrap], codecs });
  const topic = topicName('slow');
  await direct.createTopic({ name: topic });
  const connector = scriptedSource();
  const { options } = await sourceTaskOptions(broker, connector, topicName('offsets'), {
    config: { topic },
    exactlyOnce: { transactionalId: topicName('id'), boundary: { kind: 'poll' } },
  });
  const task = startSourceTask(options);
  const run = await eventually(
    async () => connector.runs[0]!,
    (started) => started !== undefined,
    60_000,
  );
  const values = Array.from({ length: isLong ? 200 : 12 }, (_, n) => String(n).padStart(1800));
  proxy.rate(10_000);
  try {
    for (let at = 0; at < values.length; at += 3) run.give(...values.slice(at, at + 3));
    await eventually(
      () => valuesOf(direct, topic),
      ({ length }) => length >= values.length,
      120_000,
    );
  } finally {
    proxy.rate(Number.POSITIVE_INFINITY);
    task.stop();
    equal(await task.ended, true);
  }
  deepEqual((await valuesOf(direct, topic)).map(Number), values.map(Number));
  await options.offsets.caughtUp();
  deepEqual(options.offsets.get('c', scriptedPartition), { sequence: values.length });
});

/** Goes on until so many acknowledgements of stored batches have been lost. */
async function lost(
  count: number,
  proxy: KafkaProxy,
  verdict: () => 'pass' | 'cut' | 'lose',
  more: Load['more'],
): Promise<void> {
  let left = count;
  proxy.judge = (apiKey) => {
    if (apiKey !== apiKeys.produce || left === 0) return 'pass';
    const judged = verdict();
    if (judged !== 'pass') left--;
    return judged;
  };
  while (left > 0) await more(20);
  proxy.judge = () => 'pass';
}

/** Nothing passes for a while; what had waited is lost with its connections. */
async function swallow(proxy: KafkaProxy, ms: number): Promise<void> {
  proxy.stall();
  await new Promise((wake) => setTimeout(wake, ms));
  proxy.cut();
  proxy.resume();
}
