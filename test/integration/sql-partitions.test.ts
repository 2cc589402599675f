/** Partitions that are added to a topic while an application reads it. */
import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import { codecs } from '../../src/app/codecs.ts';
import type { Broker } from '../../src/broker/broker.ts';
import { openEmbeddedBroker } from '../../src/broker/embedded/embedded.ts';
import { openKafkaBroker } from '../../src/broker/kafka/kafka.ts';
import { kafkaMissing, startKafka } from '../support/kafka.ts';
import { type CheckpointedApp, startCheckpointed } from '../support/sql-topics.ts';
import { tempFolder } from '../support/temp-folder.ts';

/** Whatever was there before the start is not read: `latest`. */
const script = `CREATE STREAM In (v LONG) WITH (type = 'source', extension = 'kafka', format = 'json', kafka.topic = 'grows');
  CREATE STREAM Out (v LONG, n LONG) WITH (type = 'sink', extension = 'log', format = 'json');
  INSERT INTO Out SELECT v, COUNT(*) AS n FROM In;`;

async function send(broker: Broker, partition: number, v: number): Promise<void> {
  await using producer = await broker.producer();
  const value = Buffer.from(JSON.stringify({ v }));
  await producer.send('grows', partition, [{ key: null, value, headers: [], timestampMs: null }]);
}

function start(broker: Broker): CheckpointedApp {
  return startCheckpointed(broker, script, {}, undefined, { partitionsMs: 20 });
}

async function grows(broker: Broker): Promise<void> {
  await broker.createTopic({ name: 'grows', partitions: 1 });
  await send(broker, 0, 1);
  {
    await using app = start(broker);
    await app.run.whenOpen;
    // Where it begins is known with the first checkpoint.
    await app.until(() => app.metric('checkpoints_total') > 0, 'a checkpoint');
    await send(broker, 0, 2);
    await app.until(() => app.lines.length === 1, 'the row of the first partition');
    await broker.addPartitions('grows', 3);
    await send(broker, 2, 3);
    await app.until(() => app.lines.length === 2, 'the row of the third partition');
    await send(broker, 1, 4);
    await app.until(() => app.lines.length === 3, 'the row of the second partition');
    await send(broker, 0, 5);
    await app.until(() => app.lines.length === 4, 'another row of the first partition');
    deepEqual(app.lines, ['{"v":2,"n":1}', '{"v":3,"n":2}', '{"v":4,"n":3}', '{"v":5,"n":4}']);
    const said = app.log.filter(({ event }) => event === 'sql_partitions_added').map(({ fields }) => fields);
    deepEqual(said, [{ stream: 'In', topic: 'grows', from: 1, to: 3 }]);
    await app.stop();
  }
  // Added and written to while nobody ran: nothing is read twice, and nothing is passed over.
  await broker.addPartitions('grows', 4);
  await send(broker, 3, 6);
  await using app = start(broker);
  await app.until(() => app.lines.length === 1, 'the row of the fourth partition');
  await send(broker, 2, 7);
  await app.until(() => app.lines.length === 2, 'another row of the third partition');
  deepEqual(app.lines, ['{"v":6,"n":5}', '{"v":7,"n":6}']);
  await app.stop();
  equal(app.log.filter(({ event }) => event === 'sql_partitions_added').length, 0);
}

test('embedded: partitions that are added are read from their beginning, and have positions of their own', async () => {
  await using folder = await tempFolder('sql-partitions');
  await using broker = await openEmbeddedBroker({ directory: folder.path, codecs });
  await grows(broker);
});

test('kafka: partitions that are added are read from their beginning, and have positions of their own', {
  skip: process.env['TEST_LONG'] === '1' ? await kafkaMissing() : 'TEST_LONG=1 starts a Kafka for it',
  timeout: 300_000,
}, async () => {
  await using kafka = await startKafka();
  await using broker = await openKafkaBroker({ bootstrap: [kafka.bootstrap], codecs });
  await grows(broker);
});
