import { deepEqual, equal, match, rejects } from 'node:assert/strict';
import { test } from 'node:test';
import { ConnectorRun } from '../../test/support/connector-context.ts';
import { memoryBroker } from '../../test/support/memory-broker.ts';
import { closedServer, feedServer, webSocketStream } from '../../test/support/sql-app.ts';
import { tempFolder } from '../../test/support/temp-folder.ts';
import { openEmbeddedBroker } from '../broker/embedded/embedded.ts';
import { validate } from '../config/config-def.ts';
import { codecs } from './codecs.ts';
import { noBroker, sqlConnector } from './sql-connector.ts';

const script = `
  CREATE STREAM In (k STRING, v LONG) WITH (type = 'source', extension = 'kafka', format = 'json', kafka.topic = 'in', kafka.from = 'earliest');
  CREATE STREAM Out (k STRING, total LONG) WITH (type = 'sink', extension = 'kafka', format = 'json', kafka.topic = 'out');
  INSERT INTO Out SELECT k, SUM(v) AS total FROM In GROUP BY k;`;

test('an application runs as a connector: topic to topic, with metrics, until it is stopped', async () => {
  await using broker = memoryBroker();
  for (const name of ['in', 'out']) await broker.createTopic({ name });
  const producer = await broker.producer();
  const values = ['{"k":"a","v":1}', '{"k":"b","v":5}', 'no JSON', '{"k":"a","v":2}'];
  await producer.send(
    'in',
    0,
    values.map((value) => ({ key: null, value: Buffer.from(value), headers: [], timestampMs: null })),
  );
  await using run = new ConnectorRun(
    sqlConnector(async () => broker),
    { name: 'app', 'sql.text': script },
    { prefix: 'tributary_sql_' },
  );
  const ended = run.begin();
  await run.until(() => broker.values('out').length === 3, 'three rows');
  deepEqual(broker.values('out'), ['{"k":"a","total":1}', '{"k":"b","total":5}', '{"k":"a","total":3}']);
  equal(run.metric('stream_dropped', { stream: 'In' }), 1);
  equal(run.metric('query_state', { query: '1' }), 2);
  run.stop();
  equal(await ended, false);
});

test('a script that is wrong is refused when the configuration is validated', () => {
  const [value] = validate(sqlConnector(noBroker).config, { 'sql.text': 'SELECT a FROM b' });
  match(value!.errors.join(), /E_UNKNOWN_STREAM at line 1, column 15/);
});

test('an application that fails gives its reason', async () => {
  await using broker = memoryBroker();
  await using run = new ConnectorRun(
    sqlConnector(async () => broker),
    { name: 'app', 'sql.text': script },
  );
  await rejects(run.drain(), { code: 'UNKNOWN_TOPIC' });
});

test('a stream that is well says nothing for another one that is not', async () => {
  const gone = await closedServer();
  await using feed = await feedServer(['{"a":1}']);
  const streams = `${webSocketStream('source', 'Bad', 'a LONG', gone.url)}${webSocketStream('source', 'Good', 'a LONG', feed.url, ", websocket.reconnect.delay.ms = '50'")}`;
  await using run = new ConnectorRun(sqlConnector(noBroker), {
    name: 'app',
    'sql.text': `${streams}INSERT INTO Out SELECT a FROM Good;`,
  });
  const ended = run.begin();
  await run.until(() => run.statuses.some((status) => /^Bad: reconnecting/.test(status ?? '')), 'the first failure');
  await run.until(() => feed.sockets.length === 1, 'the good one');
  feed.sockets[0]!.terminate();
  await run.until(
    () => run.statuses.some((status) => /Bad: reconnecting.*; Good: reconnecting/.test(status ?? '')),
    'both',
  );
  await run.until(() => feed.sockets.length > 1 && !/Good/.test(run.statuses.at(-1) ?? ''), 'the good one back');
  match(run.statuses.at(-1) ?? '', /^Bad: reconnecting/);
  run.stop();
  equal(await ended, false);
});

test('an application that can be cut has as many tasks as it may; one that cannot has one, and says why', async () => {
  const connector = sqlConnector(noBroker);
  equal(connector.tasks({ name: 'app', 'sql.text': script }, 3).length, 3);
  equal(connector.tasks({ name: 'app', 'sql.text': script }, 1).length, 1);
  await using feed = await feedServer();
  const whole = {
    name: 'app',
    'tasks.max': '3',
    'sql.text': `${webSocketStream('source', 'Feed', 'a LONG', feed.url)}INSERT INTO Out SELECT a FROM Feed;`,
  };
  equal(connector.tasks(whole, 3).length, 1);
  await using run = new ConnectorRun(connector, whole);
  const ended = run.begin();
  await run.until(() => run.statuses.length > 0, 'a status');
  match(
    run.statuses[0] ?? '',
    /^tasks\.max has no effect: stream Feed reads a websocket connection, which has no partitions/,
  );
  run.stop();
  equal(await ended, false);
});

test('a task runs its share of the parts, each with metrics of its own', async () => {
  await using folder = await tempFolder('sql-tasks');
  await using broker = await openEmbeddedBroker({ directory: folder.path, codecs });
  await broker.createTopic({ name: 'in', partitions: 2 });
  await broker.createTopic({ name: 'out' });
  await using producer = await broker.producer();
  const records = ['a', 'b', 'a'].map((k) => ({
    key: null,
    value: Buffer.from(JSON.stringify({ k, v: 1 })),
    headers: [],
    timestampMs: null,
  }));
  for (const partition of [0, 1]) await producer.send('in', partition, records);
  const config = { name: 'app', 'tasks.max': '2', 'checkpoint.interval.ms': '20', 'sql.text': script };
  const connector = sqlConnector(async () => broker);
  await using first = new ConnectorRun(connector, config, { prefix: 'tributary_sql_', task: 0 });
  await using second = new ConnectorRun(connector, config, { prefix: 'tributary_sql_', task: 1 });
  const runs = [first, second];
  const ends = runs.map((run) => run.begin());
  const rows = (stream: string): number[] =>
    runs.map((run, part) => run.metric('stream_rows', { stream, part: String(part) }));
  await first.until(() => rows('Out')[0]! + rows('Out')[1]! === 6, 'a row for each that came');
  deepEqual(rows('In'), [3, 3]);
  deepEqual(
    runs.map((run) => run.metric('restoring')),
    [0, 0],
  );
  for (const run of runs) run.stop();
  deepEqual(await Promise.all(ends), [false, false]);
});
