/** Three Kafka nodes, the leader of a partition killed under load and back again: nothing is lost, doubled or reordered. */
import { deepEqual, equal, notEqual } from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { codecs } from '../../src/app/codecs.ts';
import { openKafkaBroker } from '../../src/broker/kafka/kafka.ts';
import { eventually, record, topicName, valuesOf } from '../contract/broker/fixture.ts';
import { kafkaMissing, startKafkaCluster } from '../support/kafka.ts';

const skip = await kafkaMissing();
/** Between two records of a lane: it is under load all the time, and the nodes have a core to choose a leader on. */
const laneMs = 5;

test('the leader of a partition is killed under load, comes back, and leads again', {
  skip,
  timeout: 300_000,
}, async () => {
  await using kafka = await startKafkaCluster();
  await using broker = await openKafkaBroker({ bootstrap: kafka.bootstrap, codecs });
  const topic = topicName('replicated');
  await eventually(
    () => broker.createTopic({ name: topic, replicationFactor: 3 }).catch(() => undefined),
    (made) => made !== undefined,
    30_000,
  );
  const { leader, replicas } = (await broker.describeTopic(topic)).partitions[0]!;
  equal(replicas.length, 3);
  await using producer = await broker.producer({ deliveryTimeoutMs: Number.POSITIVE_INFINITY });
  let next = 0;
  let acknowledged = 0;
  let running = true;
  const lanes = Array.from({ length: 5 }, async () => {
    while (running) {
      await producer.send(topic, 0, [record(String(next++))]);
      acknowledged++;
      await sleep(laneMs);
    }
  });
  const reach = async (count: number): Promise<void> => {
    while (acknowledged < count) await new Promise((wake) => setTimeout(wake, laneMs));
  };
  await reach(250);
  await kafka.kill9(leader);
  await reach(acknowledged + 250);
  notEqual((await broker.describeTopic(topic)).partitions[0]!.leader, leader);
  await kafka.restart(leader);
  const back = await eventually(
    async () => (await broker.describeTopic(topic)).partitions[0]!.leader,
    (node) => node === leader,
    90_000,
  );
  equal(back, leader);
  // It has what was written while it was away, and takes what comes now.
  await reach(acknowledged + 250);
  running = false;
  await Promise.all(lanes);
  deepEqual(
    (await valuesOf(broker, topic)).map(Number),
    Array.from({ length: next }, (_, i) => i),
  );
  equal(acknowledged, next);
});
