import { test } from 'node:test';
import { playAllCases } from '../support/gateway/play-all-cases.ts';
import { kafkaMissing, startKafka } from '../support/kafka.ts';

test('every case of the gateway passes on a real Kafka', { skip: await kafkaMissing() }, async () => {
  await using kafka = await startKafka();
  await playAllCases(['--broker', `kafka://${kafka.bootstrap}`]);
});
