import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import { tempFolder } from '../../test/support/temp-folder.ts';
import { openEmbeddedBroker } from '../broker/embedded/embedded.ts';
import { exposition } from '../telemetry/exposition.ts';
import { type LogEntry, recordingLog } from '../telemetry/log.ts';
import { MetricRegistry } from '../telemetry/metrics.ts';
import { codecs } from './codecs.ts';
import { embeddedEvents } from './embedded-events.ts';

function setup() {
  const registry = new MetricRegistry();
  const entries: LogEntry[] = [];
  const onEvent = embeddedEvents(recordingLog(entries), registry.root());
  const counted = (): Record<string, number> =>
    Object.fromEntries(
      [...exposition([...registry.families.values()]).matchAll(/^tributary_embedded_(\w+)_total ([1-9]\d*)$/gm)].map(
        ([, name, count]) => [name, Number(count)],
      ),
    );
  return { entries, onEvent, counted };
}

test('a damaged batch on the disk is counted when it is read, with the offsets it held', async () => {
  await using folder = await tempFolder('damaged');
  const { entries, onEvent, counted } = setup();
  {
    await using broker = await openEmbeddedBroker({ directory: folder.path, codecs });
    await broker.createTopic({ name: 't' });
    await using producer = await broker.producer();
    for (const values of [['a'], ['b', 'c'], ['d']]) {
      const records = values.map((value) => ({
        key: null,
        value: Buffer.from(value),
        headers: [],
        timestampMs: null,
      }));
      await producer.send('t', 0, records);
    }
  }
  const { DatabaseSync } = await import('node:sqlite');
  const db = new DatabaseSync(`${folder.path}/tributary.db`);
  const { id, bytes } = db.prepare('SELECT id, bytes FROM bodies ORDER BY id LIMIT 1 OFFSET 1').get() as {
    id: number;
    bytes: Uint8Array;
  };
  bytes[bytes.length - 2]! ^= 1;
  db.prepare('UPDATE bodies SET bytes = ? WHERE id = ?').run(bytes, id);
  db.close();
  await using broker = await openEmbeddedBroker({ directory: folder.path, codecs, onEvent });
  const read: string[] = [];
  for await (const { records } of broker.read({ topic: 't', partition: 0, from: 'earliest', until: 'end' }))
    for (const { value } of records) read.push(Buffer.from(value!).toString());
  deepEqual(read, ['a', 'd']);
  deepEqual(counted(), { damaged_batches: 1, damaged_records: 2 });
  equal(entries[0]?.event, 'broker_damaged_batch');
});

test('whatever else the broker tells is counted, too', () => {
  const { onEvent, counted } = setup();
  onEvent({ kind: 'log-damaged', lostFrames: 7, lostRecords: 3, lostChanges: 5 });
  onEvent({ kind: 'transactions-aborted', count: 2 });
  onEvent({ kind: 'index-repaired', topic: 't', partition: 0, rows: 4 });
  onEvent({ kind: 'maintenance-failed', reason: 'disk full' });
  onEvent({ kind: 'upkeep-failed', reason: 'disk full' });
  deepEqual(counted(), {
    ...{ log_lost_frames: 7, lost_records: 3, lost_changes: 5 },
    ...{ aborted_transactions: 2, upkeep_failures: 2, repaired_index_entries: 4 },
  });
});
