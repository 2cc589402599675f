import { deepEqual, equal, rejects } from 'node:assert/strict';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { tempFolder } from '../../../test/support/temp-folder.ts';
import type { LocalBroker } from '../../broker/broker.ts';
import { openEmbeddedBroker } from '../../broker/embedded/embedded.ts';
import type { ProduceRecord } from '../../record/record.ts';
import { noHeaders } from '../../record/record.ts';
import { catalogTopic } from '../../worker/spool/spool-catalog.ts';
import { forwardedGroup } from '../../worker/spool/task-log.ts';
import { codecs } from '../codecs.ts';
import { localSpool } from './local-spool.ts';
import type { InspectOptions, SpoolEntry } from './spool-access.ts';

const record = (key: string | null, value: string, timestampMs: number): ProduceRecord => ({
  key: key === null ? null : Buffer.from(key),
  value: Buffer.from(value),
  headers: noHeaders,
  timestampMs,
});

/** A spool as a worker leaves it: one task with two topics, of which the first is half forwarded. */
async function fill(broker: LocalBroker): Promise<void> {
  await broker.createTopic({ name: catalogTopic, config: { 'cleanup.policy': 'compact' } });
  await broker.createTopic({ name: 'feed-0', partitions: 2 });
  await using producer = await broker.producer();
  const entry = {
    ...{ connector: 'feed', task: 0, log: 'feed-0', topics: ['trades', 'quotes'] },
    config: { 'spool.mode': 'exactly-once' },
  };
  await producer.send(catalogTopic, 0, [record('["feed",0]', JSON.stringify(entry), 1)]);
  for (const [i, text] of ['a', 'b', 'c', 'd'].entries())
    await producer.send('feed-0', 0, [record(null, text, 1000 + i)]);
  await producer.send('feed-0', 1, [record('k', 'q', 2000)]);
  await broker.setCommittedOffsets(forwardedGroup, [{ topic: 'feed-0', partition: 0, offset: 2 }]);
}

async function inspected(
  broker: LocalBroker | undefined,
  options: InspectOptions,
  connector = 'feed',
): Promise<SpoolEntry[]> {
  const found: SpoolEntry[] = [];
  const signal = new AbortController().signal;
  for await (const entries of localSpool(() => broker).inspect(connector, options, signal)) found.push(...entries);
  return found;
}

const shown = (entries: readonly SpoolEntry[]): unknown[] =>
  entries.map((entry) =>
    'damaged' in entry ? `${entry.damaged.from}-${entry.damaged.to}` : `${entry.topic} ${entry.offset} ${entry.value}`,
  );

test('what waits is told by topic, from what was forwarded on', async () => {
  await using folder = await tempFolder('local-spool');
  await using broker = await openEmbeddedBroker({ directory: folder.path, codecs });
  deepEqual(await localSpool(() => broker).list(), []);
  await fill(broker);
  const [trades, quotes, ...others] = await localSpool(() => broker).list();
  const { bytes, ...rest } = trades!;
  equal(bytes, broker.extent('feed-0', 0).bytes);
  deepEqual(rest, {
    ...{ connector: 'feed', task: 0, topic: 'trades', records: 2, position: 2, end: 4 },
    ...{ oldestMs: 1002, mode: 'exactly-once', isOrphan: false },
  });
  deepEqual([quotes?.topic, quotes?.records, quotes?.oldestMs, others], ['quotes', 1, 2000, []]);
  await broker.setCommittedOffsets(forwardedGroup, [{ topic: 'feed-0', partition: 1, offset: 1 }]);
  const [, empty] = await localSpool(() => broker).list();
  deepEqual([empty?.records, empty?.oldestMs], [0, null]);
});

test('records are shown from the oldest that waits, or where it is asked for', async () => {
  await using folder = await tempFolder('local-spool');
  await using broker = await openEmbeddedBroker({ directory: folder.path, codecs });
  await fill(broker);
  deepEqual(shown(await inspected(broker, {})), ['trades 2 c', 'trades 3 d', 'quotes 0 q']);
  deepEqual(shown(await inspected(broker, { from: 0, topic: 'trades', limit: 3 })), [
    'trades 0 a',
    'trades 1 b',
    'trades 2 c',
  ]);
  deepEqual(shown(await inspected(broker, { from: 99 })), []);
  deepEqual(await inspected(broker, { topic: 'quotes' }), [
    { task: 0, topic: 'quotes', offset: 0, timestamp: 2000, key: 'k', value: 'q', headers: [] },
  ]);
});

test('a block that is damaged is named, and what is beside it is shown', async () => {
  await using folder = await tempFolder('local-spool');
  {
    await using broker = await openEmbeddedBroker({ directory: folder.path, codecs });
    await fill(broker);
  }
  const db = new DatabaseSync(join(folder.path, 'tributary.db'));
  db.exec(
    "UPDATE bodies SET bytes = CAST(substr(bytes, 1, length(bytes) - 2) || x'ffff' AS BLOB) WHERE id = (SELECT body FROM batches JOIN partitions ON partitions.no = batches.partition JOIN topics ON topics.no = topic WHERE name = 'feed-0' AND partitions.partition = 0 AND base = 2)",
  );
  db.close();
  await using broker = await openEmbeddedBroker({ directory: folder.path, codecs });
  deepEqual(shown(await inspected(broker, { topic: 'trades' })), ['2-3', 'trades 3 d']);
  deepEqual((await localSpool(() => broker).list())[0]?.oldestMs, 1003, 'the oldest that can be read');
});

const refused: readonly (readonly [connector: string, options: InspectOptions, message: RegExp])[] = [
  ['fed', {}, /^Nothing of a connector "fed" was spooled\. Did you mean "feed"\?/],
  ['feed', { task: 7 }, /^Nothing of task 7 of "feed" was spooled: there is 0\./],
  ['feed', { topic: 'trade' }, /^Nothing of "feed" was spooled for topic "trade"\. Did you mean "trades"\?/],
];

for (const [connector, options, message] of refused) {
  test(`what is not there is said: ${connector} ${JSON.stringify(options)}`, async () => {
    await using folder = await tempFolder('local-spool');
    await using broker = await openEmbeddedBroker({ directory: folder.path, codecs });
    await fill(broker);
    await rejects(inspected(broker, options, connector), { code: 'NOT_FOUND', message });
  });
}

test('while nothing was ever spooled there is nothing to see', async () => {
  deepEqual(await localSpool(() => undefined).list(), []);
  await rejects(inspected(undefined, {}), { code: 'NOT_FOUND' });
});
