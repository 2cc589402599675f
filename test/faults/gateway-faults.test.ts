/**
 * Faults of clients and of the broker: the second table of PROTOCOL.md, section 11. Each test begins with its row's first
 * cell; ../integration/gateway-rows.test.ts finds the row that has none. What takes a real Kafka is in gateway-kafka.test.ts.
 */
import { deepEqual, equal, match, ok } from 'node:assert/strict';
import { after, test } from 'node:test';
import { stoppableBroker } from '../conformance/runners/gateway/stoppable-broker.ts';
import { rawHttp } from '../support/gateway/raw-http.ts';
import { gatewayStand } from '../support/gateway/stand.ts';

const stand = await gatewayStand();
after(() => stand[Symbol.asyncDispose]());

const paths = [
  { path: '/v1/ws', protocols: ['tributary.v1.json'] },
  { path: '/v2/broker/', protocols: ['kafka-text'] },
  { path: '/v1/ingest/any', protocols: [] },
];
const handshake = (path: string, headers: Readonly<Record<string, string | undefined>>): string => {
  const all = {
    Host: 'localhost',
    Upgrade: 'websocket',
    Connection: 'Upgrade',
    'Sec-WebSocket-Version': '13',
    'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==',
    'Sec-WebSocket-Protocol': 'tributary.v1.json',
    ...headers,
  };
  const lines = Object.entries(all).filter(([, value]) => value !== undefined);
  return `GET ${path} HTTP/1.1\r\n${lines.map(([name, value]) => `${name}: ${value}`).join('\r\n')}\r\n\r\n`;
};
const closeCode = (client: {
  closes: { until: (ms: number, what: () => string, pick: (codes: number[]) => number | undefined) => Promise<number> };
}): Promise<number> =>
  client.closes.until(
    60_000,
    () => 'the close',
    ([code]) => code,
  );

test('handshake without Sec-WebSocket-Key or with a malformed one: 400 on every path', async () => {
  await using served = await stand.gateway({ ingestAny: true });
  for (const { path } of paths) {
    for (const key of [undefined, '', 'short', 'dGhlIHNhbXBsZSBub25jZQ=', `${'A'.repeat(22)}==x`, '!'.repeat(24)]) {
      const answer = await rawHttp(served.address, handshake(path, { 'Sec-WebSocket-Key': key }));
      equal(answer.status, 400, `${path} ${key}`);
    }
  }
});

test('Sec-WebSocket-Version not 13: 426 with the version that is spoken', async () => {
  await using served = await stand.gateway();
  for (const version of [undefined, '8', '14', '013', 'x']) {
    const answer = await rawHttp(served.address, handshake('/v1/ws', { 'Sec-WebSocket-Version': version }));
    equal(answer.status, 426);
    match(answer.head, /\r\nSec-WebSocket-Version: 13/i);
  }
});

const frames: readonly (readonly [what: string, hex: string, code: number])[] = [
  ['unmasked client frame', '81027b7d', 1002],
  ['RSV1 without extension', 'c182000000007b7d', 1002],
  ['RSV2', 'a182000000007b7d', 1002],
  ['RSV3', '9182000000007b7d', 1002],
  ['opcode 3', '838000000000', 1002],
  ['opcode 15', '8f8000000000', 1002],
  ['fragmented ping', '098000000000', 1002],
  ['fragmented close', '088000000000', 1002],
  ['ping of 126 bytes', `89fe007e00000000${'00'.repeat(126)}`, 1002],
  ['continuation without start', '8082000000007b7d', 1002],
  ['new data frame inside a fragmented message', '0181000000007b8181000000007d', 1002],
  ['close with a one-byte body', '88810000000003', 1002],
  ['close with code 999', '88820000000003e7', 1002],
  ['close with code 1005', '88820000000003ed', 1002],
  ['close with code 1006', '88820000000003ee', 1002],
  ['close with code 5000', '8882000000001388', 1002],
  ['text that is not UTF-8', '818200000000c328', 1007],
  ['text that ends within a character', '818100000000e2', 1007],
  ['close reason that is not UTF-8', '88840000000003e8c328', 1007],
  ['length over 2^63', '82ff8000000000000000', 1009],
  ['length of 2^53', '82ff0020000000000000', 1009],
];

const rows: Readonly<Record<string, readonly [number, RegExp]>> = {
  'unmasked client frame, RSV bit without extension, unknown opcode, fragmented or over-long (>125) control frame, continuation without start, new data frame inside a fragmented message':
    [1002, /^(?!close|text|length)/],
  'close frame with a one-byte body or an illegal code': [1002, /^close with/],
  'invalid UTF-8 in text or in a close reason': [1007, /UTF-8|character/],
  'length over 2^63 or over the limit': [1009, /^length/],
};

for (const [row, [code, which]] of Object.entries(rows)) {
  test(`${row}: ${code} on every path, before a payload is read`, async () => {
    await using served = await stand.gateway({ ingestAny: true });
    const tried = frames.filter(([what]) => which.test(what));
    ok(tried.length > 1);
    await stand.broker.createTopic({ name: 'any' }).catch(() => {}); // of an earlier row
    for (const { path, protocols } of paths) {
      for (const [what, hex, wanted] of tried) {
        equal(wanted, code);
        const { client } = await served.open(path, protocols);
        client.raw(Buffer.from(hex, 'hex'));
        equal(await closeCode(client), code, `${what} at ${path}`);
      }
    }
  });
}

test('data after a close frame: discarded', async () => {
  await stand.topic('after-close');
  await using served = await stand.gateway();
  const client = await served.native();
  const pub = (id: number): string => `{"type":"pub","id":${id},"topic":"after-close","value":"${id}"}`;
  client.socket.send(1, Buffer.from(pub(1)));
  await client.next('ok');
  client.socket.close(1000);
  client.socket.send(1, Buffer.from(pub(2)));
  equal(await client.closed(), 1000);
  await using other = await stand.gateway();
  const reader = await other.native();
  reader.send({ type: 'pub', id: 1, topic: 'after-close', value: 'last' });
  await reader.next('ok');
  await reader.subscribe(2, { topics: ['after-close'], from: 'earliest' });
  deepEqual(await reader.values(2, 2), ['1', 'last']);
});

test('half-open peer: dropped pingMs + 10 s after its last byte, on every path', async () => {
  await using served = await stand.gateway({ pingMs: 200, ingestAny: true });
  const clients = [];
  for (const { path, protocols } of paths) {
    const { client } = await served.open(path, protocols);
    client.mute();
    clients.push(client);
  }
  await served.until('connections{protocol="ingest"}', (open) => open === 1);
  const alive = await served.native();
  await alive.next('ping'); // what was heard until now has been seen
  served.advance(9000);
  await alive.next('ping');
  deepEqual(
    clients.flatMap(({ closes }) => closes.items),
    [],
  );
  served.advance(2000);
  for (const client of clients) equal(await closeCode(client), 1006);
});

test('client never completes TLS or the request head: dropped after handshakeMs', async () => {
  await using served = await stand.gateway({ limits: { handshakeMs: 200 } });
  equal((await rawHttp(served.address, 'GET /v1/topics HTTP/1.1\r\nHost: localhost\r\nX: ')).status, 408);
  // TLS: gateway-auth.test.ts
});

test('client sends a frame header and stalls: dropped by the half-open rule; partial message memory is released', async () => {
  await using served = await stand.gateway({ pingMs: 200 });
  const stalled = await served.open('/v1/ws', ['tributary.v1.json']);
  stalled.client.mute();
  stalled.client.raw(Buffer.from('81ff000000000010000000000000', 'hex')); // a message of a MiB
  stalled.client.raw(Buffer.alloc(500_000, 32));
  const other = await served.native();
  await other.next('ping');
  served.advance(20_000);
  equal(await closeCode(stalled.client), 1006);
  await served.until('connections{protocol="json"}', (open) => open <= 1);
  await served.until('memory_bytes', (bytes) => bytes < 1000);
});

test('ping flood: pongs are coalesced: at most one pending', async () => {
  await using served = await stand.gateway();
  const client = await served.native();
  client.socket.pause();
  // Pongs of these would be 4 MB, and are not kept.
  for (let sent = 0; sent < 30_000; sent += 1000) {
    for (let at = 0; at < 1000; at++) client.socket.send(9, Buffer.from(`${sent + at}`.padEnd(120, '.')));
    client.send({ type: 'ping' });
    await new Promise((resolve) => setImmediate(resolve));
    ok(served.metric('queue_bytes') < 200_000, `${served.metric('queue_bytes')} bytes wait`);
  }
  client.socket.resume();
  await client.next('pong');
  await client.socket.pongs.until(
    60_000,
    () => 'the last pong',
    (pongs) => pongs.find((pong) => pong.toString().startsWith('29999')),
  );
});

test('% sequences, NUL or CR/LF smuggled in path, topic, key or header: 400 or bad_request; never reflected', async () => {
  await stand.topic('smuggled');
  await using served = await stand.gateway({ origins: ['https://app.example'] });
  for (const name of [
    'a%00b',
    'a%0d%0aX-Evil:1',
    '%2e%2e',
    '%2e',
    'a%2fb',
    '%',
    '%zz',
    'a%25',
    '..%2f',
    '%c3%28',
    'a%20b',
  ]) {
    for (const [method, path] of [
      ['GET', `/v1/topics/${name}`],
      ['POST', `/v1/topics/${name}`],
      ['GET', `/v1/topics/${name}/records`],
      ['GET', `/v1/sse?topic=${name}`],
      ['GET', `/v2/stream/${name}`],
    ]) {
      const text = `${method} ${path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/plain\r\nContent-Length: 0\r\n\r\n`;
      const answer = await rawHttp(served.address, text);
      equal(answer.status, 400, `${method} ${path}: ${answer.head}`);
      ok(!/evil/i.test(answer.head + answer.body), answer.head);
      ok(!answer.body.includes(name));
    }
  }
  // Raw bytes are no HTTP.
  for (const path of ['/v1/\0', '/v1/topics/a b', '/v1/topics/a\u0001']) {
    equal(
      (await rawHttp(served.address, `GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`)).status,
      400,
      JSON.stringify(path),
    );
  }
  for (const header of [
    'X: a\0b',
    'X: a\rb',
    'X : a',
    ' folded',
    'Content-Length: 1\r\nContent-Length: 2',
    'Content-Length: 1\r\nTransfer-Encoding: chunked',
  ]) {
    const text = `POST /v1/topics/smuggled HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/plain\r\n${header}\r\n\r\nx`;
    equal((await rawHttp(served.address, text)).status, 400, header);
  }
  const client = await served.native();
  const bad = [
    { topic: 'a\r\nb' },
    { topic: 'a\0' },
    { topic: 'a%00' },
    { topic: '..' },
    { headers: [{ name: 'a\r\nb', value: 'v' }] },
    { headers: [{ name: 'a\0', value: 'v' }] },
    { headers: [{ name: 'tributary-mid', value: 'v' }] },
  ];
  for (const [at, members] of bad.entries()) {
    client.send({ type: 'pub', id: at + 1, topic: 'smuggled', value: 'v', ...members });
    const error = await client.next('error');
    equal(error['code'], 'bad_request');
    ok(!/\r|\0/.test(error['message'] as string));
  }
  // Keys are bytes like any other; on the way out they break no line.
  const key = 'k\r\ndata: evil\n\n\0';
  client.send({ type: 'pub', id: 99, topic: 'smuggled', key, value: null });
  await client.next('ok');
  const events = await fetch(`${served.url}/v1/sse?topic=smuggled&from=earliest&envelope=none`);
  const reader = events.body!.pipeThrough(new TextDecoderStream()).getReader();
  let text = '';
  while (!text.includes('event: delete')) text += (await reader.read()).value;
  await reader.cancel();
  ok(!/^data: evil/m.test(text), text);
});

test('Kafka unreachable at start: the gateway starts, /readyz is 503; sub and pub answer unavailable; v2 handshakes with topics get 503; later all is served', async () => {
  await stand.topic('later');
  const { openBrokerNowOrLater } = await import('../../src/app/broker-later.ts');
  const { recordingLog } = await import('../../src/telemetry/log.ts');
  const { TributaryError } = await import('../../src/base/errors.ts');
  const entries: import('../../src/telemetry/log.ts').LogEntry[] = [];
  let isThere = false;
  const open = async () => {
    if (isThere) return stoppableBroker(stand.broker).broker;
    throw new TributaryError('BROKER_UNAVAILABLE', 'Cannot reach it', { retriable: true });
  };
  const broker = await openBrokerNowOrLater(open, 'kafka://nowhere:9092', recordingLog(entries));
  await using served = await stand.gateway({}, {}, broker);
  const ready = await fetch(`${served.gateway.adminUrl}/readyz`);
  equal(ready.status, 503);
  deepEqual(await ready.json(), { ready: false, checks: { kafka: 'unreachable', auth: 'ok', drain: 'no' } });
  equal((await fetch(`${served.gateway.adminUrl}/healthz`)).status, 200);
  const client = await served.native();
  client.send({ type: 'sub', id: 1, topics: ['later'] }, { type: 'pub', id: 2, topic: 'later', value: 'v' });
  for (const _ of [1, 2]) {
    const error = await client.next('error');
    deepEqual([error['code'], error['retryable']], ['unavailable', true]);
  }
  equal((await served.open('/v2/broker/?topics=later')).status, 503);
  equal((await served.open('/v2/broker/')).status, 101);
  equal(served.metric('kafka_up'), 0);
  isThere = true;
  await served.until('kafka_up', (up) => up === 1);
  await client.subscribe(3, { topics: ['later'] });
  client.send({ type: 'pub', id: 4, topic: 'later', value: 'now' });
  deepEqual(await client.values(1, 3), ['now']);
  ok(entries.some(({ event }) => event === 'broker_reached'));
  client.leave();
});

test('Kafka lost while running: subscriptions are silent and go on without loss or duplicate; publishes wait, then fail; pings go on', async () => {
  await stand.topic('lost');
  await using served = await stand.gateway({ pingMs: 300 }, { deliveryTimeoutMs: 1500 });
  const client = await served.native();
  await client.subscribe(1, { topics: ['lost'] });
  client.send({ type: 'pub', id: 2, topic: 'lost', value: 'before' });
  deepEqual(await client.values(1), ['before']);
  served.stoppable.stop();
  await stand.produce('lost', ['while away']);
  client.send({ type: 'pub', id: 3, topic: 'lost', value: 'too late' });
  await client.next('ping');
  const error = await client.next('error');
  deepEqual(
    [error['id'], error['retryable'], ['timeout', 'unavailable'].includes(error['code'] as string)],
    [3, true, true],
  );
  await served.until('kafka_up', (up) => up === 0);
  equal((await served.open('/v2/broker/?topics=lost')).status, 503);
  served.stoppable.start();
  deepEqual(await client.values(1), ['while away']);
  client.send({ type: 'pub', id: 4, topic: 'lost', value: 'after' });
  deepEqual(await client.values(1), ['after']);
});

test('broker away for long: what was known of a topic is enough to wait with', async () => {
  await stand.topic('long');
  await using served = await stand.gateway({}, { deliveryTimeoutMs: 60_000 });
  const client = await served.native();
  client.send({ type: 'pub', id: 1, topic: 'long', value: 'a' });
  await client.next('ok');
  served.stoppable.stop();
  await served.until('kafka_up', (up) => up === 0);
  client.send({ type: 'pub', id: 2, topic: 'long', value: 'b' });
  client.send({ type: 'ping' });
  await client.next('pong');
  served.advance(31_000); // partition counts are no longer believed
  client.send({ type: 'pub', id: 3, topic: 'long', value: 'c' });
  client.send({ type: 'ping' });
  await client.next('pong');
  served.stoppable.start();
  equal((await client.next('ok'))['id'], 2);
  equal((await client.next('ok'))['id'], 3);
});

test('topic deleted: gap deleted; with no topic left error not_found; v2 stays open; SSE gets event: gap, then event: error', async () => {
  await stand.topic('gone');
  await stand.topic('stays');
  await using served = await stand.gateway();
  const client = await served.native();
  await client.subscribe(1, { topics: ['gone'] });
  await client.subscribe(2, { topics: ['gone', 'stays'] });
  const v2 = await served.open('/v2/broker/?topics=gone');
  const stream = await fetch(`${served.url}/v1/sse?topic=gone`);
  await stand.produce('gone', ['x']);
  await client.values(1, 1);
  await client.values(1, 2);
  await stand.broker.deleteTopic('gone');
  for (const id of [1, 2]) {
    const gap = await client.next('gap', (frame) => frame['id'] === id);
    deepEqual([gap['reason'], gap['from'], gap['to']], ['deleted', 1, null]);
  }
  deepEqual((await client.next('error'))['code'], 'not_found');
  const changed = await client.next('ok', (frame) => frame['id'] === 2);
  deepEqual(changed['partitions'], { stays: 1 });
  const events = await stream.text();
  match(events, /event: gap\ndata: .*"deleted".*\n\nevent: error\ndata: .*"not_found"/);
  await stand.topic('gone');
  await stand.produce('gone', ['again']);
  await v2.client.units.until(
    60_000,
    () => 'the record of the new topic',
    (units) => units[1],
  );
});

test('topic recreated: gap recreated, then from earliest, and a position of the new topic goes on there', async () => {
  await stand.topic('anew', { partitions: 2 });
  await stand.produce('anew', ['old 0', 'old 1']);
  await using served = await stand.gateway();
  const client = await served.native();
  await client.subscribe(1, { topics: ['anew'], from: 'earliest' });
  await client.values(2);
  await stand.broker.deleteTopic('anew');
  await stand.topic('anew', { partitions: 2 });
  await stand.produce('anew', ['new 0', 'new 1', 'new 2']);
  const gap = await client.nextOf(['gap'], (frame) => frame['partition'] === 0);
  ok(['recreated', 'deleted'].includes(gap['reason'] as string));
  equal(gap['to'], null);
  const values: unknown[] = [];
  let pos: unknown;
  while (values.length < 3) {
    const data = await client.next('data');
    values.push(...(data['records'] as { value: string }[]).map(({ value }) => value));
    pos = data['pos'] ?? pos;
  }
  deepEqual(values, ['new 0', 'new 1', 'new 2']);
  await stand.produce('anew', ['new 3']);
  const last = await client.next('data');
  pos = last['pos'] ?? pos;
  await client.subscribe(2, { topics: ['anew'], from: { pos } });
  await stand.produce('anew', ['new 4']);
  deepEqual(await client.values(1, 2), ['new 4']);
  ok(
    !client.socket.units.items.some(
      (unit) => unit.kind === 'frame' && unit.json['type'] === 'gap' && unit.json['id'] === 2,
    ),
  );
});

test('partitions added: repeated ok; read from their beginning', async () => {
  await stand.topic('wider');
  await using served = await stand.gateway();
  const client = await served.native();
  await client.subscribe(1, { topics: ['wider'] });
  await stand.broker.addPartitions('wider', 3);
  await stand.produce('wider', ['first of 2'], 2);
  deepEqual((await client.next('ok'))['partitions'], { wider: 3 });
  deepEqual(await client.values(1), ['first of 2']);
});

test('record over message.max.bytes of the topic: error too_large; v2: 1011; the others of its batch are written', async () => {
  await stand.topic('small', { config: { 'max.message.bytes': '2000' } });
  await using served = await stand.gateway();
  const client = await served.native();
  const pub = (id: number, size: number): object => ({ type: 'pub', id, topic: 'small', value: 'x'.repeat(size) });
  client.send(pub(1, 10), pub(2, 5000), pub(3, 10));
  equal((await client.next('error', (frame) => frame['id'] === 2))['code'], 'too_large');
  await client.next('ok', (frame) => frame['id'] === 1);
  await client.next('ok', (frame) => frame['id'] === 3);
  const v2 = await served.open('/v2/broker/', ['kafka-text']);
  v2.client.send(1, Buffer.from(JSON.stringify({ topic: 'small', message: 'x'.repeat(5000) })));
  equal(await closeCode(v2.client), 1011);
  const answer = await fetch(`${served.url}/v1/topics/small`, {
    method: 'POST',
    headers: { 'content-type': 'text/plain' },
    body: 'x'.repeat(5000),
  });
  equal(answer.status, 413);
  equal(served.metric('publish_errors_total{code="too_large"}'), 3);
});

test('offset reset by retention: gap retention, of a slow reader and of one that comes back', async () => {
  await stand.topic('retained');
  await stand.produce(
    'retained',
    Array.from({ length: 100 }, (_, index) => `${index}`),
  );
  await using served = await stand.gateway({ delivery: { ringBytes: 100 } });
  const client = await served.native();
  await client.subscribe(1, { topics: ['retained'], from: 'earliest', window: 10 });
  const first = await client.next('data');
  equal((first['records'] as unknown[]).length, 10);
  await stand.broker.deleteRecords('retained', 0, 60);
  client.send({ type: 'ack', id: 1, seq: first['seq'], window: 1000 });
  // What one fetch had brought already may still come.
  let next = 10;
  for (;;) {
    const frame = await client.nextOf(['gap', 'data']);
    if (frame.type === 'gap') {
      deepEqual([frame['reason'], frame['from'], frame['to']], ['retention', next, 60]);
      next = 60;
      continue;
    }
    for (const { offset } of frame['records'] as { offset: number }[]) equal(offset, next++);
    if (next === 100) break;
  }
  const { pos } = first;
  await client.subscribe(2, { topics: ['retained'], from: { pos } });
  const gap = await client.next('gap', (frame) => frame['id'] === 2);
  deepEqual([gap['reason'], gap['from'], gap['to']], ['retention', 10, 60]);
  ok(served.metric('gap_records_total{reason="retention"}') >= 50);
});

test('SIGTERM: publishes in flight are answered, everybody is told farewell in the words of its protocol, new ones are refused', async () => {
  await stand.topic('drain');
  await using served = await stand.gateway({ ingestAny: true, drain: { spreadMs: 5000, timeoutMs: 5000 } });
  const clients = await Promise.all(Array.from({ length: 50 }, () => served.native()));
  const v2 = await served.open('/v2/broker/?topics=drain');
  const ingest = await served.open('/v1/ingest/drain');
  const stream = await fetch(`${served.url}/v1/sse?topic=drain`);
  const [first] = clients;
  await first!.subscribe(1, { topics: ['drain'] });
  for (let id = 2; id < 100; id++) first!.send({ type: 'pub', id, topic: 'drain', value: `${id}` });
  await first!.next('ok', (frame) => frame['id'] === 2);
  const drained = served.gateway.drain();
  const ready = await fetch(`${served.gateway.adminUrl}/readyz`).catch(() => undefined);
  ok(ready === undefined || ready.status === 503);
  const byes = await Promise.all(clients.map((client) => client.next('bye')));
  for (const { code, reconnect } of byes) deepEqual([code, reconnect], ['shutting_down', true]);
  const after = byes.map(({ afterMs }) => afterMs as number);
  ok(Math.min(...after) >= 0 && Math.max(...after) <= 5000);
  ok(new Set(after).size > 25, 'they are spread');
  ok(byes[0]!['resume'] !== undefined);
  for (const client of clients) equal(await client.closed(), 1012);
  equal(await closeCode(v2.client), 1012);
  equal(await closeCode(ingest.client), 1012);
  match(await stream.text(), /retry: \d+\n\n$/);
  const answered = first!.socket.units.items.filter(
    (unit) => unit.kind === 'frame' && unit.json['type'] === 'ok',
  ).length;
  const written = await stand.broker.offset('drain', 0, 'latest');
  equal(answered + 1, written);
  await drained;
});

test('clock jumps: the wall clock decides about tokens alone', async () => {
  const { mock } = await import('node:test');
  await stand.topic('jump');
  await using served = await stand.gateway({ pingMs: 300 });
  const client = await served.native();
  await client.subscribe(1, { topics: ['jump'] });
  const real = Date.now;
  for (const jump of [86_400_000, -86_400_000]) {
    const now = mock.method(Date, 'now', () => real() + jump);
    await client.next('ping');
    await stand.produce('jump', [`${jump}`]);
    deepEqual(await client.values(1), [`${jump}`]);
    now.mock.restore();
  }
  deepEqual(client.socket.closes.items, []);
  client.leave();
});
