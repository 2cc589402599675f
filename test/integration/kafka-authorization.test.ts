/** A Kafka with access rules, and a user who may do nothing: every call says so at once, and none is tried for ever. */
import { deepEqual, equal, ok } from 'node:assert/strict';
import { after, test } from 'node:test';
import { codecs } from '../../src/app/codecs.ts';
import { isError } from '../../src/base/errors.ts';
import type { Broker } from '../../src/broker/broker.ts';
import { openKafkaBroker } from '../../src/broker/kafka/kafka.ts';
import { readAll, record, topicName } from '../contract/broker/fixture.ts';
import { freePorts } from '../support/free-ports.ts';
import { kafkaMissing, startKafka } from '../support/kafka.ts';

const skip = await kafkaMissing();
const secret = 'canary-secret-79';
const [sasl, controller, plain] = (await freePorts(3)) as [number, number, number];
const kafka = skip === false ? await startRuled() : undefined;
after(() => kafka?.[Symbol.asyncDispose]());

function startRuled() {
  const listeners = `SASL://127.0.0.1:${sasl},PLAINTEXT://127.0.0.1:${plain},CONTROLLER://127.0.0.1:${controller}`;
  const login = 'org.apache.kafka.common.security.plain.PlainLoginModule';
  return startKafka(
    {
      listeners,
      'advertised.listeners': listeners,
      'controller.quorum.voters': `1@127.0.0.1:${controller}`,
      'inter.broker.listener.name': 'PLAINTEXT',
      'listener.security.protocol.map': 'SASL:SASL_PLAINTEXT,PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT',
      'sasl.enabled.mechanisms': 'PLAIN',
      'listener.name.sasl.plain.sasl.jaas.config': `${login} required user_nobody="${secret}";`,
      'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
      'super.users': 'User:ANONYMOUS',
    },
    { readyPort: plain },
  );
}

/** What the one who may do nothing tries. */
const attempts: Readonly<Record<string, (broker: Broker, topic: string) => Promise<unknown>>> = {
  createTopic: (broker) => broker.createTopic({ name: topicName('no') }),
  describeTopic: (broker, topic) => broker.describeTopic(topic),
  alterTopicConfig: (broker, topic) => broker.alterTopicConfig(topic, { 'retention.ms': '1000' }),
  addPartitions: (broker, topic) => broker.addPartitions(topic, 3),
  deleteTopic: (broker, topic) => broker.deleteTopic(topic),
  deleteRecords: (broker, topic) => broker.deleteRecords(topic, 0, 1),
  offset: (broker, topic) => broker.offset(topic, 0, 'latest'),
  read: (broker, topic) => readAll(broker, topic),
  send: async (broker, topic) => {
    await using producer = await broker.producer({ deliveryTimeoutMs: Number.POSITIVE_INFINITY });
    await producer.send(topic, 0, [record('no')]);
  },
  'producer with transactions': (broker) => broker.producer({ transactionalId: topicName('id') }),
  group: (broker, topic) => broker.group({ groupId: topicName('group'), topics: [topic] }),
  committedOffsets: (broker) => broker.committedOffsets('group'),
  setCommittedOffsets: (broker, topic) => broker.setCommittedOffsets('group', [{ topic, partition: 0, offset: 1 }]),
  deleteGroup: (broker) => broker.deleteGroup('group'),
};

test('whoever may do nothing is told so by each call, and sees no topic', { skip, timeout: 300_000 }, async () => {
  await using anonymous = await openKafkaBroker({ bootstrap: [kafka!.bootstrap], codecs });
  const topic = topicName('ruled');
  await anonymous.createTopic({ name: topic });
  await using producer = await anonymous.producer();
  await producer.send(topic, 0, [record('a'), record('b')]);
  await using nobody = await openKafkaBroker({
    bootstrap: [`127.0.0.1:${sasl}`],
    codecs,
    sasl: { mechanism: 'plain', username: 'nobody', password: secret },
  });
  deepEqual(await nobody.listTopics(), []);
  const outcomes: [string, string][] = [];
  for (const [what, attempt] of Object.entries(attempts)) {
    const error: unknown = await attempt(nobody, topic).then(
      () => 'it worked',
      (failure: unknown) => failure,
    );
    outcomes.push([what, isError(error) ? error.code : String(error)]);
    ok(isError(error) && !error.retriable, `${what}: ${String(error)}`);
    ok(!String(error.stack).includes(secret));
  }
  deepEqual(
    outcomes,
    Object.keys(attempts).map((what) => [what, 'AUTHORIZATION_FAILED']),
  );
  equal((await readAll(anonymous, topic)).length, 2);
});
