/** Raw ingest (PROTOCOL.md, section 8): each key of a route. */
import { deepEqual, equal, ok } from 'node:assert/strict';
import { after, test } from 'node:test';
import type { ConsumedRecord } from '../../src/record/record.ts';
import { gatewayStand, type Served } from '../support/gateway/stand.ts';

const stand = await gatewayStand();
after(() => stand[Symbol.asyncDispose]());

async function all(topic: string): Promise<ConsumedRecord[]> {
  const records: ConsumedRecord[] = [];
  for await (const fetched of stand.broker.read({ topic, partition: 0, from: 'earliest', until: 'end' }))
    records.push(...fetched.records);
  return records;
}

const textOf = (bytes: Uint8Array | null): string | null => (bytes === null ? null : Buffer.from(bytes).toString());

/** Sends messages to a route with acknowledgements, and waits for as many of them. */
async function send(
  served: Served,
  path: string,
  messages: readonly (string | Buffer)[],
  answers = messages.length,
  headers = {},
) {
  const { status, client, headers: answered } = await served.open(path, [], headers);
  equal(status, 101);
  for (const message of messages) client.send(typeof message === 'string' ? 1 : 2, Buffer.from(message as string));
  const units = await client.units.until(
    60_000,
    () => `${answers} answers`,
    (items) => (items.length >= answers ? items : undefined),
  );
  return { client, answered, texts: units.map((unit) => (unit.kind === 'text' ? unit.text : '')) };
}

test('messages are records as they are: text, binary, empty, joined out of fragments; each is acknowledged in order', async () => {
  await stand.topic('web.clicks');
  await using served = await stand.gateway({
    ingest: [{ name: 'clicks', topic: 'web.clicks', ack: true, meta: false }],
  });
  const { client, texts } = await send(served, '/v1/ingest/clicks', ['{ "a": 1 }', Buffer.from([0, 255]), '']);
  deepEqual(texts, ['{"partition":0,"offset":0}', '{"partition":0,"offset":1}', '{"partition":0,"offset":2}']);
  client.send(1, Buffer.from('two '), false);
  client.send(0, Buffer.from('parts'));
  await client.units.until(
    60_000,
    () => 'the fourth',
    (units) => units[3],
  );
  const records = await all('web.clicks');
  deepEqual(
    records.map(({ value }) => Buffer.from(value!).toString('latin1')),
    ['{ "a": 1 }', '\0\u00ff', '', 'two parts'],
  );
  deepEqual(
    records.map(({ key, headers }) => [key, headers.length]),
    records.map(() => [null, 0]),
  );
});

let routes = 0;
for (const { key, path, message, headers, wanted } of [
  { key: 'query:dev', path: '?dev=d%207', message: 'x', headers: {}, wanted: 'd 7' },
  { key: 'query:dev', path: '', message: 'x', headers: {}, wanted: null },
  { key: 'header:X-Device', path: '', message: 'x', headers: { 'x-device': 'd8' }, wanted: 'd8' },
  { key: 'header:X-Device', path: '', message: 'x', headers: {}, wanted: null },
  { key: 'json:/user/id', path: '', message: '{"user":{"id":12}}', headers: {}, wanted: '12' },
  { key: 'json:/a~1b/0', path: '', message: '{"a/b":["first"]}', headers: {}, wanted: 'first' },
  { key: 'json:/user/id', path: '', message: '{"user":{}}', headers: {}, wanted: null },
  { key: 'json:/toString', path: '', message: '{}', headers: {}, wanted: null },
  { key: 'json:/user/id', path: '', message: 'not JSON', headers: {}, wanted: null },
  { key: 'none', path: '', message: 'x', headers: {}, wanted: null },
]) {
  test(`key: ${key} of ${path} ${message} ${JSON.stringify(headers)} is ${wanted}`, async () => {
    const name = `key-${++routes}`;
    await stand.topic(name);
    await using served = await stand.gateway({ ingest: [{ name, ack: true, key }] });
    await send(served, `/v1/ingest/${name}${path}`, [message], 1, headers);
    deepEqual(
      (await all(name)).map((record) => textOf(record.key)),
      [wanted],
    );
  });
}

test('key: session is one key a connection, and meta tells session, principal and address', async () => {
  await stand.topic('sessions');
  await using served = await stand.gateway({
    auth: { mode: 'token', tokens: [{ name: 'alice', token: 'token-of-alice-0123456789' }] },
    acl: [{ who: ['alice'], can: ['publish'], topics: ['sessions'] }],
    ingest: [{ name: 'sessions', ack: true, key: 'session' }],
    trustProxies: ['127.0.0.1'],
  });
  const headers = { Authorization: 'Bearer token-of-alice-0123456789', 'X-Forwarded-For': '192.0.2.7' };
  for (const _ of [1, 2]) await send(served, '/v1/ingest/sessions', ['a', 'b'], 2, headers);
  const records = await all('sessions');
  const keys = records.map(({ key }) => textOf(key));
  ok(keys[0] === keys[1] && keys[2] === keys[3] && keys[0] !== keys[2] && keys[0] !== null);
  deepEqual(
    records[0]!.headers.map((header) => [header.key, textOf(header.value)]),
    [
      ['tributary-session', keys[0]],
      ['tributary-principal', 'alice'],
      ['tributary-ip', '192.0.2.7'],
    ],
  );
  equal((await served.open('/v1/ingest/sessions', [])).status, 401);
});

test('split: lines makes a record of each line that is not empty, each acknowledged', async () => {
  await stand.topic('lines');
  await using served = await stand.gateway({ ingest: [{ name: 'lines', ack: true, split: 'lines' }] });
  const { texts } = await send(served, '/v1/ingest/lines', ['a\r\nb\n\n\r\nc', '', '\n', 'd\n'], 4);
  deepEqual(
    texts.map((text) => (JSON.parse(text) as { offset: number }).offset),
    [0, 1, 2, 3],
  );
  deepEqual(
    (await all('lines')).map(({ value }) => textOf(value)),
    ['a', 'b', 'c', 'd'],
  );
});

test('validate: json closes 1007 and writes nothing of the message; accept closes 1003', async () => {
  await stand.topic('strict');
  const ingest = [
    { name: 'strict', validate: 'json', split: 'lines' },
    { name: 'text', topic: 'strict', accept: 'text' },
    { name: 'binary', topic: 'strict', accept: 'binary' },
  ];
  await using served = await stand.gateway({ ingest });
  for (const [path, opcode, text, code] of [
    ['strict', 1, '{"good":1}\n{bad', 1007],
    ['strict', 2, Buffer.from('22ff22', 'hex'), 1007],
    ['text', 2, 'x', 1003],
    ['binary', 1, 'x', 1003],
  ] as const) {
    const { client } = await served.open(`/v1/ingest/${path}`);
    client.send(opcode, typeof text === 'string' ? Buffer.from(text) : text);
    equal(
      await client.closes.until(
        60_000,
        () => 'the close',
        ([first]) => first,
      ),
      code,
    );
  }
  equal(await stand.broker.offset('strict', 0, 'latest'), 0);
});

test('of subprotocols one that the route lists is echoed, a token never', async () => {
  await stand.topic('protocols');
  await using served = await stand.gateway({ ingest: [{ name: 'protocols', subprotocols: ['b', 'bearer.x'] }] });
  const echoed = async (...offered: string[]): Promise<string | undefined> =>
    (await served.open('/v1/ingest/protocols', offered)).headers.get('sec-websocket-protocol');
  equal(await echoed('a', 'b'), 'b');
  equal(await echoed('a'), undefined);
  equal(await echoed(), undefined);
  equal(await echoed('bearer.x', 'b'), 'b');
});

test('without a route a topic of that name is written where ingestAny says so; what may not be written is 403', async () => {
  await stand.topic('any-topic');
  await using closed = await stand.gateway();
  equal((await closed.open('/v1/ingest/any-topic')).status, 404);
  await using served = await stand.gateway({
    ingestAny: true,
    acl: [{ who: ['anonymous'], can: ['publish'], topics: ['any-*'] }],
  });
  const { client } = await served.open('/v1/ingest/any-topic');
  client.send(1, Buffer.from('v'));
  await served.until('records_in_total{protocol="ingest",topic="any-topic"}', (records) => records === 1);
  equal((await served.open('/v1/ingest/other')).status, 403);
  for (const path of ['/v1/ingest/', '/v1/ingest/a%2fb', '/v1/ingest/..', '/v1/ingest/any-topic/x']) {
    equal((await served.open(path)).status, 404, path);
  }
});

test('a record that finally fails closes 1011, one that its topic does not take 1009', async () => {
  await stand.topic('tight', { config: { 'max.message.bytes': '1000' } });
  await using served = await stand.gateway({ ingestAny: true }, { deliveryTimeoutMs: 200 });
  const closeOf = async (path: string, message: Buffer): Promise<number> => {
    const { client } = await served.open(path);
    client.send(2, message);
    return client.closes.until(
      60_000,
      () => 'the close',
      ([code]) => code,
    );
  };
  equal(await closeOf('/v1/ingest/tight', Buffer.alloc(5000)), 1009);
  equal(await closeOf('/v1/ingest/nowhere', Buffer.from('x')), 1011);
  const { client } = await served.open('/v1/ingest/tight');
  client.send(1, Buffer.from('learns the topic'));
  await served.until('records_in_total{protocol="ingest",topic="tight"}', (records) => records === 1);
  served.stoppable.stop();
  client.send(1, Buffer.from('lost'));
  equal(
    await client.closes.until(
      60_000,
      () => 'the close',
      ([code]) => code,
    ),
    1011,
  );
});
