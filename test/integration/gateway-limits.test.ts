/**
 * Limits of the gateway: the tables of PROTOCOL.md, sections 10.3 and 11. Each test begins with its row's first cell;
 * gateway-rows.test.ts finds the row that has none.
 */
import { deepEqual, equal, match, ok } from 'node:assert/strict';
import { after, test } from 'node:test';
import type { Frame } from '../support/gateway/native-client.ts';
import { rawHttp } from '../support/gateway/raw-http.ts';
import { gatewayStand } from '../support/gateway/stand.ts';

const stand = await gatewayStand();
after(() => stand[Symbol.asyncDispose]());

const handshake = (path: string, more = ''): string =>
  `GET ${path} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n` +
  `Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n${more}\r\n`;
const native = 'Sec-WebSocket-Protocol: tributary.v1.json\r\n';
const tokens = (names: readonly string[]) => ({
  auth: { mode: 'token', tokens: names.map((name) => ({ name, token: `token-of-${name}-0123456789` })) },
  acl: [{ who: ['*'], can: ['subscribe', 'publish'], topics: ['*'] }],
});

test('limits.connections 20 000: one more is 503 with Retry-After, over WebSocket and SSE; a place that is left is free', async () => {
  await stand.topic('connections');
  await using served = await stand.gateway({ limits: { connections: 2 } });
  const first = await served.native();
  await served.native();
  const refused = await rawHttp(served.address, handshake('/v1/ws', native));
  equal(refused.status, 503);
  match(refused.head, /\r\nRetry-After: 5/);
  equal(JSON.parse(refused.body).code, 'limit');
  const stream = await fetch(`${served.url}/v1/sse?topic=connections`);
  equal(stream.status, 503);
  equal(stream.headers.get('retry-after'), '5');
  equal(served.metric('handshakes_rejected_total{status="503"}'), 2);
  first.socket.close(1000);
  equal(await first.closed(), 1000);
  await served.native();
});

test('limits.connections hold for requests too, until they are answered', async () => {
  await stand.topic('polled');
  await using served = await stand.gateway({ limits: { connections: 1 } });
  const poll = fetch(`${served.url}/v1/topics/polled/records?from=latest&waitMs=30000`);
  await served.until('readers{kind="shared"}', (readers) => readers === 1);
  const refused = await fetch(`${served.url}/v1/topics`);
  equal(refused.status, 503);
  equal(refused.headers.get('retry-after'), '5');
  equal(((await refused.json()) as { code: string }).code, 'limit');
  equal((await rawHttp(served.address, handshake('/v1/ws', native))).status, 503);
  await stand.produce('polled', ['x']);
  equal((await poll).status, 200);
  await served.native();
  equal(served.metric('connections_total{protocol="json"}'), 1);
});

test('limits.perIp holds for requests whose body does not come; limits.stallMs ends them', async () => {
  await stand.topic('slow-body');
  await using served = await stand.gateway({ limits: { perIp: 1 } });
  const begun = rawHttp(
    served.address,
    'POST /v1/topics/slow-body HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/plain\r\nContent-Length: 1000\r\n\r\nx',
  );
  await served.until('memory_bytes', (bytes) => bytes === 1);
  equal((await fetch(`${served.url}/v1/topics`)).status, 429);
  await served.until('slow_closes_total', (count) => {
    served.advance(30_000);
    return count === 1;
  });
  equal((await begun).status, 0);
  equal((await fetch(`${served.url}/v1/topics`)).status, 200);
  equal(await stand.broker.offset('slow-body', 0, 'latest'), 0);
});

test('limits.perIp 1000, limits.perPrincipal 1000 connections: one more is 429, whoever trusts a proxy counts its clients', async () => {
  await using served = await stand.gateway({ limits: { perIp: 2 }, trustProxies: ['127.0.0.0/8'] });
  const from = (address: string) => ({ headers: { 'X-Forwarded-For': address } });
  await served.native(from('192.0.2.1'));
  await served.native(from('192.0.2.1'));
  const more = 'X-Forwarded-For: 192.0.2.1\r\n';
  equal((await rawHttp(served.address, handshake('/v1/ws', native + more))).status, 429);
  // The client's own word, left of what the proxy added, counts for nothing.
  equal(
    (await rawHttp(served.address, handshake('/v1/ws', `${native}X-Forwarded-For: 192.0.2.9, 192.0.2.1\r\n`))).status,
    429,
  );
  await served.native(from('192.0.2.2'));
});

test('limits.perPrincipal: one more of a principal is 429, or 4429 where the token came in the first frame', async () => {
  await using served = await stand.gateway({ ...tokens(['alice', 'bob']), limits: { perPrincipal: 1 } });
  const first = await served.native({ token: 'token-of-alice-0123456789' });
  const bearer = 'Authorization: Bearer token-of-alice-0123456789\r\n';
  equal((await rawHttp(served.address, handshake('/v1/ws', native + bearer))).status, 429);
  const late = await served.open('/v1/ws', ['tributary.v1.json']);
  const auth = { type: 'auth', token: 'token-of-alice-0123456789' };
  late.client.send(1, Buffer.from(JSON.stringify(auth)));
  equal(
    await late.client.closes.until(
      60_000,
      () => 'the close',
      ([code]) => code,
    ),
    4429,
  );
  await served.native({ token: 'token-of-bob-0123456789' });
  first.socket.close(1000);
  await first.closed();
  const again = await served.open('/v1/ws', ['tributary.v1.json']);
  again.client.send(1, Buffer.from(JSON.stringify(auth)));
  await again.client.units.until(
    60_000,
    () => 'a welcome',
    ([unit]) => unit,
  );
});

test('limits.handshakeMs 10 000: request head complete: 408, socket closed; a thousand half-open sockets hold up nobody', async () => {
  await using served = await stand.gateway({ limits: { handshakeMs: 1000 } });
  const half = Array.from({ length: 1000 }, (_, index) =>
    rawHttp(served.address, index % 2 === 0 ? 'GET /v1/topics HTTP/1.1\r\nHost: localhost\r\n' : 'G'),
  );
  await served.native();
  const answers = await Promise.all(half);
  deepEqual([...new Set(answers.map(({ status }) => status))], [408]);
  equal(served.metric('connections{protocol="json"}'), 1);
});

test('a socket that says nothing at all is closed after limits.handshakeMs', async () => {
  await using served = await stand.gateway({ limits: { handshakeMs: 300 } });
  const answer = await rawHttp(served.address, '');
  ok([0, 408].includes(answer.status), answer.head);
});

test('request head 16 KiB: a larger one is 431', async () => {
  await using served = await stand.gateway();
  const answer = await rawHttp(served.address, handshake('/v1/ws', `X-Large: ${'x'.repeat(17_000)}\r\n`));
  equal(answer.status, 431);
});

test('limits.authMs 10 000: no token in time is bye unauthorized and 4401', async () => {
  await using served = await stand.gateway(tokens(['alice']));
  const { client } = await served.open('/v1/ws', ['tributary.v1.json']);
  served.advance(11_000);
  equal(
    await client.closes.until(
      60_000,
      () => 'the close',
      ([code]) => code,
    ),
    4401,
  );
  const [unit] = client.units.items;
  ok(unit?.kind === 'frame' && unit.json['code'] === 'unauthorized' && unit.json['reconnect'] === false);
});

for (const { path, protocols, limits } of [
  { path: '/v1/ws', protocols: ['tributary.v1.json'], limits: { limits: { message: 1000 } } },
  { path: '/v1/ingest/message', protocols: [], limits: { limits: { message: 1000 }, ingestAny: true } },
  { path: '/v2/broker/', protocols: ['kafka-text'], limits: { v2: { maxMessage: 1000 } } },
]) {
  test(`limits.message 1 MiB (native, ingest), v2.maxMessage 64 KiB; inbound only, summed over fragments, tested before the payload is read: 1009 at ${path}`, async () => {
    await using served = await stand.gateway(limits);
    const announced = await served.open(path, protocols);
    announced.client.raw(Buffer.from('81fe03e900000000', 'hex')); // 1001 bytes, of which none follows
    equal(
      await announced.client.closes.until(
        60_000,
        () => 'the close',
        ([code]) => code,
      ),
      1009,
    );
    const summed = await served.open(path, protocols);
    summed.client.send(1, Buffer.alloc(600, ' '), false);
    summed.client.send(0, Buffer.alloc(401, ' '));
    equal(
      await summed.client.closes.until(
        60_000,
        () => 'the close',
        ([code]) => code,
      ),
      1009,
    );
    const huge = await served.open(path, protocols);
    huge.client.raw(Buffer.from('82ffffffffffffffffff00000000', 'hex'));
    equal(
      await huge.client.closes.until(
        60_000,
        () => 'the close',
        ([code]) => code,
      ),
      1009,
    );
  });
}

test('limits.message is for what comes in: a larger record goes out', async () => {
  await stand.topic('outgoing');
  await stand.produce('outgoing', ['x'.repeat(5000)]);
  await using served = await stand.gateway({ limits: { message: 1000 } });
  const client = await served.native();
  await client.subscribe(1, { topics: ['outgoing'], from: 'earliest' });
  equal(String((await client.values(1))[0]).length, 5000);
});

test('limits.fragments 1024 per message: one more is 1009', async () => {
  await using served = await stand.gateway({ limits: { fragments: 4 } });
  const fragmented = async (parts: number) => {
    const client = await served.native();
    const text = '{"type":"ping"}'.padEnd(parts, ' ');
    for (let at = 0; at < parts; at++) {
      const part = text.slice(at, at === parts - 1 ? undefined : at + 1);
      client.socket.send(at === 0 ? 1 : 0, Buffer.from(part), at === parts - 1);
    }
    return client;
  };
  await (await fragmented(4)).next('pong');
  equal(await (await fragmented(5)).closed(), 1009);
});

test('limits.subs 64, limits.topics 64 per sub: one more is limit, or bad_request', async () => {
  await stand.topic('subs');
  await using served = await stand.gateway({ limits: { subs: 1, topics: 2 } });
  const client = await served.native();
  await client.subscribe(1, { topics: ['subs'] });
  client.send({ type: 'sub', id: 2, topics: ['subs'] });
  const refused = await client.next('error');
  deepEqual([refused['id'], refused['code'], refused['retryable']], [2, 'limit', true]);
  client.send({ type: 'end', id: 1 });
  await client.next('end');
  client.send({ type: 'sub', id: 3, topics: ['a', 'b', 'c'] });
  equal((await client.next('error'))['code'], 'bad_request');
  for (const path of ['/v1/sse?topics=a,b,c', '/v2/stream/a,b,c']) {
    const stream = await fetch(served.url + path);
    equal(stream.status, 400);
    match(await stream.text(), /at most 2 topics/);
  }
  await client.subscribe(4, { topics: ['subs'] });
});

test('limits.inflight 1000 publishes: reading stops until answers are out, nothing is lost', async () => {
  await stand.topic('inflight');
  await using served = await stand.gateway({ limits: { inflight: 4 } }, { deliveryTimeoutMs: 60_000 });
  const client = await served.native();
  const pub = (id: number): object => ({ type: 'pub', id, topic: 'inflight', value: `${id}` });
  client.send(pub(1));
  await client.next('ok');
  served.stoppable.stop();
  for (let id = 2; id <= 5; id++) client.send(pub(id));
  // Four are on their way: a ping behind them waits with the rest. What has been read already is at most one turn's.
  const waiting = Array.from({ length: 5000 }, (_, index) => pub(index + 6));
  for (let at = 0; at < waiting.length; at += 50) client.send(...waiting.slice(at, at + 50));
  const held = served.metric('memory_bytes');
  served.stoppable.start();
  for (let id = 2; id <= 5005; id++) equal((await client.next('ok'))['id'], id);
  ok(held < 5000 * 100, `${held} bytes were held`);
});

test('limits.framesPerSecond 0 = off: one more in a second is bye limit and 4429', async () => {
  await using served = await stand.gateway({ limits: { framesPerSecond: 5 } });
  const client = await served.native();
  client.send(...Array.from({ length: 6 }, () => ({ type: 'ping' })));
  const bye = await client.next('bye');
  deepEqual([bye['code'], bye['reconnect']], ['limit', true]);
  equal(await client.closed(), 4429);
  await using free = await stand.gateway();
  const other = await free.native();
  other.send(...Array.from({ length: 2000 }, () => ({ type: 'ping' })));
  for (let count = 0; count < 2000; count++) await other.next('pong');
});

test('limits.groups 100: one more member is limit, on v2 503', async () => {
  await stand.topic('groups');
  await using served = await stand.gateway({ limits: { groups: 1 } });
  const client = await served.native();
  await client.subscribe(1, { topics: ['groups'], group: 'g' });
  client.send({ type: 'sub', id: 2, topics: ['groups'], group: 'g' });
  equal((await client.next('error'))['code'], 'limit');
  equal((await served.open('/v2/broker/?topics=groups&group.id=g')).status, 503);
  client.send({ type: 'end', id: 1 });
  await client.next('end');
  await client.subscribe(3, { topics: ['groups'], group: 'g' });
});

test('limits.body 8 MiB: more is 413, announced or not, packed or not, and nothing is written', async () => {
  await stand.topic('body');
  await using served = await stand.gateway({ limits: { body: 1000 } });
  const post = (body: NonNullable<RequestInit['body']>, headers: Record<string, string> = {}) =>
    fetch(`${served.url}/v1/topics/body`, {
      method: 'POST',
      headers: { 'content-type': 'text/plain', ...headers },
      body,
      ...({ duplex: 'half' } as object),
    });
  equal((await post('x'.repeat(1001))).status, 413);
  const stream = new ReadableStream({
    start(controller) {
      controller.enqueue(Buffer.alloc(600));
      controller.enqueue(Buffer.alloc(600));
      controller.close();
    },
  });
  equal((await post(stream)).status, 413);
  const { gzipSync } = await import('node:zlib');
  equal((await post(new Uint8Array(gzipSync(Buffer.alloc(1_000_000))), { 'content-encoding': 'gzip' })).status, 413);
  equal((await post('x'.repeat(1000))).status, 200);
  equal(await stand.broker.offset('body', 0, 'latest'), 1);
  await served.until('memory_bytes', (bytes) => bytes === 0);
});

test('limits.memory: a body counts, inflated, until its request is answered', async () => {
  await stand.topic('inflated');
  await using served = await stand.gateway({}, { deliveryTimeoutMs: 60_000 });
  const { gzipSync } = await import('node:zlib');
  const post = () =>
    fetch(`${served.url}/v1/topics/inflated`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'content-encoding': 'gzip' },
      body: new Uint8Array(gzipSync(`{"value":"x"}${' '.repeat(500_000)}`)),
    });
  equal((await post()).status, 200);
  await served.until('memory_bytes', (bytes) => bytes < 1000);
  served.stoppable.stop();
  const waiting = post();
  await served.until('memory_bytes', (bytes) => bytes > 500_000);
  served.stoppable.start();
  equal((await waiting).status, 200);
  await served.until('memory_bytes', (bytes) => bytes < 1000);
});

test('limits.memory: above 90 % new connections get 503 with Retry-After, whatever they want', async () => {
  await stand.topic('memory');
  await using served = await stand.gateway({ limits: { memory: 100_000 } }, { deliveryTimeoutMs: 60_000 });
  const client = await served.native();
  client.send({ type: 'pub', id: 1, topic: 'memory', value: 'first' });
  await client.next('ok');
  served.stoppable.stop();
  client.send({ type: 'pub', id: 2, topic: 'memory', value: 'x'.repeat(95_000) });
  await served.until('memory_bytes', (bytes) => bytes > 90_000);
  const refused = await rawHttp(served.address, handshake('/v1/ws', native));
  equal(refused.status, 503);
  match(refused.head, /\r\nRetry-After: 5/);
  for (const request of ['/v1/sse?topic=memory', '/v1/topics/memory/records']) {
    const answer = await fetch(served.url + request);
    equal(answer.status, 503);
    equal(answer.headers.get('retry-after'), '5');
  }
  served.stoppable.start();
  await client.next('ok');
  await served.until('memory_bytes', (bytes) => bytes < 90_000);
  await served.native();
});

/** More than the buffers of both kernels take, so that the gateway has to keep some. */
const floodBytes = 14_000_000;
const big = 'x'.repeat(100_000);
const flood = (async () => {
  await stand.topic('flood');
  for (let sent = 0; sent < floodBytes; sent += big.length * 20) {
    await stand.produce(
      'flood',
      Array.from({ length: 20 }, () => big),
    );
  }
})();

test('limits.memory: at 100 % the connections with the largest queues are closed 1013', async () => {
  await flood;
  await using served = await stand.gateway({ limits: { memory: 400_000 }, delivery: { ringBytes: 1000 } });
  const greedy = await served.native();
  const modest = await served.native();
  await greedy.subscribe(1, { topics: ['flood'], from: 'earliest' });
  greedy.socket.pause();
  await modest.subscribe(1, { topics: ['flood'], from: 'latest' });
  // Its farewell cannot leave: it is cut off once that has taken too long.
  await served.until('connections{protocol="json"}', (open) => {
    served.advance(50);
    return open === 1;
  });
  greedy.leave();
  await stand.produce('flood', ['after']);
  deepEqual(await modest.values(1), ['after']);
});

test('limits.stallMs: a socket that takes no byte while data waits is closed whatever the policy, and others go on', async () => {
  await flood;
  await using served = await stand.gateway({ limits: { queue: 140_000, stallMs: 1500, authMs: 400 } });
  const stalled = await served.native();
  const other = await served.native();
  await stalled.subscribe(1, { topics: ['flood'], from: 'earliest' });
  stalled.socket.pause();
  await served.until('queue_bytes', (bytes) => bytes > 0);
  await other.subscribe(1, { topics: ['flood'], from: 'earliest' });
  await other.records(floodBytes / big.length);
  // One record may pass the bound; the rest of the socket's queue is what its frames cost.
  ok(served.metric('queue_bytes') < 500_000, `${served.metric('queue_bytes')} bytes wait`);
  await served.until('slow_closes_total', (closes) => closes === 1);
  stalled.socket.resume();
  equal(await stalled.closed(), 4408);
  other.send({ type: 'ping' });
  await other.next('pong');
});

test('limits.queue: who asks and reads no answers is not heard any further, on the native protocol and in ingest', async () => {
  await stand.topic('unread');
  const ingest = [{ name: 'unread', ack: true }];
  await using served = await stand.gateway({ limits: { queue: 50_000 }, ingest });
  const native = await served.native();
  native.socket.pause();
  // Their answers are some 16 MB, more than the kernels hold.
  const asked = 200_000;
  for (let sent = 0; sent < asked; sent += 1000) {
    native.send(...Array.from({ length: 1000 }, (_, at) => ({ type: 'sub', id: sent + at + 1 })));
    await new Promise((resolve) => setImmediate(resolve));
    ok(served.metric('queue_bytes') < 500_000, `${served.metric('queue_bytes')} bytes wait`);
  }
  await served.until('queue_bytes', (bytes) => bytes > 50_000);
  native.socket.resume();
  const { units } = native.socket;
  await units.until(
    40_000,
    () => 'all answers',
    (items) => (items.length >= asked ? true : undefined),
  );
  const last = units.items.at(-1);
  ok(last?.kind === 'frame' && last.json['id'] === asked);
  const { client } = await served.open('/v1/ingest/unread');
  client.pause();
  for (let sent = 0; sent < 1000; sent++) client.send(1, Buffer.from(`${sent}`));
  client.resume();
  const acknowledged = await client.units.until(
    60_000,
    () => 'the last acknowledgement',
    (units) => units[999],
  );
  deepEqual(acknowledged, { kind: 'text', text: '{"partition":0,"offset":999}' });
});

const hundred = Array.from({ length: 100 }, (_, index) => `value ${index}`.padEnd(100, '.'));
const slowly = { limits: { queue: 2000 } };

test('wait (default): the subscription reads on from the log where it stood, and nothing is lost', async () => {
  await stand.topic('wait');
  // The ring is too small for what waits: it is read from the log.
  await using served = await stand.gateway({ ...slowly, delivery: { ringBytes: 3000 } });
  const client = await served.native();
  await client.subscribe(1, { topics: ['wait'], window: 2 });
  await stand.produce('wait', hundred);
  const got: unknown[] = [];
  while (got.length < 100) {
    const { seq, records } = await client.next('data');
    got.push(...(records as { value: unknown }[]).map(({ value }) => value));
    client.send({ type: 'ack', id: 1, seq });
  }
  deepEqual(got, hundred);
  equal(
    client.socket.units.items.some((unit) => unit.kind === 'frame' && unit.json['type'] === 'gap'),
    false,
  );
});

test('disconnect: bye slow_consumer with resume and 4408, and from there nothing is lost', async () => {
  await stand.topic('disconnect');
  await using served = await stand.gateway(slowly);
  const client = await served.native();
  await client.subscribe(1, { topics: ['disconnect'], window: 2, slow: 'disconnect' });
  await stand.produce('disconnect', hundred);
  const bye = await client.next('bye');
  deepEqual([bye['code'], bye['reconnect']], ['slow_consumer', true]);
  equal(await client.closed(), 4408);
  equal(served.metric('slow_closes_total'), 1);
  const first = await client.values(1);
  const again = await served.native();
  const pos = (bye['resume'] as Record<string, string>)['1'];
  await again.subscribe(1, { topics: ['disconnect'], from: { pos } });
  const rest = await again.values(100 - first.length);
  deepEqual([...first, ...rest], hundred);
});

test('drop: the oldest unsent records are thrown away, a gap slow stands before the next, and every offset is accounted for', async () => {
  await stand.topic('drop', { partitions: 2 });
  await using served = await stand.gateway(slowly);
  const client = await served.native();
  await client.subscribe(1, { topics: ['drop'], window: 2, slow: 'drop' });
  await stand.produce('drop', hundred, 0);
  await stand.produce('drop', hundred, 1);
  const first = await client.next('data');
  await served.until('queue_bytes', (bytes) => bytes > 0);
  client.send({ type: 'ack', id: 1, seq: 1, window: 1000 });
  const next = [0, 0];
  const seen = (frame: Frame): void => {
    if (frame.type === 'gap') {
      deepEqual([frame['reason'], frame['from']], ['slow', next[frame['partition'] as number]]);
      next[frame['partition'] as number] = frame['to'] as number;
    }
    for (const { partition, offset } of (frame['records'] ?? []) as { partition: number; offset: number }[]) {
      equal(offset, next[partition]!++);
    }
  };
  seen(first);
  let gaps = 0;
  while (next[0]! + next[1]! < 200) {
    const frame = await client.nextOf(['gap', 'data']);
    if (frame.type === 'gap') gaps += (frame['to'] as number) - (frame['from'] as number);
    seen(frame);
  }
  ok(gaps > 0);
  equal(served.metric('dropped_records_total'), gaps);
  equal(served.metric('gap_records_total{reason="slow"}'), gaps);
});

test('conflate: a newer record takes the place of an unsent one of its key, and is counted', async () => {
  await stand.topic('conflate');
  await using served = await stand.gateway(slowly);
  const client = await served.native();
  await client.subscribe(1, { topics: ['conflate'], window: 1, slow: 'conflate' });
  await using producer = await stand.broker.producer();
  const records = Array.from({ length: 100 }, (_, index) => ({
    key: Buffer.from(`k${index % 3}`),
    value: Buffer.from(`${index}`),
    headers: [],
    timestampMs: null,
  }));
  await producer.send('conflate', 0, records);
  const first = await client.next('data');
  deepEqual(
    (first['records'] as { value: string }[]).map(({ value }) => value),
    ['0'],
  );
  await served.until('queue_bytes', (bytes) => bytes > 0);
  client.send({ type: 'ack', id: 1, seq: 1, window: 1000 });
  const { records: last, conflated } = await client.next('data');
  deepEqual(
    (last as { value: string }[]).map(({ value }) => value),
    ['97', '98', '99'],
  );
  equal(conflated, 96);
  equal(served.metric('conflated_records_total'), 96);
});
