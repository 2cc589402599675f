/** Writes that may wait for another one. Where they did not go along with it, these tests would last a minute and fail. */
import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import { tempFolder } from '../../../test/support/temp-folder.ts';
import { codecs } from '../../app/codecs.ts';
import { noHeaders } from '../../record/record.ts';
import { type EmbeddedBroker, openEmbeddedBroker } from './embedded.ts';

const late = { withinMs: 600_000 };
const timeout = 60_000;

async function opened(directory: string): Promise<EmbeddedBroker> {
  const broker = await openEmbeddedBroker({ directory, codecs });
  if (!(await broker.listTopics()).includes('t')) await broker.createTopic({ name: 't' });
  return broker;
}

async function sendOne(broker: EmbeddedBroker): Promise<void> {
  await using producer = await broker.producer();
  await producer.send('t', 0, [{ key: null, value: Buffer.from('v'), headers: noHeaders, timestampMs: 1 }]);
}

const offsetsTo = (offset: number) => [{ topic: 't', partition: 0, offset }];

test('it goes along with the next write', { timeout }, async () => {
  await using folder = await tempFolder('lazy-writes');
  await using broker = await opened(folder.path);
  const stored = broker.setCommittedOffsets('g', offsetsTo(0), late);
  await sendOne(broker);
  await stored;
  const deleted = broker.deleteRecords('t', 0, 1, late);
  await sendOne(broker);
  equal(await deleted, 1);
  deepEqual(await broker.committedOffsets('g'), offsetsTo(0));
});

test('where none comes it is written when its time is over, those that wait in their order', { timeout }, async () => {
  await using folder = await tempFolder('lazy-writes');
  await using broker = await opened(folder.path);
  const soon = { withinMs: 5 };
  await Promise.all([1, 2, 3].map((offset) => broker.setCommittedOffsets('g', offsetsTo(offset), soon)));
  deepEqual(await broker.committedOffsets('g'), offsetsTo(3));
});

test('a broker that is closed has written it', { timeout }, async () => {
  await using folder = await tempFolder('lazy-writes');
  const broker = await opened(folder.path);
  const stored = broker.setCommittedOffsets('g', offsetsTo(0), late);
  await broker.close();
  await stored;
  await using again = await opened(folder.path);
  deepEqual(await again.committedOffsets('g'), offsetsTo(0));
});
