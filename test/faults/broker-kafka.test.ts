/** A Kafka that is killed under load and comes back: nothing acknowledged is lost, nothing doubled, the order kept. */
import { deepEqual, equal, ok } from 'node:assert/strict';
import { after, test } from 'node:test';
import { codecs } from '../../src/app/codecs.ts';
import { openKafkaBroker } from '../../src/broker/kafka/kafka.ts';
import { record, topicName, valuesOf } from '../contract/broker/fixture.ts';
import { kafkaMissing, startKafka } from '../support/kafka.ts';

const skip = await kafkaMissing();
const kafka = skip === false ? await startKafka() : undefined;
after(() => kafka?.[Symbol.asyncDispose]());

const kills = process.env['TEST_LONG'] === '1' ? 5 : 1;

test('kill -9 of the broker under load, and its return', { skip, timeout: 240_000 }, async () => {
  await using broker = await openKafkaBroker({ bootstrap: [kafka!.bootstrap], codecs });
  const topic = topicName('killed');
  await broker.createTopic({ name: topic });
  let retries = 0;
  const options = { deliveryTimeoutMs: Number.POSITIVE_INFINITY, onRetry: () => void retries++ };
  await using producer = await broker.producer(options);
  const acknowledged: number[] = [];
  let next = 0;
  let running = true;

  /** Five sends are under way at any time, numbered in the order in which they were made. */
  const lanes = Array.from({ length: 5 }, async () => {
    while (running) {
      const number = next++;
      await producer.send(topic, 0, [record(String(number))]);
      acknowledged.push(number);
    }
  });
  const reach = async (count: number): Promise<void> => {
    while (acknowledged.length < count) await new Promise((wake) => setTimeout(wake, 5));
  };

  for (let kill = 0; kill < kills; kill++) {
    await reach(acknowledged.length + 500);
    await kafka!.kill9();
    const before = acknowledged.length;
    await kafka!.restart();
    const backMs = performance.now();
    await reach(before + 100);
    const tookMs = performance.now() - backMs;
    ok(tookMs < 10_000, `writing went on ${tookMs} ms after the broker was back`);
  }
  await reach(acknowledged.length + 500);
  running = false;
  await Promise.all(lanes);

  const values = (await valuesOf(broker, topic)).map(Number);
  deepEqual(
    values,
    Array.from({ length: next }, (_, i) => i),
  );
  equal(acknowledged.length, next);
  ok(retries > 0, 'what was tried again is reported');
});
