/** What every implementation of the broker port must do. A difference between two of them is a bug of one of them. */
import { deepEqual, rejects } from 'node:assert/strict';
import { test } from 'node:test';
import type { Broker } from '../../src/broker/broker.ts';
import { abortTests } from './broker/aborting.ts';
import { abortedProducerTests } from './broker/aborting-producers.ts';
import { columnTests } from './broker/columns.ts';
import { type BrokerFixture, record, topicName } from './broker/fixture.ts';
import { groupTests } from './broker/groups.ts';
import { limitTests } from './broker/limits.ts';
import { membershipTests } from './broker/membership.ts';
import { produceReadTests } from './broker/produce-read.ts';
import { recreatedTests } from './broker/recreated.ts';
import { topicTests } from './broker/topics.ts';
import { transactionTests } from './broker/transactions.ts';

export function brokerContract(fixture: BrokerFixture, openAnother: () => Promise<Broker>): void {
  topicTests(fixture);
  produceReadTests(fixture);
  columnTests(fixture);
  transactionTests(fixture);
  groupTests(fixture);
  membershipTests(fixture);
  recreatedTests(fixture);
  limitTests(fixture);
  abortTests(fixture);
  abortedProducerTests(fixture);

  test(`${fixture.name}: a closed broker says so, and closing again does nothing`, { skip: fixture.skip }, async () => {
    const broker = await openAnother();
    const topic = topicName('closed');
    await broker.createTopic({ name: topic });
    const producer = await broker.producer();
    const waiting = (async () => {
      for await (const fetched of broker.read({ topic, partition: 0, from: 'earliest' }))
        deepEqual(fetched.records, []);
    })();
    const ended = rejects(waiting, { code: 'BROKER_CLOSED' });
    await broker.close();
    await ended;
    await rejects(producer.send(topic, 0, [record('x')]), { code: 'BROKER_CLOSED' });
    await rejects(broker.listTopics(), { code: 'BROKER_CLOSED' });
    await broker.close();
  });
}
