/** How connections of streams behave: a test for each sentence of the specification's section 9, against real servers. */
import { deepEqual, equal, match, ok, rejects, throws } from 'node:assert/strict';
import { test } from 'node:test';
import { backoffMs } from '../../src/base/backoff.ts';
import { check } from '../../src/sql/check/check.ts';
import { connectionError } from '../../src/sql/runtime/connection-problem.ts';
import { connectorConfig } from '../../src/sql/runtime/connector-config.ts';
import { makeCertificates } from '../support/certificates.ts';
import {
  closedServer,
  deadLetters,
  feedServer,
  type SqlApp,
  startSql,
  until,
  webSocketStream,
} from '../support/sql-app.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { toolsMissing } from '../support/tools.ts';
import { WsServer } from '../support/ws-server.ts';

const out = `CREATE STREAM Out (line STRING) WITH (type = 'sink', extension = 'log', format = 'text');\n`;
const source = (columns: string, url: string, more = '', format = 'json'): string =>
  webSocketStream('source', 'In', columns, url, more, format);
const sink = (columns: string, url: string, more = '', format = 'json'): string =>
  webSocketStream('sink', 'Out', columns, url, more, format);
/** Rows of In as lines. */
const printed = (expression: string): string => `${out}INSERT INTO Out SELECT ${expression} AS line FROM In;`;
const fast = ', websocket.reconnect.delay.ms = 1, websocket.reconnect.max.delay.ms = 4';
const planOf = (script: string) => check(script, { now: () => 0, random: () => 0 });

function eventsOf(app: SqlApp, event: string): readonly Readonly<Record<string, unknown>>[] {
  return app.log.filter((entry) => entry.event === event).map(({ fields }) => fields);
}

test('1, 2, 16, 17, 18: text and binary frames with JSON; nested objects, keys in any order, keys that differ only in case', async () => {
  await using feed = await feedServer([
    '{"o":{"x":{"y":1}},"s":"text","S":"other"}',
    Buffer.from('{"S":"x","s":"binary","o":null}'),
  ]);
  await using app = startSql(
    source('s STRING, S STRING, o OBJECT', feed.url) + printed(`s || ' ' || S || ' ' || COALESCE(o->'x'->>'y', '-')`),
  );
  await until(() => app.lines.length === 2, 'two rows');
  deepEqual(app.lines, ['text other 1', 'binary x -']);
});

test('3, 4: format bytes takes a frame as it is, format text its text', async () => {
  await using feed = await feedServer([Buffer.from([0, 1, 255])]);
  await using texts = await feedServer(['a "text"']);
  const bytesOut = `CREATE STREAM Out (data BYTES) WITH (type = 'sink', extension = 'log', format = 'json');\n`;
  await using bytes = startSql(
    `${source('data BYTES', feed.url, '', 'bytes')}${bytesOut}INSERT INTO Out SELECT data FROM In;`,
  );
  await using text = startSql(source('line STRING', texts.url, '', 'text') + printed('line'));
  await until(() => bytes.lines.length + text.lines.length === 2, 'a row of each');
  deepEqual([bytes.lines, text.lines], [['{"data":"AAH/"}'], ['a "text"']]);
});

test('5: a ping is answered', async () => {
  await using feed = await feedServer();
  await using app = startSql(source('a LONG', feed.url));
  await until(() => feed.sockets.length === 1, 'the connection');
  const ponged = new Promise<string>((resolve) => {
    feed.sockets[0]!.once('pong', (data) => resolve(data.toString()));
  });
  feed.sockets[0]!.ping('hello');
  equal(await ponged, 'hello');
  await app.stop();
});

test('6: the first connection is immediate; then waits double from the delay to the longest, and jitter is none unless asked for', async () => {
  await using feed = await WsServer.start({ onOpen: (peer) => peer.close(1001) });
  await using app = startSql(source('a LONG', feed.url, fast));
  await until(() => eventsOf(app, 'reconnect_scheduled').length >= 5, 'five waits');
  const waits = eventsOf(app, 'reconnect_scheduled').slice(0, 5);
  deepEqual(
    waits.map((fields) => fields['backoff_ms']),
    [1, 2, 4, 4, 4],
  );
  await using standard = startSql(source('a LONG', feed.url));
  await until(() => eventsOf(standard, 'reconnect_scheduled').length === 1, 'the first wait');
  equal(eventsOf(standard, 'reconnect_scheduled')[0]!['backoff_ms'], 1000);
  await using shaken = startSql(source('a LONG', feed.url, ', websocket.reconnect.jitter = 0.5'));
  await until(() => eventsOf(shaken, 'reconnect_scheduled').length === 1, 'a wait with jitter');
  equal(eventsOf(shaken, 'reconnect_scheduled')[0]!['backoff_ms'], 1250); // the random number is 0.5
});

test('6: the table of waits without options', () => {
  const { streams } = planOf(source('a LONG', 'ws://localhost/'));
  const config = connectorConfig(streams.get('In')!);
  const policy = {
    baseMs: Number(config['websocket.reconnect.interval.ms']),
    maxMs: Number(config['websocket.reconnect.backoff.max.ms']),
    jitter: Number(config['websocket.reconnect.jitter']),
  };
  deepEqual(
    [1, 2, 3, 4, 5, 6, 7, 100].map((attempt) => backoffMs(attempt, policy, () => 1)),
    [1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000],
  );
});

test('7: max.attempts = 2 gives up after two tries, says so, and the application has failed', async () => {
  const gone = await closedServer();
  await using app = startSql(source('a LONG', gone.url, `${fast}, websocket.reconnect.max.attempts = 2`));
  await rejects(app.done, {
    message: `Failed to connect to WebSocket ${gone.url}: Connection refused (gave up after 2 tries)`,
  });
  equal(eventsOf(app, 'reconnect_scheduled').length, 2); // a wait before each try
});

test('8: reconnect = false ends the source at the first disconnect, and the reason is told', async () => {
  await using feed = await WsServer.start({ onOpen: (peer) => peer.close(1001, 'bye') });
  await using app = startSql(source('a LONG', feed.url, ', websocket.reconnect = false'));
  await rejects(
    app.done,
    /^TributaryError: Connection to WebSocket ws:.* was lost: server closed the connection with code 1001: bye \(websocket\.reconnect is false\)$/,
  );
  equal(feed.requests.length, 1);
});

test('8: a sink with reconnect = false fails each publish at once, without a try', async () => {
  const gone = await closedServer();
  await using feed = await feedServer(['[{"a":1},{"a":2}]', '{"a":3}']);
  const script = `${source('a LONG', feed.url)}${sink('a LONG', gone.url, ", websocket.reconnect = false, error.strategy = 'drop', websocket.validate = 'false'")}INSERT INTO Out SELECT a FROM In;`;
  await using app = startSql(script);
  await until(() => app.run.application.dropped('Out') === 3, 'three drops');
  equal(eventsOf(app, 'sql_rows_failed')[0]!['reason'], 'WebSocket not connected and reconnect is disabled');
  deepEqual(
    app.statuses.filter((status) => /refused/.test(status)),
    [],
  );
});

test('9: headers, whose values may hold commas, and the subprotocol reach the server in the upgrade request', async () => {
  await using feed = await WsServer.start({
    answer: () => ({ kind: 'upgrade', headers: ['Sec-WebSocket-Protocol: v2'] }),
  });
  await using far = await WsServer.start({
    answer: () => ({ kind: 'upgrade', headers: ['Sec-WebSocket-Protocol: v2'] }),
  });
  const options = `, "websocket.headers.X-Token" = 'a, b:c', "websocket.headers.Authorization" = 'Bearer t', websocket.subprotocol = 'v2'`;
  await using app = startSql(
    `${source('a LONG', feed.url, options)}${sink('a LONG', far.url, options)}INSERT INTO Out SELECT a FROM In;`,
  );
  for (const server of [feed, far]) {
    const { headers, lines } = await server.request(0);
    deepEqual(
      [headers['x-token'], headers['authorization'], headers['sec-websocket-protocol']],
      ['a, b:c', 'Bearer t', 'v2'],
    );
    ok(lines.includes('X-Token: a, b:c'), 'the case of the name is kept');
  }
  await app.stop();
});

const unwilling: readonly {
  readonly what: string;
  readonly cause: RegExp;
  readonly headers?: string;
  readonly status?: number;
}[] = [
  { what: '10: a 401 answer', cause: /: 401 Unauthorized/, status: 401 },
  { what: 'a 503 answer', cause: /: .*503/, status: 503 },
  {
    what: 'a server without the subprotocol',
    cause: /: subprotocol not supported/,
    headers: `, websocket.subprotocol = 'v9'`,
  },
];
for (const { what, cause, headers = '', status } of unwilling) {
  test(`${what} is an error that names the cause, of a source as of a sink`, async () => {
    await using server = await WsServer.start({
      answer: () => (status === undefined ? { kind: 'upgrade' } : { kind: 'refuse', status }),
    });
    const first = `, websocket.validate = 'true'${headers}`;
    await using reading = startSql(source('a LONG', server.url, first));
    const wanted = new RegExp(`Failed to connect to WebSocket ${server.url}${cause.source}`);
    await rejects(reading.done, wanted);
    await using feed = await feedServer();
    await using writing = startSql(
      `${source('a LONG', feed.url)}${sink('a LONG', server.url, first)}INSERT INTO Out SELECT a FROM In;`,
    );
    await rejects(writing.done, wanted);
  });
}

test('a certificate that is not trusted is an error that says so', { skip: toolsMissing(['openssl']) }, async () => {
  await using folder = await tempFolder('sql-tls');
  const { ca, server } = await makeCertificates(folder.path);
  await using feed = await WsServer.start({ tls: server, onOpen: (peer) => peer.text('{"a":1}') });
  const first = `, websocket.validate = 'true'`;
  await using strange = startSql(source('a LONG', feed.url, first));
  await rejects(strange.done, /Failed to connect to WebSocket wss:.*: certificate verify failed/);
  await using plain = await feedServer();
  await using writing = startSql(
    `${source('a LONG', plain.url)}${sink('a LONG', feed.url, first)}INSERT INTO Out SELECT a FROM In;`,
  );
  await rejects(writing.done, /Failed to connect to WebSocket wss:.*: certificate verify failed/);
  await using trusted = startSql(
    source('a LONG', feed.url, `${first}, tls.ca = '${ca}'`) + printed('CAST(a AS STRING)'),
  );
  await until(() => trusted.lines.length === 1, 'a row over TLS');
});

test('11: a wrong scheme is refused at creation, and so is a missing address', () => {
  throws(
    () => planOf(source('a LONG', 'http://x/')),
    /Invalid WebSocket URL: must start with ws:\/\/ or wss:\/\/, got: http:\/\/x\//,
  );
  throws(
    () => planOf(`CREATE STREAM In (a LONG) WITH (type = 'source', extension = 'websocket', format = 'json');`),
    /Missing required property: websocket\.url/,
  );
});

test('12, 13: one message a row, keys in the order of the schema; binary frames if wanted', async () => {
  await using feed = await feedServer(['[{"b":2,"a":1},{"a":3,"b":4}]']);
  await using text = await feedServer();
  await using binary = await feedServer();
  const far = webSocketStream('sink', 'Far', 'a LONG, b LONG', binary.url, ", websocket.message.type = 'BINARY'");
  await using app = startSql(
    `${source('a LONG, b LONG', feed.url)}${sink('a LONG, b LONG', text.url)}${far}INSERT INTO Out SELECT a, b FROM In; INSERT INTO Far SELECT a, b FROM In;`,
  );
  await until(() => text.received.length + binary.received.length === 4, 'two messages each');
  const rows = ['{"a":1,"b":2}', '{"a":3,"b":4}'];
  deepEqual(
    text.received,
    rows.map((row) => ({ text: row, binary: false })),
  );
  deepEqual(
    binary.received,
    rows.map((row) => ({ text: row, binary: true })),
  );
  await app.stop();
});

test('14: a sink that cannot be reached at the start is tried once, and a later row connects', async () => {
  const gone = await closedServer();
  await using feed = await feedServer();
  await using app = startSql(
    `${source('a LONG', feed.url)}${sink('a LONG', gone.url)}INSERT INTO Out SELECT a FROM In;`,
  );
  await until(() => feed.sockets.length === 1, 'the source');
  deepEqual(
    app.statuses.filter((status) => status.startsWith('not connected')),
    [`not connected: Failed to connect to WebSocket ${gone.url}: Connection refused`],
  );
  await using far = await feedServer([], gone.port);
  feed.sockets[0]!.send('{"a":9007199254740993}');
  await until(() => far.received.length === 1, 'the row');
  equal(far.received[0]!.text, '{"a":9007199254740993}');
});

const strategies = ['drop', 'retry', 'dlq', 'fail'] as const;
for (const strategy of strategies) {
  test(`15: a sink gives up after three tries, and error.strategy = '${strategy}' decides`, async () => {
    await using server = await WsServer.start({ answer: () => ({ kind: 'refuse', status: 503 }) });
    await using feed = await feedServer(['{"a":1}']);
    const options = `, websocket.reconnect.delay.ms = 1, websocket.validate = 'false', error.strategy = '${strategy}',
      "error.retry.initial-delay" = '1ms', "error.retry.max-attempts" = 2, error.dlq.stream = 'Dead'`;
    await using app = startSql(
      `${deadLetters}${source('a LONG', feed.url)}${sink('a LONG', server.url, options)}INSERT INTO Out SELECT a FROM In;`,
    );
    if (strategy === 'fail')
      await rejects(app.done, /Failed to connect to WebSocket .*503.* \(gave up after 3 tries\)/);
    else await until(() => app.run.application.dropped('Out') === 1, 'the drop');
    equal(server.requests.length, strategy === 'retry' ? 6 : 3);
    if (strategy !== 'dlq') return;
    await until(() => app.lines.length === 1, 'the dead letter');
    const letter = JSON.parse(app.lines[0]!) as Record<string, unknown>;
    deepEqual([letter['originalEvent'], letter['errorType'], letter['streamName']], ['{"a":1}', 'SinkError', 'Out']);
    match(String(letter['errorMessage']), /503/);
  });
}

test('19: a connection that is not answered times out after ten seconds', async (t) => {
  const { streams } = planOf(source('a LONG', 'ws://localhost/'));
  const stream = streams.get('In')!;
  const { message } = connectionError(stream, 'no answer to the upgrade within 10000 ms');
  equal(message, 'Connection to WebSocket ws://localhost/ timed out after 10 seconds');
  const config = connectorConfig(stream);
  deepEqual([config['websocket.connection.timeout.ms'], config['websocket.handshake.timeout.ms']], ['10000', '10000']);
  await t.test(
    'against a server that hangs',
    { skip: process.env['TEST_LONG'] === undefined && 'TEST_LONG=1 waits for it' },
    async () => {
      await using server = await WsServer.start({ answer: () => ({ kind: 'hang' }) });
      await using feed = await feedServer();
      await using reading = startSql(source('a LONG', server.url, ", websocket.validate = 'true'"));
      await using writing = startSql(
        `${source('a LONG', feed.url)}${sink('a LONG', server.url, ", websocket.validate = 'true'")}INSERT INTO Out SELECT a FROM In;`,
      );
      for (const app of [reading, writing])
        await rejects(app.done, new RegExp(`Connection to WebSocket ${server.url} timed out after 10 seconds`));
    },
  );
});

test('20: a stop while a source or a sink waits for its next try returns within 5 s', async () => {
  const gone = await closedServer();
  await using feed = await feedServer(['{"a":1}']);
  await using waiting = startSql(source('a LONG', gone.url));
  await using writing = startSql(
    `${source('a LONG', feed.url)}${sink('a LONG', gone.url, ', websocket.reconnect.max.attempts = -1, websocket.reconnect.delay.ms = 60000, websocket.reconnect.max.delay.ms = 60000')}INSERT INTO Out SELECT a FROM In;`,
  );
  await until(() => eventsOf(waiting, 'reconnect_scheduled').length === 1, 'the wait of the source');
  const rowsIn = () => writing.run.application.statistics().streams.find(({ stream }) => stream === 'In')?.rows;
  await until(() => rowsIn() === 1, 'the row');
  const before = performance.now();
  await Promise.all([waiting.stop(), writing.stop()]);
  ok(performance.now() - before < 5000, `${performance.now() - before} ms`);
  equal(writing.run.application.dropped('Out'), 1); // what could not be sent is counted
});

test('21: a bad message reaches the dead-letter stream', async () => {
  await using feed = await feedServer(['{"a":"x"}', Buffer.from([0xff, 0xfe])]);
  await using app = startSql(
    `${deadLetters}${source('a LONG', feed.url, ", error.strategy = 'dlq', error.dlq.stream = 'Dead'")}`,
  );
  await until(() => app.lines.length === 2, 'the dead letters');
  const [letter, unreadable] = app.lines.map((line) => JSON.parse(line) as Record<string, unknown>);
  deepEqual(
    [letter!['originalEvent'], letter!['errorType'], letter!['streamName'], letter!['attemptCount']],
    ['{"a":"x"}', 'SourceError', 'In', 1],
  );
  equal(unreadable!['originalEvent'], '//4='); // base64, where it is no text
  ok(Math.abs(Number(letter!['timestamp']) - Date.now()) < 60_000);
});

for (const strategy of strategies) {
  test(`a bad message of a source with error.strategy = '${strategy}'`, async () => {
    await using feed = await feedServer(['no JSON', '{"a":1}']);
    await using app = startSql(
      source('a LONG', feed.url, `, error.strategy = '${strategy}', "error.log-level" = 'error'`) +
        printed('CAST(a AS STRING)'),
    );
    if (strategy === 'fail') {
      await rejects(app.done, { code: 'CONVERSION_FAILED', message: 'Source "In": the message is not JSON' });
      return;
    }
    await until(() => app.lines.length === 1, 'the good message');
    equal(app.run.application.dropped('In'), 1);
    const [entry] = app.log.filter(({ event }) => event === 'sql_rows_failed');
    deepEqual(
      [entry!.level, entry!.fields['stream'], entry!.fields['reason']],
      ['error', 'In', 'the message is not JSON'],
    );
  });
}

test('without a dead-letter stream the fallback strategy decides', async () => {
  await using feed = await feedServer(['no JSON']);
  await using failing = startSql(
    source('a LONG', feed.url, ", error.strategy = 'dlq', \"error.dlq.fallback-strategy\" = 'fail'"),
  );
  await rejects(failing.done, { code: 'CONVERSION_FAILED' });
  await using dropping = startSql(source('a LONG', feed.url, ", error.strategy = 'dlq'"));
  await until(() => dropping.run.application.dropped('In') === 1, 'the drop');
});

test('where a dead letter cannot be written, the fallback strategy of the stream it is about decides', async () => {
  await using server = await WsServer.start({ answer: () => ({ kind: 'refuse', status: 503 }) });
  const dead = deadLetters.replace(
    "extension = 'log'",
    `extension = 'websocket', websocket.url = '${server.url}', websocket.reconnect.delay.ms = 1, websocket.validate = 'false'`,
  );
  await using feed = await feedServer(['no JSON']);
  await using app = startSql(
    `${dead}${source('a LONG', feed.url, `, error.strategy = 'dlq', error.dlq.stream = 'Dead', "error.dlq.fallback-strategy" = 'fail'`)}`,
  );
  await rejects(app.done, /503/);
});

test('json.ignore-parse-errors drops what is no JSON, whatever the strategy; a value of the wrong type still fails', async () => {
  await using feed = await feedServer(['no JSON', '{"a":"x"}']);
  await using app = startSql(
    source('a LONG', feed.url, ', error.strategy = \'fail\', "json.ignore-parse-errors" = true'),
  );
  await rejects(app.done, { code: 'CONVERSION_FAILED' });
  equal(app.run.application.dropped('In'), 2);
});

test('22: subscription messages are sent in their order, and again after a reconnect', async () => {
  await using feed = await feedServer();
  const options = `${fast}, websocket.subscription.message = 'first', "websocket.subscription.messages.10" = '{"op":3}', "websocket.subscription.messages.9" = 'two, too'`;
  await using app = startSql(source('a LONG', feed.url, options));
  await until(() => feed.received.length === 3, 'the subscription');
  feed.sockets[0]!.terminate();
  await until(() => feed.received.length === 6, 'the second subscription');
  const once = ['first', 'two, too', '{"op":3}'];
  deepEqual(
    feed.received.map(({ text }) => text),
    [...once, ...once],
  );
  await app.stop();
});

test('23: two streams with different options in one script do not influence one another', async () => {
  await using first = await feedServer(['{"a":1}']);
  await using second = await feedServer(['no JSON']);
  const other = webSocketStream(
    'source',
    'Other',
    'a LONG',
    second.url,
    `, "websocket.headers.X-B" = '2', error.strategy = 'dlq', error.dlq.stream = 'Dead'`,
  );
  await using app = startSql(
    `${deadLetters}${source('a LONG', first.url, `, "websocket.headers.X-A" = '1'`)}${other}${printed('CAST(a AS STRING)')}`,
  );
  await until(() => app.lines.length === 2, 'a row and a dead letter');
  deepEqual([first.headers[0]!['x-a'], first.headers[0]!['x-b']], ['1', undefined]);
  deepEqual([second.headers[0]!['x-a'], second.headers[0]!['x-b']], [undefined, '2']);
  deepEqual([app.run.application.dropped('In'), app.run.application.dropped('Other')], [0, 1]);
});

test('24: neither header values nor credentials of addresses are said', async () => {
  const gone = await closedServer();
  const url = gone.url.replace('//', '//user:s3cret@');
  const options = `${fast}, websocket.reconnect.max.attempts = 2, "websocket.headers.Authorization" = 'Bearer s3cret'`;
  await using feed = await feedServer(['{"a":1}']);
  await using reading = startSql(source('a LONG', url, options));
  await using writing = startSql(
    `${source('a LONG', feed.url)}${sink('a LONG', url, `${options}, error.strategy = 'fail'`)}INSERT INTO Out SELECT a FROM In;`,
  );
  for (const app of [reading, writing]) {
    await rejects(app.done, /Failed to connect to WebSocket ws:\/\/\*\*\*@127/);
    ok(!app.everythingSaid().includes('s3cret'), app.everythingSaid());
  }
});

test('25: a value that is not UTF-8 is a counted row error of a text sink, and its neighbours are sent', async () => {
  await using feed = await feedServer([Buffer.from([0xff]), Buffer.from('good')]);
  await using far = await feedServer();
  const options = ", websocket.message.type = 'text', error.strategy = 'dlq', error.dlq.stream = 'Dead'";
  await using app = startSql(
    `${deadLetters}${source('data BYTES', feed.url, '', 'bytes')}${sink('data BYTES', far.url, options, 'bytes')}INSERT INTO Out SELECT data FROM In;`,
  );
  await until(() => far.received.length === 1 && app.lines.length === 1, 'the neighbour and the dead letter');
  equal(far.received[0]!.text, 'good');
  equal(app.run.application.dropped('Out'), 1);
  match(app.lines[0]!, /not UTF-8/);
});

test('26: validate = true connects once before the start, fails it with the reason, and hands its connection over', async () => {
  const gone = await closedServer();
  for (const script of [
    source('a LONG', gone.url, ", websocket.validate = 'true'"),
    `${source('a LONG', gone.url)}${sink('a LONG', gone.url, ", websocket.validate = 'TRUE'")}INSERT INTO Out SELECT a FROM In;`,
  ]) {
    await using app = startSql(script);
    await rejects(app.done, { message: `Failed to connect to WebSocket ${gone.url}: Connection refused` });
  }
  await using feed = await feedServer(['{"a":1}']);
  await using far = await feedServer();
  const first = ", websocket.validate = 'true'";
  await using _app = startSql(
    `${source('a LONG', feed.url, first)}${sink('a LONG', far.url, first)}INSERT INTO Out SELECT a FROM In;`,
  );
  await until(() => far.received.length === 1, 'the row');
  deepEqual([feed.sockets.length, far.sockets.length], [1, 1]);
});

test('26: validate = lazy starts and tries again; validate = false does not connect a sink before its first row', async () => {
  const gone = await closedServer();
  for (const validate of ['lazy', 'false']) {
    await using app = startSql(source('a LONG', gone.url, `${fast}, websocket.validate = '${validate}'`));
    await until(() => eventsOf(app, 'reconnect_scheduled').length > 1, 'a second try');
    await app.stop();
  }
  await using feed = await feedServer();
  await using far = await feedServer();
  await using _app = startSql(
    `${source('a LONG', feed.url)}${sink('a LONG', far.url, ", websocket.validate = 'false'")}INSERT INTO Out SELECT a FROM In;`,
  );
  await until(() => feed.sockets.length === 1, 'the source');
  equal(far.sockets.length, 0);
  feed.sockets[0]!.send('{"a":1}');
  await until(() => far.received.length === 1, 'the row');
});

test('a silent server is left: pings that are not answered, and messages that do not come', async () => {
  await using mute = await WsServer.start({ pongs: false });
  await using feed = await feedServer();
  await using pinging = startSql(
    `${source('a LONG', feed.url)}${sink('a LONG', mute.url, ', websocket.ping.interval.ms = 20')}INSERT INTO Out SELECT a FROM In;`,
  );
  await until(() => pinging.statuses.some((status) => /nothing heard for 20 ms after a ping/.test(status)), 'the loss');
  await using idle = startSql(
    `${source('a LONG', feed.url)}${sink('a LONG', mute.url, ', websocket.ping.interval.ms = 0, websocket.idle.timeout.ms = 40')}INSERT INTO Out SELECT a FROM In;`,
  );
  await until(() => idle.statuses.some((status) => /nothing heard for 40 ms/.test(status)), 'the loss of the idle one');
  await using quiet = startSql(source('a LONG', feed.url, `${fast}, websocket.idle.timeout.ms = 30`));
  await until(
    () => eventsOf(quiet, 'reconnect_scheduled').some(({ reason }) => /no message for 30 ms/.test(String(reason))),
    'the new connection',
  );
});

test('websocket.max.message.bytes: a longer message ends the connection of a source, a longer row of a sink fails', async () => {
  await using feed = await feedServer([`{"s":"${'x'.repeat(100)}"}`]);
  await using reading = startSql(source('s STRING', feed.url, `${fast}, websocket.max.message.bytes = 50`));
  await until(() => eventsOf(reading, 'reconnect_scheduled').length > 0, 'the new connection');
  await using far = await feedServer();
  await using other = await feedServer([`[{"s":"${'x'.repeat(100)}"},{"s":"short"}]`]);
  await using writing = startSql(
    `${source('s STRING', other.url)}${sink('s STRING', far.url, ', websocket.max.message.bytes = 50')}INSERT INTO Out SELECT s FROM In;`,
  );
  await until(() => far.received.length === 1, 'the short row');
  equal(writing.run.application.dropped('Out'), 1);
});
