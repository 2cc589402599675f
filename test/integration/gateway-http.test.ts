/** Publish, bounded read, describe and CORS (PROTOCOL.md, section 7), line by line. */
import { deepEqual, equal, match, ok } from 'node:assert/strict';
import { connect } from 'node:net';
import { after, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { gatewayStand, type Served, settingsOf } from '../support/gateway/stand.ts';

const stand = await gatewayStand();
const served = await stand.gateway({ origins: ['https://app.example'] });
after(async () => {
  await served[Symbol.asyncDispose]();
  await stand[Symbol.asyncDispose]();
});

interface Read {
  readonly records: readonly Record<string, unknown>[];
  readonly pos: string;
  readonly gaps: readonly Record<string, unknown>[];
}

let topics = 0;
async function newTopic(partitions = 1): Promise<string> {
  const name = `http-${++topics}`;
  await stand.topic(name, { partitions });
  return name;
}

function post(
  topic: string,
  body: string | Uint8Array<ArrayBuffer>,
  headers: Record<string, string>,
  query = '',
): Promise<Response> {
  return fetch(`${served.url}/v1/topics/${topic}${query}`, { method: 'POST', headers, body });
}

async function read(topic: string, query = '', on: Served = served): Promise<Read> {
  const answer = await fetch(`${on.url}/v1/topics/${topic}/records?${query}`);
  equal(answer.status, 200, await answer.clone().text());
  return (await answer.json()) as Read;
}

const json = { 'content-type': 'application/json' };
const ndjson = { 'content-type': 'application/x-ndjson' };
const plain = { 'content-type': 'text/plain; charset=utf-8' };

test('a JSON body has the members of a pub, and its answer says where the record is', async () => {
  const topic = await newTopic(2);
  const body =
    '{"type":"x","id":5,"topic":"other","key":"k","value":{"n":2.50},"partition":1,"timestamp":1700000000000,"headers":[{"name":"h","value":"v"}]}';
  const answer = await post(topic, body, json);
  equal(answer.status, 200);
  deepEqual(await answer.json(), { partition: 1, offset: 0, timestamp: 1700000000000 });
  const { records } = await read(topic);
  deepEqual(records, [
    {
      topic,
      partition: 1,
      offset: 0,
      timestamp: 1700000000000,
      key: 'k',
      headers: [{ name: 'h', value: 'v' }],
      value: '{"n":2.50}',
    },
  ]);
  equal((await post(topic, '{"value":"v","partition":2}', json)).status, 404);
});

for (const headers of [json, plain]) {
  test(`Idempotency-Key is the mid of ${headers['content-type']}: a repetition is a duplicate, another content a conflict`, async () => {
    const topic = await newTopic();
    const of = (value: string): string => (headers === json ? JSON.stringify({ value }) : value);
    const twice = { ...headers, 'idempotency-key': 'once' };
    const first = (await (await post(topic, of('a'), twice)).json()) as { offset: number };
    const again = (await (await post(topic, of('a'), twice)).json()) as object;
    deepEqual(again, { ...first, duplicate: true });
    equal((await post(topic, of('b'), twice)).status, 409);
    equal((await post(topic, of('b'), { ...headers, 'idempotency-key': 'x'.repeat(129) })).status, 400);
    const { records } = await read(topic);
    deepEqual(
      records.map(({ headers: own }) => own),
      [[{ name: 'tributary-mid', value: 'once' }]],
    );
  });
}

test('lines of NDJSON are answered in their order; blank ones are skipped, one that fails does not stop the others', async () => {
  const topic = await newTopic();
  const good = await post(topic, '{"value":"a"}\r\n\n  \n{"value":"b"}\n', ndjson);
  equal(good.status, 200);
  equal(good.headers.get('content-type'), 'application/x-ndjson');
  const places = (await good.text())
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as { offset: number });
  deepEqual(
    places.map(({ offset }) => offset),
    [0, 1],
  );
  const mixed = await post(
    topic,
    '{"value":"c"}\nnot JSON\n{"novalue":1}\n{"value":"d","partition":7}\n{"value":"e"}',
    ndjson,
  );
  equal(mixed.status, 207);
  const results = (await mixed.text())
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as { offset?: number; code?: string });
  deepEqual(
    results.map(({ offset, code }) => offset ?? code),
    [2, 'bad_request', 'bad_request', 'not_found', 3],
  );
  deepEqual(
    (await read(topic)).records.map(({ value }) => value),
    ['a', 'b', 'c', 'e'],
  );
});

test('10 000 lines are taken at once, not one more', async () => {
  const topic = await newTopic();
  const lines = (count: number): string => '{"value":"x"}\n'.repeat(count);
  equal((await post(topic, lines(10_001), ndjson)).status, 400);
  equal(await stand.broker.offset(topic, 0, 'latest'), 0);
  const answer = await post(topic, lines(10_000), ndjson);
  equal(answer.status, 200);
  equal((await answer.text()).trimEnd().split('\n').length, 10_000);
  equal(await stand.broker.offset(topic, 0, 'latest'), 10_000);
});

test('raw bodies are the value itself, byte for byte, with key and partition out of the query', async () => {
  const topic = await newTopic(3);
  const bytes = new Uint8Array([0, 255, 13, 10]);
  const octets = { 'content-type': 'application/octet-stream' };
  equal((await post(topic, bytes, octets, '?key=k%20%E2%82%AC&partition=2')).status, 200);
  equal((await post(topic, '', plain, '?partition=2')).status, 200);
  const { records } = await read(topic);
  deepEqual(
    records.map(({ key, value, value_base64, partition }) => [partition, key, value ?? value_base64]),
    [
      [2, 'k €', 'AP8NCg=='],
      [2, undefined, ''],
    ],
  );
  for (const query of ['?partition=-1', '?partition=x', '?partition=1.5'])
    equal((await post(topic, 'v', plain, query)).status, 400);
  equal((await post(topic, 'v', plain, '?partition=3')).status, 404);
});

test('gzip is unpacked; other encodings and types, or none, are 415; what is no gzip is 400', async () => {
  const topic = await newTopic();
  const packed = new Uint8Array(gzipSync('{"value":"packed"}'));
  equal((await post(topic, packed, { ...json, 'content-encoding': 'gzip' })).status, 200);
  equal((await post(topic, 'nope', { ...json, 'content-encoding': 'gzip' })).status, 400);
  equal((await post(topic, packed.slice(0, -6), { ...json, 'content-encoding': 'gzip' })).status, 400);
  equal((await post(topic, 'x', { ...json, 'content-encoding': 'br' })).status, 415);
  for (const type of ['application/xml', 'constructor', '__proto__', 'text/html', 'application/json-patch+json']) {
    equal((await post(topic, '{"value":1}', { 'content-type': type })).status, 415, type);
  }
  const none = await fetch(`${served.url}/v1/topics/${topic}`, { method: 'POST', body: new Uint8Array([1]) });
  equal(none.status, 415);
  deepEqual(
    (await read(topic)).records.map(({ value }) => value),
    ['packed'],
  );
});

test('JSON that is not UTF-8 is 400 and writes nothing; raw bodies may be any bytes', async () => {
  const topic = await newTopic();
  const broken = new Uint8Array(Buffer.from('7b2276616c7565223a22ff227d', 'hex')); // {"value":"<FF>"}
  for (const headers of [json, ndjson]) {
    const answer = await post(topic, broken, headers);
    equal(answer.status, 400);
    match(((await answer.json()) as { message: string }).message, /not UTF-8/);
  }
  equal((await post(topic, '{"value":"é €"}', json)).status, 200);
  equal((await post(topic, broken, plain)).status, 200);
  const { records } = await read(topic);
  deepEqual(
    records.map(({ value, value_base64 }) => value ?? value_base64),
    ['é €', Buffer.from(broken).toString('base64')],
  );
});

test('a body that ends early writes nothing', async () => {
  const topic = await newTopic();
  const [host = '', port = ''] = served.address.split(':');
  const socket = connect(Number(port), host);
  const lines = '{"value":"whole"}\n{"value":"ha';
  const head = `POST /v1/topics/${topic} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-ndjson\r\nContent-Length: 100\r\n\r\n`;
  await new Promise<void>((resolve) => socket.write(head + lines, () => resolve()));
  await new Promise<void>((resolve) => socket.once('close', () => resolve()).destroy());
  equal((await post(topic, 'after', plain)).status, 200);
  deepEqual(
    (await read(topic)).records.map(({ value }) => value),
    ['after'],
  );
});

test('a read begins at earliest, gives at most "limit" records, and goes on with its pos', async () => {
  const topic = await newTopic();
  await stand.produce(topic, ['a', 'b', 'c']);
  const first = await read(topic, 'limit=2');
  deepEqual(
    first.records.map(({ value }) => value),
    ['a', 'b'],
  );
  const second = await read(topic, `from=${first.pos}`);
  deepEqual(
    second.records.map(({ value }) => value),
    ['c'],
  );
  deepEqual((await read(topic, `from=${second.pos}`)).records, []);
  deepEqual((await read(topic, 'from=latest')).records, []);
  deepEqual((await read(topic, `since=${Date.now() + 60_000}`)).records, []);
  equal((await read(topic, 'since=1970-01-01T00:00:00Z')).records.length, 3);
  for (const query of [
    'limit=0',
    'limit=1001',
    'limit=x',
    'waitMs=30001',
    'waitMs=-1',
    'since=never',
    'format=xml',
    'partition=x',
  ]) {
    const answer = await fetch(`${served.url}/v1/topics/${topic}/records?${query}`);
    equal(answer.status, 400, query);
    equal(((await answer.json()) as { code: string }).code, 'bad_request');
  }
  equal((await fetch(`${served.url}/v1/topics/${topic}/records?from=nonsense`)).status, 410);
  equal((await fetch(`${served.url}/v1/topics/nowhere/records`)).status, 404);
  equal((await fetch(`${served.url}/v1/topics/${topic}/records?partition=9`)).status, 404);
});

test('a long poll is answered as soon as a record is there, and ends empty when its time is over', async () => {
  const topic = await newTopic();
  const startedMs = performance.now();
  deepEqual((await read(topic, 'waitMs=200')).records, []);
  ok(performance.now() - startedMs >= 190);
  const waiting = read(topic, 'waitMs=30000');
  await served.until('readers{kind="shared"}', (readers) => readers > 0);
  await stand.produce(topic, ['now']);
  deepEqual(
    (await waiting).records.map(({ value }) => value),
    ['now'],
  );
  ok(performance.now() - startedMs < 20_000);
});

for (const [when, end] of [
  ['goes down', (on: Served) => on.gateway.drain()],
  ['reads its rights anew', (on: Served) => on.gateway.reload(settingsOf())],
] as const) {
  test(`a long poll is answered when the gateway ${when}`, async () => {
    const topic = await newTopic();
    await using own = await stand.gateway();
    const asked = fetch(`${own.url}/v1/topics/${topic}/records?from=latest&waitMs=30000`);
    await own.until('readers{kind="shared"}', (readers) => readers === 1);
    await end(own);
    const answer = await asked;
    equal(answer.status, 200);
    deepEqual(((await answer.json()) as Read).records, []);
  });
}

test('filters, formats, one partition, and gaps of what retention has taken', async () => {
  const topic = await newTopic(2);
  await post(topic, '{"key":"a1","value":{"n":1},"partition":0,"headers":[{"name":"h","value":"x"}]}', json);
  await post(topic, '{"key":"b1","value":{"n":2},"partition":0}', json);
  await post(topic, '{"key":"a2","value":null,"partition":1}', json);
  const keys = async (query: string): Promise<unknown[]> =>
    (await read(topic, query)).records.map(({ key }) => key).sort();
  deepEqual(await keys('key=a1&key=a2'), ['a1', 'a2']);
  deepEqual(await keys('keyPrefix=a'), ['a1', 'a2']);
  deepEqual(await keys('header.h=x'), ['a1']);
  deepEqual(await keys('header.__proto__=x'), []);
  deepEqual(await keys('partition=1'), ['a2']);
  deepEqual((await read(topic, 'format=json&key=b1')).records[0]!['value'], { n: 2 });
  equal((await read(topic, 'format=base64&key=b1')).records[0]!['value_base64'], 'eyJuIjoyfQ==');
  equal((await read(topic, 'key=a2')).records[0]!['value'], null);
  const { pos } = await read(topic, 'limit=1&partition=0');
  await stand.broker.deleteRecords(topic, 0, 2);
  await post(topic, '{"key":"c1","value":1,"partition":0}', json);
  const after = await read(topic, `from=${pos}&partition=0`);
  deepEqual(after.gaps, [{ type: 'gap', topic, partition: 0, from: 1, to: 2, reason: 'retention' }]);
  deepEqual(
    after.records.map(({ key }) => key),
    ['c1'],
  );
  equal((await fetch(`${served.url}/v1/topics/${topic}/records?from=${pos}&partition=0&ifLost=fail`)).status, 410);
});

test('topics are listed in order and described, as far as the principal may use them', async () => {
  await stand.topic('list-b', { partitions: 2 });
  await stand.topic('list-a');
  await stand.produce('list-a', ['x', 'y']);
  await using guarded = await stand.gateway({
    acl: [
      { who: ['anonymous'], can: ['subscribe'], topics: ['list-b'] },
      { who: ['anonymous'], can: ['publish'], topics: ['list-a'] },
    ],
  });
  deepEqual(await (await fetch(`${guarded.url}/v1/topics`)).json(), {
    topics: [
      { name: 'list-a', partitions: 1 },
      { name: 'list-b', partitions: 2 },
    ],
  });
  deepEqual(await (await fetch(`${guarded.url}/v1/topics/list-a`)).json(), {
    name: 'list-a',
    partitions: [{ partition: 0, begin: 0, end: 2 }],
  });
  // Whether it exists is not told.
  for (const topic of ['list-c', topics > 0 ? 'http-1' : 'x']) {
    equal((await fetch(`${guarded.url}/v1/topics/${topic}`)).status, 403);
    equal((await fetch(`${guarded.url}/v1/topics/${topic}/records`)).status, 403);
  }
  equal((await fetch(`${guarded.url}/v1/topics/list-a/records`)).status, 403);
  equal((await fetch(`${guarded.url}/v1/topics/list-b`, { method: 'POST', headers: plain, body: 'v' })).status, 403);
  equal((await fetch(`${served.url}/v1/topics/nowhere`)).status, 404);
  for (const method of ['PUT', 'DELETE', 'PATCH', 'HEAD']) {
    const answer = await fetch(`${served.url}/v1/topics/list-a`, { method });
    equal(answer.status, 405);
    equal(answer.headers.get('allow'), 'GET, POST');
  }
});

test('CORS: an allowed origin is named, with Vary and without credentials; another gets 403, preflight included', async () => {
  const topic = await newTopic();
  const origin = { Origin: 'https://app.example' };
  for (const answer of [
    await post(topic, 'v', { ...plain, ...origin }),
    await post(topic, '{', { ...json, ...origin }),
  ]) {
    equal(answer.headers.get('access-control-allow-origin'), 'https://app.example');
    equal(answer.headers.get('vary'), 'Origin');
    equal(answer.headers.get('access-control-allow-credentials'), null);
  }
  const ask = (headers: Record<string, string>): Promise<Response> =>
    fetch(`${served.url}/v1/topics/${topic}`, {
      method: 'OPTIONS',
      headers: { 'Access-Control-Request-Method': 'POST', ...headers },
    });
  const preflight = await ask(origin);
  equal(preflight.status, 204);
  equal(preflight.headers.get('access-control-allow-methods'), 'GET, POST');
  equal(
    preflight.headers.get('access-control-allow-headers'),
    'Authorization, Content-Type, Idempotency-Key, Last-Event-ID',
  );
  equal(preflight.headers.get('access-control-max-age'), '600');
  for (const strange of [
    'https://evil.example',
    'null',
    'https://app.example.evil',
    'http://app.example',
    'https://app.example:444',
  ]) {
    equal((await ask({ Origin: strange })).status, 403, strange);
    const answer = await post(topic, 'evil', { ...plain, Origin: strange });
    equal(answer.status, 403);
    equal(answer.headers.get('access-control-allow-origin'), null);
  }
  deepEqual(
    (await read(topic)).records.map(({ value }) => value),
    ['v'],
  );
  match(served.url, /^http:/);
});
