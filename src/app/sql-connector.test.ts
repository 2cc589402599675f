import { deepEqual, equal, match, rejects } from 'node:assert/strict';
import { test } from 'node:test';
import { ConnectorRun } from '../../test/support/connector-context.ts';
import { memoryBroker } from '../../test/support/memory-broker.ts';
import { closedServer, feedServer, webSocketStream } from '../../test/support/sql-app.ts';
import { validate } from '../config/config-def.ts';
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
