/**
 * Three Kafka nodes, and one is killed under load and comes back: the leader of a partition, and the coordinator of
 * transactions. Nothing is lost, doubled, reordered or torn.
 */
import { deepEqual, equal, notEqual } from 'node:assert/strict';
import { after, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { codecs } from '../../src/app/codecs.ts';
import type { Broker } from '../../src/broker/broker.ts';
import { openKafkaBroker } from '../../src/broker/kafka/kafka.ts';
import { startSourceTask } from '../../src/worker/source-task.ts';
import { eventually, record, topicName, valuesOf } from '../contract/broker/fixture.ts';
import { kafkaMissing, startKafkaCluster } from '../support/kafka.ts';
import { scriptedPartition, scriptedSource, textRecord } from '../support/scripted-source.ts';
import { sourceTaskOptions } from '../support/source-task.ts';
import { withProducers } from '../support/with-producers.ts';

const skip = await kafkaMissing();
const cluster = skip === false ? await startKafkaCluster() : undefined;
after(() => cluster?.[Symbol.asyncDispose]());
const patienceMs = 90_000;

/** Between two records of a lane: it is under load all the time, and the nodes have a core to choose a leader on. */
const laneMs = 5;

test('the leader of a partition is killed under load, comes back, and leads again', {
  skip,
  timeout: 300_000,
}, async () => {
  const kafka = cluster!;
  await using broker = await openKafkaBroker({ bootstrap: kafka.bootstrap, codecs });
  const topic = topicName('replicated');
  await makeReplicated(broker, topic, 1);
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
    patienceMs,
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

/** Once all three nodes are there. */
async function makeReplicated(broker: Broker, name: string, partitions: number): Promise<void> {
  await eventually(
    () => broker.createTopic({ name, partitions, replicationFactor: 3 }).catch(() => undefined),
    (made) => made !== undefined,
    patienceMs,
  );
}

/** The node that keeps what is known of a transactional id: the leader of its partition of Kafka's own topic. */
async function coordinatorOf(broker: Broker, transactionalId: string): Promise<number> {
  const { partitions } = await broker.describeTopic('__transaction_state');
  let hash = 0; // of Java's strings
  for (let i = 0; i < transactionalId.length; i++) hash = (Math.imul(hash, 31) + transactionalId.charCodeAt(i)) | 0;
  return partitions[Math.abs(hash) % partitions.length]!.leader;
}

/** Batches of the test, and the one in whose transaction the node is killed. */
const batches = 40;
const struck = 20;

for (const [call, when] of [
  ['commit', 'between the sends and the commit'],
  ['send', 'while records are on their way'],
] as const) {
  test(`exactly once: the coordinator, which leads a partition of the topic too, is killed ${when}: each record is there once, none of a transaction alone`, {
    skip,
    timeout: 300_000,
  }, async () => {
    const kafka = cluster!;
    await using broker = await openKafkaBroker({ bootstrap: kafka.bootstrap, codecs });
    const topic = topicName('moved');
    const leaders = async () => (await broker.describeTopic(topic)).partitions.map(({ leader }) => leader);
    await makeReplicated(broker, topic, 3);
    const transactionalId = topicName('id');
    let calls = 0;
    let killed: number | undefined;
    const kill = async (): Promise<void> => {
      if (++calls < struck || killed !== undefined) return;
      killed = await coordinatorOf(broker, transactionalId);
      equal((await leaders()).includes(killed), true);
      await kafka.kill9(killed);
    };
    const struckBroker = withProducers(broker, (producer) => ({
      async commit() {
        if (call === 'commit') await kill();
        await producer.commit();
      },
      async send(...args) {
        const strikes = call === 'send' && args[0] === topic && args[1] === 0;
        const [sent] = await Promise.all([producer.send(...args), strikes ? kill() : undefined]);
        return sent;
      },
    }));
    const connector = scriptedSource();
    const { options } = await sourceTaskOptions(struckBroker, connector, topicName('offsets'), {
      config: { topic },
      exactlyOnce: { transactionalId, boundary: { kind: 'poll' } },
    });
    /** A record for each partition, in one transaction. */
    const give = async (run: number, from: number, to: number): Promise<void> => {
      const opened = await eventually(
        async () => connector.runs[run]!,
        (found) => found !== undefined,
        patienceMs,
      );
      for (let n = from; n < to; n++) {
        opened.giveBatch({
          records: [0, 1, 2].map((partition) => ({ ...textRecord(topic, String(n)), partition })),
          partition: scriptedPartition,
          offset: { sequence: n },
          receivedAtMs: 0,
        });
      }
    };
    const holds = async (count: number): Promise<void> => {
      const wanted = Array.from({ length: count }, (_, n) => String(n));
      for (const partition of [0, 1, 2]) {
        const values = await eventually(
          () => valuesOf(broker, topic, { partition }),
          ({ length }) => length >= count,
          patienceMs,
        );
        deepEqual(values, wanted, `partition ${partition}`);
      }
    };

    const task = startSourceTask(options);
    await give(0, 0, batches);
    await holds(batches);
    notEqual(killed, undefined);
    notEqual(await coordinatorOf(broker, transactionalId), killed);
    equal((await leaders()).includes(killed!), false);
    task.stop();
    equal(await task.ended, true);
    // The next run takes the id over from the node that has it now.
    const again = startSourceTask(options);
    await give(1, batches, batches + 5);
    await holds(batches + 5);
    again.stop();
    equal(await again.ended, true);
    await options.offsets.caughtUp();
    deepEqual(options.offsets.get('c', scriptedPartition), { sequence: batches + 4 });
    await kafka.restart(killed!);
  });
}
