/**
 * Recorded feeds of real exchanges, served over a WebSocket and read by the connector into both brokers: the topic must
 * hold the same messages, byte for byte and in order, whatever the framing, and over connections that are cut.
 */
import { deepEqual, equal } from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { codecs } from '../../src/app/codecs.ts';
import { systemClock } from '../../src/base/clock.ts';
import type { Broker } from '../../src/broker/broker.ts';
import { openEmbeddedBroker } from '../../src/broker/embedded/embedded.ts';
import { openKafkaBroker } from '../../src/broker/kafka/kafka.ts';
import { webSocketSource } from '../../src/connectors/websocket-source/connector.ts';
import { silentLog } from '../../src/telemetry/log.ts';
import { MetricRegistry } from '../../src/telemetry/metrics.ts';
import { startWorker } from '../../src/worker/worker.ts';
import { serveRecording } from '../support/feed-server.ts';
import { feedsMissing, type Recording, readRecordings } from '../support/feeds.ts';
import { kafkaMissing, startKafka } from '../support/kafka.ts';
import { seeded, testSeed } from '../support/random.ts';
import { tempFolder } from '../support/temp-folder.ts';

const missing = feedsMissing();
const recordings = missing === false ? readRecordings() : [];
if (missing !== false) test('recorded feeds', { skip: missing }, () => {});

describe('recorded feeds into the embedded broker', { skip: missing }, () => {
  let broker: Promise<Broker> | undefined;
  const folder = tempFolder('feeds');
  after(async () => {
    await (await broker)?.close();
    await (await folder)[Symbol.asyncDispose]();
  });
  feedTests(async () => {
    broker ??= folder.then(({ path }) => openEmbeddedBroker({ directory: path, codecs }));
    return broker;
  });
});

const noKafka = missing === false ? await kafkaMissing() : missing;
describe('recorded feeds into Kafka', { skip: noKafka }, () => {
  const kafka = noKafka === false ? startKafka() : undefined;
  let broker: Promise<Broker> | undefined;
  after(async () => {
    await (await broker)?.close();
    await (await kafka)?.[Symbol.asyncDispose]();
  });
  feedTests(async () => {
    broker ??= kafka!.then(({ bootstrap }) => openKafkaBroker({ bootstrap: [bootstrap], codecs }));
    return broker;
  });
});

function feedTests(open: () => Promise<Broker>): void {
  for (const recording of recordings) {
    for (const deflate of [false, true]) {
      for (const fragmented of [false, true]) {
        const how = `${deflate ? 'compressed' : 'plain'}, ${fragmented ? 'in fragments' : 'in one piece'}`;
        test(`${recording.name}, ${how}: every message arrives once, in order (seed ${testSeed})`, async () => {
          await check(await open(), recording, { deflate, fragmented, cuts: [] });
        });
      }
    }
    test(`${recording.name}, over connections that are cut: none is lost or doubled (seed ${testSeed})`, async () => {
      const random = seeded(testSeed);
      const cuts = Array.from({ length: 5 }, () => 1 + Math.floor(random() * (recording.messages.length - 1)));
      await check(await open(), recording, { deflate: false, fragmented: false, cuts });
    });
  }
}

let topics = 0;

async function check(
  broker: Broker,
  recording: Recording,
  how: { readonly deflate: boolean; readonly fragmented: boolean; readonly cuts: readonly number[] },
): Promise<void> {
  const topic = `feed-${recording.name}-${process.pid}-${++topics}`;
  await using server = await serveRecording(recording, {
    ...how,
    cuts: [...new Set(how.cuts)],
    random: seeded(testSeed),
  });
  const { subscriptions } = recording;
  await using worker = await startWorker(
    {
      broker,
      connectors: [webSocketSource],
      workerId: 'test:0',
      tables: tablesOf(topic),
      log: silentLog,
      metrics: new MetricRegistry().root(),
      clock: systemClock,
      random: Math.random,
    },
    {
      feed: {
        'connector.class': 'websocket',
        'websocket.url': server.url,
        'kafka.topic': topic,
        'websocket.reconnect.interval.ms': '5',
        ...(subscriptions.length === 0 ? {} : { 'websocket.subscription.messages': JSON.stringify(subscriptions) }),
      },
    },
  );
  const got = await readValues(broker, topic, recording.messages.length);
  equal(worker.status('feed')?.tasks[0]?.state, 'RUNNING');
  equal(got.length, recording.messages.length);
  for (const [index, { data }] of recording.messages.entries()) {
    if (!data.equals(got[index]!)) equal(String(got[index]), String(data), `message ${index}`);
  }
  equal(server.received.length, new Set(how.cuts).size + 1);
  for (const sent of server.received) deepEqual(sent, subscriptions);
}

function tablesOf(topic: string) {
  const table = (name: string) => ({ topic: `${topic}-${name}`, partitions: 1 });
  return { config: table('configs'), offset: table('offsets'), status: table('status') };
}

/** Values of the topic, which the task has yet to make; bounded, so that a lost message fails and does not hang. */
async function readValues(broker: Broker, topic: string, count: number): Promise<Buffer[]> {
  const values: Buffer[] = [];
  const signal = AbortSignal.timeout(30_000);
  while (!(await broker.listTopics()).includes(topic) && !signal.aborted)
    await new Promise((wake) => setTimeout(wake, 5));
  for await (const { records } of broker.read({ topic, partition: 0, from: 'earliest', signal })) {
    for (const { value } of records) values.push(Buffer.from(value!));
    if (values.length >= count) break;
  }
  return values;
}
