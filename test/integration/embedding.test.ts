/** Streaming SQL inside a program: what the package exports, against real servers. */
import { deepEqual, equal, match, ok, rejects, throws } from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { codecs } from '../../src/app/codecs.ts';
import { createApplication, createSink, createSource, SqlError } from '../../src/app/embedding/embedding.ts';
import { openEmbeddedBroker } from '../../src/broker/embedded/embedded.ts';
import { closedServer, feedServer, until, webSocketStream } from '../support/sql-app.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { WsServer } from '../support/ws-server.ts';
import { sinkServer } from '../support/ws-sink-server.ts';

test('an application is fed and listened to by a program, in the time of its own clock', async () => {
  let now = 1000;
  await using application = createApplication(
    `CREATE STREAM Trades (symbol STRING, size LONG, tags OBJECT, raw BYTES);
     INSERT INTO Sums SELECT symbol, SUM(size) AS total, WINDOW_END() AS ends FROM Trades WINDOW TUMBLING(5 sec) GROUP BY symbol;
     INSERT INTO Same SELECT * FROM Trades;`,
    { clock: { nowMs: () => now } },
  );
  const sums: unknown[] = [];
  const same: unknown[] = [];
  application.subscribe('Sums', (row, timestampMs) => sums.push([row, timestampMs]));
  equal(application.status.state, 'created');
  await application.start();
  application.subscribe('Same', (row) => same.push(row)); // while it runs, too
  const row = { symbol: 'a', size: 2n ** 60n, tags: { list: [1, { b: null }] }, raw: new Uint8Array([255]) };
  await application.publish('Trades', row);
  await application.publish('Trades', { symbol: 'a', size: 3 });
  deepEqual(sums, []);
  now = 5000;
  await application.advance();
  deepEqual(sums, [[{ symbol: 'a', total: 2n ** 60n + 3n, ends: 5000 }, 4999]]);
  deepEqual(same, [row, { symbol: 'a', size: 3, tags: null, raw: null }]);
  deepEqual(application.statistics()['Trades'], { rows: 2, dropped: 0 });
  await application.stop();
  equal(application.status.state, 'stopped');
  await application.finished;
  await rejects(application.publish('Trades', row), {
    code: 'USAGE',
    message: 'Cannot publish: the application is stopped',
  });
});

test('an application keeps no more than it may', async () => {
  await using application = createApplication(
    'CREATE STREAM In (k LONG); INSERT INTO Out SELECT k, COUNT(*) AS n FROM In GROUP BY k;',
    { maxState: 2 },
  );
  const rows: unknown[] = [];
  application.subscribe('Out', (row) => rows.push(row));
  await application.start();
  for (const k of [1, 2, 3, 1]) await application.publish('In', { k });
  deepEqual(rows, [
    { k: 1, n: 1 },
    { k: 2, n: 1 },
    { k: 1, n: 2 },
  ]);
});

const wrong: readonly (readonly [row: Record<string, never | unknown>, message: RegExp])[] = [
  [{ s: 5 }, /^Cannot use column "s" of stream "In": it must be a string$/],
  [{ n: 1.5 }, /"n" of stream "In": it must be a whole number of 64 bits/],
  [{ n: 2n ** 63n }, /"n" of stream "In": it must be a whole number of 64 bits/],
  [{ i: 2 ** 31 }, /"i" of stream "In": it must be a whole number of 32 bits/],
  [{ d: Number.NaN }, /"d" of stream "In": it must be a finite number/],
  [{ o: [Number.POSITIVE_INFINITY] }, /"o" of stream "In": it must be a value of JSON/],
  [{ y: 'text' }, /"y" of stream "In": it must be a Uint8Array/],
  [{ b: 1 }, /"b" of stream "In": it must be true or false/],
  [{ ss: 'x' }, /^Stream "In" has no column "ss"\. Did you mean "s"\?/],
];
test('a row that does not fit its stream is refused, and the application goes on', async () => {
  await using application = createApplication(
    'CREATE STREAM In (s STRING, n LONG, i INT, d DOUBLE, o OBJECT, y BYTES, b BOOL);',
  );
  await application.start();
  for (const [row, message] of wrong)
    await rejects(application.publish('In', row as never), { code: 'USAGE', message });
  await rejects(application.publish('Inn', {}), { message: /no stream "Inn"\. Did you mean "In"\?/ });
  await application.publish('In', { s: 'x' });
  deepEqual(application.statistics()['In'], { rows: 1, dropped: 0 });
});

test('a script that is wrong is refused with its place, one with topics without a broker with what is wanted', async () => {
  throws(
    () => createApplication('SELECT a FROM b'),
    (error: unknown) =>
      error instanceof SqlError && error.sqlCode === 'E_UNKNOWN_STREAM' && error.explanation.endsWith('^'),
  );
  throws(
    () =>
      createApplication(
        `CREATE STREAM T (a LONG) WITH (type = 'sink', extension = 'kafka', format = 'json', kafka.topic = 't')`,
      ),
    {
      message: /^Topics need a broker/,
    },
  );
});

test('an application on real servers: connectivity, rows, failure', async () => {
  await using feed = await feedServer(['{"a":1}']);
  await using out = await sinkServer();
  const gone = await closedServer();
  const script = (url: string, more = ''): string =>
    `${webSocketStream('source', 'In', 'a LONG', url, more)}${webSocketStream('sink', 'Out', 'a LONG', out.url)}INSERT INTO Out SELECT a + 1 AS a FROM In;`;
  await using application = createApplication(script(feed.url));
  await application.validateConnectivity();
  await application.start();
  await until(() => out.taken.length === 1, 'the row');
  equal(out.taken[0]!.text, '{"a":2}');
  await application.stop();

  await using cut = createApplication(script(gone.url));
  await rejects(cut.validateConnectivity(), {
    message: `In: Failed to connect to WebSocket ${gone.url}: Connection refused`,
  });
  await cut.start(); // it starts and tries again
  await until(() => (cut.status.streams['In'] ?? '').startsWith('reconnecting'), 'the status');
  await cut.stop();

  await using strict = createApplication(script(gone.url, ", websocket.validate = 'true'"));
  await rejects(strict.start(), /Failed to connect to WebSocket .*Connection refused/);
  await rejects(strict.finished, /Connection refused/);
  deepEqual([strict.status.state, /Connection refused/.test(strict.status.reason!)], ['failed', true]);
});

test('an application that cannot be opened has failed, and is over', async () => {
  await using application = createApplication('CREATE STREAM In (v LONG);', {
    get log(): never {
      throw new Error('too loud');
    },
  });
  await rejects(application.start(), /too loud/);
  await rejects(application.finished, /loud/);
  deepEqual([application.status.state, /loud/.test(application.status.reason!)], ['failed', true]);
});

test('a listener that throws ends the application, and what it left half done is in no checkpoint', async () => {
  await using folder = await tempFolder('embedding');
  const broker = `embedded:${join(folder.path, 'data')}`;
  const sql = `CREATE STREAM In (v LONG); INSERT INTO A SELECT SUM(v) AS total FROM In; INSERT INTO B SELECT SUM(v) AS total FROM In;`;
  const totals: Record<string, unknown[]> = { A: [], B: [] };
  const run = async (values: readonly number[], last: number, throws: boolean): Promise<void> => {
    await using application = createApplication(sql, { broker, checkpoints: { name: 'sums' } });
    for (const name of ['A', 'B'])
      application.subscribe(name, (row) => {
        if (throws && name === 'A' && row['total'] === 30) throw new Error('the listener');
        totals[name]!.push(row['total']);
      });
    await application.start();
    for (const v of values) await application.publish('In', { v });
    const publishing = application.publish('In', { v: last });
    if (!throws) return publishing;
    await rejects(publishing, /the listener/);
    await rejects(application.finished, /the listener/);
    await rejects(application.publish('In', { v: 1 }), { message: 'Cannot publish: the application is failed' });
  };
  await run([], 10, false);
  await run([], 20, true);
  await run([], 1, false);
  deepEqual(totals, { A: [10, 11], B: [10, 11] });
});

test('an application goes on from its checkpoint', async () => {
  await using folder = await tempFolder('embedding');
  const broker = `embedded:${join(folder.path, 'data')}`;
  const totals: unknown[] = [];
  for (const round of [1, 2]) {
    await using application = createApplication(
      'CREATE STREAM In (v LONG); INSERT INTO Out SELECT SUM(v) AS total FROM In;',
      { broker, checkpoints: { name: 'sums' } },
    );
    application.subscribe('Out', (row) => totals.push(row['total']));
    await application.start();
    await application.publish('In', { v: round * 10 });
  }
  deepEqual(totals, [10, 30]);
});

test('a source and a sink of plain maps: messages come as they are, and are published with acknowledgement', async () => {
  await using feed = await feedServer(['one', Buffer.from([0, 255])]);
  await using out = await sinkServer();
  await using source = createSource({ extension: 'websocket', 'websocket.url': feed.url });
  await using sink = createSink({
    extension: 'websocket',
    'websocket.url': out.url,
    'websocket.message.type': 'binary',
  });
  await Promise.all([source.validateConnectivity(), sink.validateConnectivity()]);
  equal(sink.status, 'not started');
  await sink.start();
  await source.start((message) => sink.publish(message));
  await until(() => out.taken.length === 2, 'both messages');
  deepEqual(
    out.taken.map(({ binary }) => binary),
    [true, true],
  );
  equal(out.taken[0]!.text, 'one');
  await sink.publish('three');
  equal(out.taken[2]!.text, 'three');
  deepEqual([source.status, sink.status], ['connected', 'connected']);
  await source.stop();
  await source.finished;
  await sink.stop();
  await rejects(sink.publish('four'), { code: 'USAGE' });
  await rejects(
    source.start(() => {}),
    { code: 'USAGE' },
  );
});

const refused: readonly (readonly [make: () => unknown, message: string])[] = [
  [() => createSource({ extension: 'websocket' }), 'Missing required property: websocket.url'],
  [() => createSink({}), 'Missing required property: extension'],
  [
    () => createSource({ extension: 'websocket', 'websocket.url': 'http://x/' }),
    'Invalid WebSocket URL: must start with ws:// or wss://, got: http://x/',
  ],
  [
    () => createSink({ extension: 'websocket', 'websocket.url': 'ws://x/', 'websocket.message.type': 'xml' }),
    "Invalid message type 'xml': expected 'text' or 'binary'",
  ],
  [
    () => createSource({ extension: 'websocket', 'websocket.url': 'ws://x/', 'websocket.message.type': 'text' }),
    "option 'websocket.message.type' is only for a sink, and this is a source",
  ],
  [() => createSource({ type: 'sink', extension: 'log' }), "option 'type' must be 'source'"],
];
for (const [make, message] of refused) {
  test(`refused: ${message}`, () => throws(make, { code: 'SQL_INVALID', message }));
}

test('messages of a topic go from a source to a program, and from there to another topic', async () => {
  await using folder = await tempFolder('embedding');
  await using broker = await openEmbeddedBroker({ directory: folder.path, codecs });
  const topics = { extension: 'kafka', 'kafka.topic': 'from', 'kafka.from': 'earliest' };
  await using into = createSink({ extension: 'kafka', 'kafka.topic': 'from' }, { broker });
  await into.start();
  await into.publish('{"a":1}');
  await into.publish('{"a":2}');
  await using source = createSource(topics, { broker });
  const seen: string[] = [];
  await source.start((message) => void seen.push(Buffer.from(message).toString()));
  await until(() => seen.length === 2, 'both messages');
  deepEqual(seen, ['{"a":1}', '{"a":2}']);
});

test('what fails is told: a source that gives up, a publish without a connection, a message that is no text', async () => {
  const gone = await closedServer();
  const options = { extension: 'websocket', 'websocket.url': gone.url, 'websocket.reconnect.delay.ms': 1 };
  await using source = createSource({ ...options, 'websocket.reconnect.max.attempts': 2 });
  await rejects(source.validateConnectivity(), {
    message: `Failed to connect to WebSocket ${gone.url}: Connection refused`,
  });
  await source.start(() => {});
  await rejects(source.finished, {
    message: `Failed to connect to WebSocket ${gone.url}: Connection refused (gave up after 2 tries)`,
  });
  match(source.status, /^failed: /);
  await using sink = createSink({ ...options, 'websocket.reconnect': false });
  await sink.start();
  await rejects(sink.publish('x'), { message: 'WebSocket not connected and reconnect is disabled' });
  await using limited = createSink(options);
  await limited.start();
  await rejects(limited.publish('x'), {
    message: `Failed to connect to WebSocket ${gone.url}: Connection refused (gave up after 3 tries)`,
  });
  await using strict = createSink({ ...options, 'websocket.validate': true });
  await rejects(strict.start(), /Connection refused/);
  await using out = await sinkServer();
  await using text = createSink({ extension: 'websocket', 'websocket.url': out.url });
  await text.start();
  await rejects(text.publish(new Uint8Array([255])), /not UTF-8/);
  await text.publish('good');
  ok(out.taken.some((message) => message.text === 'good'));
});

test('a source that does not start makes no further try, and one that was never started has finished once it is stopped', async () => {
  await using server = await WsServer.start({ answer: () => ({ kind: 'refuse', status: 500 }) });
  const options = { extension: 'websocket', 'websocket.url': server.url, 'websocket.reconnect.delay.ms': 1 };
  await using strict = createSource({ ...options, 'websocket.validate': true });
  await rejects(
    strict.start(() => {}),
    /500/,
  );
  await strict.stop();
  const { length } = server.requests;
  await using again = createSource({ ...options, 'websocket.validate': true });
  await rejects(
    again.start(() => {}),
    /500/,
  ); // in between the first one would have come back
  equal(server.requests.length, length + 1);
  await using idle = createSource(options);
  await idle.stop();
  await idle.finished;
});
