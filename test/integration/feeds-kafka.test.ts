import { after, describe, test } from 'node:test';
import { codecs } from '../../src/app/codecs.ts';
import type { Broker } from '../../src/broker/broker.ts';
import { openKafkaBroker } from '../../src/broker/kafka/kafka.ts';
import { feedTests, missing } from '../support/feed-tests.ts';
import { kafkaMissing, startKafka } from '../support/kafka.ts';

const skip = missing === false ? await kafkaMissing() : missing;
if (skip !== false) test('recorded feeds on Kafka', { skip }, () => {});

describe('recorded feeds into Kafka', { skip }, () => {
  const kafka = skip === false ? startKafka() : undefined;
  let broker: Promise<Broker> | undefined;
  after(async () => {
    await (await broker)?.close();
    await (await kafka)?.[Symbol.asyncDispose]();
  });
  feedTests(async () => {
    broker ??= kafka!.then(({ bootstrap }) => openKafkaBroker({ bootstrap: [bootstrap], codecs }));
    return broker;
  }, 'one');
});
