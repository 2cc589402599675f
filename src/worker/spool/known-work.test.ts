import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import { tempFolder } from '../../../test/support/temp-folder.ts';
import { codecs } from '../../app/codecs.ts';
import { openEmbeddedBroker } from '../../broker/embedded/embedded.ts';
import { type LogEntry, recordingLog, silentLog } from '../../telemetry/log.ts';
import { openTable } from '../table.ts';
import { type KnownConnector, keepKnownWork, knownWorkTopic, readKnownWork } from './known-work.ts';

const group = { groupId: 'g', members: 1, hasLeft: false };

function connector(name: string): KnownConnector {
  return { name, config: [[`connector-${name}`, '{}']], status: [], tasks: [0] };
}

test('what is kept is read again; an entry that nobody can read is passed over alone, and told', async () => {
  await using folder = await tempFolder('known-work');
  await using broker = await openEmbeddedBroker({ directory: folder.path, codecs });
  const entries: LogEntry[] = [];
  const log = recordingLog(entries);
  equal(await readKnownWork(broker, log), undefined);
  await using table = await openTable({ broker, topic: knownWorkTopic, partitions: 1, log: silentLog });
  await keepKnownWork(table, { group, connectors: [connector('a'), connector('b')] }, 7);
  deepEqual(await readKnownWork(broker, log), { group, atMs: 7, connectors: [connector('a'), connector('b')] });
  deepEqual(entries, []);
  const damaged = {
    'connector cut': '{"name":"cut"',
    'connector list': '[]',
    'connector nameless': JSON.stringify({ ...connector('c'), name: 1 }),
    'connector config': JSON.stringify({ ...connector('c'), config: [['connector-c']] }),
    'connector status': JSON.stringify({ ...connector('c'), status: 'RUNNING' }),
    'connector tasks': JSON.stringify({ ...connector('c'), tasks: ['0'] }),
  };
  await table.put(Object.entries(damaged));
  deepEqual(await readKnownWork(broker, log), { group, atMs: 7, connectors: [connector('a'), connector('b')] });
  deepEqual(
    entries.map(({ level, event, fields }) => [level, event, fields['key']]),
    Object.keys(damaged).map((key) => ['warn', 'spool_known_work_damaged', key]),
  );
  entries.length = 0;
  await table.put([['group', JSON.stringify({ ...group, members: null, atMs: 7 })]]);
  equal(await readKnownWork(broker, log), undefined);
  deepEqual(
    entries.map(({ event, fields }) => [event, fields['key']]),
    [['spool_known_work_damaged', 'group']],
  );
});
