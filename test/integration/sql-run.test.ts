import { deepEqual, equal, match, rejects } from 'node:assert/strict';
import { test } from 'node:test';
import { feedServer, startSql, until, webSocketStream } from '../support/sql-app.ts';

const source = (name: string, columns: string, url: string, more = ''): string =>
  webSocketStream('source', name, columns, url, more);
const sink = (name: string, columns: string, url: string, more = ''): string =>
  webSocketStream('sink', name, columns, url, more);

test('frames in, a window, frames out: text and binary frames alike, keys in the order of the schema', async () => {
  await using feed = await feedServer([
    '{"p":"100","s":"BTC","q":1}',
    Buffer.from('[{"s":"BTC","p":104,"q":3},{"s":"ETH","p":7,"q":2}]'),
    'no JSON',
  ]);
  await using out = await feedServer();
  const script = `${source('In', 's STRING, p DOUBLE, q DOUBLE', feed.url, `, "websocket.headers.X-Key" = 'k'`)}
    ${sink('Out', 'symbol STRING, vwap DOUBLE, n LONG', out.url, `, "websocket.headers.Authorization" = 'Bearer t'`)}
    INSERT INTO Out SELECT s AS symbol, SUM(p * q) / SUM(q) AS vwap, COUNT(*) AS n FROM In WINDOW LENGTHBATCH(3) GROUP BY s;`;
  await using running = startSql(script);
  await until(() => out.received.length === 2, 'two rows');
  deepEqual(
    out.received.map(({ text }) => text),
    ['{"symbol":"BTC","vwap":103,"n":2}', '{"symbol":"ETH","vwap":7,"n":1}'],
  );
  equal(feed.headers[0]!['x-key'], 'k');
  equal(out.headers[0]!['authorization'], 'Bearer t');
  equal(running.run.application.dropped('In'), 1);
  await running.stop();
});

test('a sink that cannot be reached at the start is reached by a later row; binary frames if wanted', async () => {
  const first = await feedServer();
  const { port } = new URL(first.url);
  await first[Symbol.asyncDispose]();
  await using feed = await feedServer();
  const options = `, "websocket.message.type" = 'binary', "websocket.reconnect.delay.ms" = 20, "websocket.reconnect.max.attempts" = -1`;
  const script = `${source('In', 'a LONG', feed.url)} ${sink('Out', 'a LONG', first.url, options)} INSERT INTO Out SELECT a FROM In;`;
  await using running = startSql(script);
  await until(() => feed.sockets.length === 1, 'the source');
  match(running.statuses.join(), /Failed to connect to WebSocket ws:\/\/127\.0\.0\.1:\d+\/: Connection refused/);
  await using out = await feedServer([], Number(port));
  feed.sockets[0]!.send('{"a":9007199254740993}');
  await until(() => out.received.length === 1, 'the row');
  deepEqual(out.received, [{ text: '{"a":9007199254740993}', binary: true }]);
});

test('a sink gives up after its tries, and the strategy decides: drop counts, fail ends the application', async () => {
  const gone = await feedServer();
  await gone[Symbol.asyncDispose]();
  await using feed = await feedServer(['{"a":1}']);
  const script = (strategy: string): string => {
    const options = `, "websocket.reconnect.delay.ms" = 1, "error.strategy" = '${strategy}'`;
    return `${source('In', 'a LONG', feed.url)} ${sink('Out', 'a LONG', gone.url, options)} INSERT INTO Out SELECT a FROM In;`;
  };
  await using dropping = startSql(script('drop'));
  await until(() => dropping.run.application.dropped('Out') === 1, 'the drop');
  await using failing = startSql(script('fail'));
  await rejects(failing.done, /Failed to connect to WebSocket .*Connection refused/);
});

test('reconnect = false: each publish fails at once', async () => {
  const gone = await feedServer();
  await gone[Symbol.asyncDispose]();
  await using feed = await feedServer(['{"a":1}']);
  const options = `, "websocket.reconnect" = false, "error.strategy" = 'fail'`;
  await using running = startSql(
    `${source('In', 'a LONG', feed.url)} ${sink('Out', 'a LONG', gone.url, options)} INSERT INTO Out SELECT a FROM In;`,
  );
  await rejects(running.done, /WebSocket not connected and reconnect is disabled/);
});

test('a bad message reaches the dead-letter stream; error.strategy = fail ends the application', async () => {
  await using feed = await feedServer(['{"a":"x"}']);
  const dead = `CREATE STREAM Dead (originalEvent STRING, errorMessage STRING, errorType STRING, timestamp LONG, attemptCount INT, streamName STRING)
    WITH (type = 'sink', extension = 'log', format = 'json');`;
  await using burying = startSql(
    `${dead} ${source('In', 'a LONG', feed.url, `, "error.strategy" = 'dlq', "error.dlq.stream" = 'Dead'`)}`,
  );
  await until(() => burying.lines.length === 1, 'the dead letter');
  const letter = JSON.parse(burying.lines[0]!) as Record<string, unknown>;
  deepEqual([letter['originalEvent'], letter['streamName'], letter['attemptCount']], ['{"a":"x"}', 'In', 1]);
  await using failing = startSql(source('In', 'a LONG', feed.url, `, "error.strategy" = 'fail'`));
  await rejects(failing.done, { code: 'CONVERSION_FAILED' });
});
