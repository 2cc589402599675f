/** The gateway as an attacker meets it. Tokens and keys: gateway-auth.test.ts; broken frames and smuggling: gateway-faults.test.ts. */
import { deepEqual, equal, ok } from 'node:assert/strict';
import { once } from 'node:events';
import { after, test } from 'node:test';
import { WebSocket } from 'ws';
import { rawHttp } from '../support/gateway/raw-http.ts';
import { gatewayStand } from '../support/gateway/stand.ts';

const stand = await gatewayStand();
after(() => stand[Symbol.asyncDispose]());

test('a page of another site opens no WebSocket, whatever it speaks, and reads no stream', async () => {
  await stand.topic('private');
  await using served = await stand.gateway({ ingestAny: true });
  const strange = { Origin: 'https://evil.example' };
  for (const [path, protocols] of [
    ['/v1/ws', ['tributary.v1.json']],
    ['/v2/broker/?topics=private', ['kafka-text']],
    ['/v1/ingest/private', []],
  ] as const) {
    const { status, body } = await served.open(path, protocols, strange);
    equal(status, 403, path);
    equal((JSON.parse(body) as { code: string }).code, 'forbidden');
    equal((await served.open(path, protocols, { Origin: `http://${served.address}` })).status, 101, path);
    for (const origin of [
      `http://${served.address}.evil.example`,
      `http://evil@${served.address}`,
      'file://',
      'null',
      '',
    ]) {
      equal((await served.open(path, protocols, { Origin: origin })).status, 403, `${path} ${origin}`);
    }
  }
  equal((await fetch(`${served.url}/v1/sse?topic=private`, { headers: strange })).status, 403);
});

test('DNS rebinding: under a name that is not ours nothing is served, on any path', async () => {
  await stand.topic('rebound');
  await using served = await stand.gateway({ hosts: ['gw.example'] });
  const get = (host: string, path: string): Promise<{ status: number }> =>
    rawHttp(served.address, `GET ${path} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
  for (const path of ['/v1/topics', '/v1/topics/rebound', '/v1/sse?topic=rebound', '/v2/stream/rebound', '/nothing']) {
    for (const host of [
      'evil.example',
      'evil.example:7080',
      'localhost.evil.example',
      '127.0.0.1.evil.example',
      '127.0.0.1@evil.example',
      '',
    ]) {
      equal((await get(host, path)).status, 403, `${host} ${path}`);
    }
  }
  equal((await get('gw.example:7080', '/v1/topics')).status, 200);
  for (const host of ['evil.example', '']) {
    equal((await served.open('/v1/ws', ['tributary.v1.json'], { Host: host })).status, 403);
  }
  // HTTP/1.0 need not say where it goes.
  equal((await rawHttp(served.address, 'GET /v1/topics HTTP/1.0\r\n\r\n')).status, 403);
});

test('an absolute URL or a doubled Host does not get around the check', async () => {
  await using served = await stand.gateway();
  const absolute = await rawHttp(
    served.address,
    'GET http://localhost/v1/topics HTTP/1.1\r\nHost: evil.example\r\n\r\n',
  );
  ok(absolute.status >= 400, absolute.head);
  const doubled = await rawHttp(
    served.address,
    'GET /v1/topics HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n',
  );
  equal(doubled.status, 400, doubled.head);
});

test('compression is off unless it is wanted, on every path, and for whoever is not known yet', async () => {
  const tokens = [{ name: 'alice', token: 'token-of-alice-0123456789' }];
  const auth = { auth: { mode: 'token', tokens }, acl: [] };
  const offers = { 'Sec-WebSocket-Extensions': 'permessage-deflate; client_max_window_bits' };
  const bearer = { Authorization: 'Bearer token-of-alice-0123456789' };
  const extension = async (
    config: Record<string, unknown>,
    path: string,
    protocols: string[],
    headers: Record<string, string>,
  ) => {
    await using served = await stand.gateway(config);
    const { status, headers: answered, client } = await served.open(path, protocols, { ...offers, ...headers });
    equal(status, 101);
    client.destroy();
    return answered.get('sec-websocket-extensions');
  };
  const native = ['tributary.v1.json'];
  equal(await extension({}, '/v1/ws', native, {}), undefined);
  equal(await extension({ compression: true }, '/v2/broker/', [], {}), undefined);
  equal(await extension({ compression: true, ingestAny: true }, '/v1/ingest/private', [], {}), undefined);
  equal(await extension({ ...auth, compression: true }, '/v1/ws', native, {}), undefined);
  for (const taken of [
    await extension({ ...auth, compression: true }, '/v1/ws', native, bearer),
    await extension({ compression: true }, '/v1/ws', native, {}),
  ]) {
    ok(taken?.includes('server_no_context_takeover') && taken.includes('client_no_context_takeover'), taken);
  }
});

test('a compression bomb is 1009 before it is inflated whole', async () => {
  await using served = await stand.gateway({ compression: true });
  const bomb = Buffer.alloc(100_000_000, '{');
  const socket = new WebSocket(`${served.url.replace('http', 'ws')}/v1/ws`, ['tributary.v1.json'], {
    perMessageDeflate: { threshold: 0 },
  });
  await once(socket, 'open');
  ok(socket.extensions.includes('permessage-deflate'));
  const closed = once(socket, 'close');
  socket.on('error', () => {});
  const before = process.memoryUsage().arrayBuffers;
  socket.send(bomb, { binary: false });
  const [code] = (await closed) as [number];
  equal(code, 1009);
  ok(process.memoryUsage().arrayBuffers - before < 80_000_000);
  const other = await served.native();
  other.send({ type: 'ping' });
  await other.next('pong');
});

test('what a client sends comes back in no header and no close reason', async () => {
  const mark = 'Zq7-reflected';
  await stand.topic('reflecting');
  await using served = await stand.gateway({ origins: ['https://app.example'] });
  const seen: string[] = [];
  for (const text of [
    `GET /${mark} HTTP/1.1\r\nHost: localhost\r\n\r\n`,
    `GET /v1/topics/reflecting/records?from=${mark} HTTP/1.1\r\nHost: localhost\r\n\r\n`,
    `GET /v1/sse?topic=reflecting&format=${mark} HTTP/1.1\r\nHost: localhost\r\n\r\n`,
    `${mark} /v1/topics HTTP/1.1\r\nHost: localhost\r\n\r\n`,
    `GET /v1/topics HTTP/1.1\r\nHost: ${mark}\r\n\r\n`,
    `GET /v1/topics HTTP/1.1\r\nHost: localhost\r\nOrigin: https://${mark}.example\r\n\r\n`,
    `POST /v1/topics/reflecting HTTP/1.1\r\nHost: localhost\r\nContent-Type: ${mark}/x\r\nContent-Length: 0\r\n\r\n`,
  ]) {
    const { head, body } = await rawHttp(served.address, text);
    seen.push(head, body);
  }
  const { client, headers } = await served.open('/v1/ws', [mark, 'tributary.v1.json'], { 'X-Mark': mark });
  seen.push(JSON.stringify([...headers]));
  client.send(1, Buffer.from(`{"type":"${mark}"}`));
  await client.closes.until(
    60_000,
    () => 'the close',
    ([code]) => code,
  );
  seen.push(JSON.stringify(client.units.items));
  const v2 = await served.open(`/v2/broker/?topics=${mark}%20x`, [mark]);
  seen.push(JSON.stringify([...v2.headers]));
  await v2.client.closes.until(
    60_000,
    () => 'the close',
    ([code]) => code,
  );
  ok(!seen.join().includes(mark), seen.join('\n'));
});

test('a rule on keys holds in a group and over v2 as it does everywhere', async () => {
  await stand.topic('keyed');
  await using producer = await stand.broker.producer();
  for (const key of ['alice', 'bob', 'alice']) {
    await producer.send('keyed', 0, [
      { key: Buffer.from(key), value: Buffer.from(`of ${key}`), headers: [], timestampMs: null },
    ]);
  }
  await using served = await stand.gateway({
    auth: { mode: 'token', tokens: [{ name: 'alice', token: 'token-of-alice-0123456789' }] },
    acl: [{ who: ['*'], can: ['subscribe', 'publish', 'group'], topics: ['keyed'], keys: [`\${sub}`], groups: ['*'] }],
    v2: { offsetReset: 'earliest' },
  });
  const client = await served.native({ token: 'token-of-alice-0123456789' });
  await client.subscribe(1, { topics: ['keyed'], group: 'g1', from: 'earliest' });
  await client.subscribe(2, { topics: ['keyed'], from: 'earliest' });
  for (const id of [1, 2]) deepEqual(await client.values(2, id), ['of alice', 'of alice']);
  const { client: v2 } = await served.open('/v2/broker/?topics=keyed&group.id=g2', ['kafka-text'], {
    Authorization: 'Bearer token-of-alice-0123456789',
  });
  const texts = await v2.units.until(
    60_000,
    () => 'two records',
    (units) => (units.length >= 2 ? units.splice(0) : undefined),
  );
  deepEqual(
    texts.map((unit) => (unit.kind === 'text' ? (JSON.parse(unit.text) as { key: string }).key : '')),
    ['alice', 'alice'],
  );
  client.send(
    { type: 'pub', id: 3, topic: 'keyed', key: 'bob', value: 'forged' },
    { type: 'pub', id: 4, topic: 'keyed', value: 'forged' },
  );
  for (const _ of [3, 4]) equal((await client.next('error'))['code'], 'forbidden');
});

test('rights that are taken away reach a pattern and forced keys of those who are connected', async () => {
  for (const topic of ['feed.a', 'feed.b']) await stand.topic(topic);
  const { settingsOf } = await import('../support/gateway/stand.ts');
  const rules = (topics: string[], keys?: string[]) => ({
    acl: [{ who: ['anonymous'], can: ['subscribe', 'publish'], topics, ...(keys === undefined ? {} : { keys }) }],
  });
  await using served = await stand.gateway(rules(['feed.*']));
  const client = await served.native();
  await client.subscribe(1, { pattern: 'feed.*' });
  await served.gateway.reload(settingsOf(rules(['feed.b'], ['k'])));
  deepEqual((await client.next('ok'))['partitions'], { 'feed.b': 1 });
  await stand.produce('feed.a', ['hidden']);
  await stand.produce('feed.b', ['without key']);
  await stand.topic('feed.c');
  await using producer = await stand.broker.producer();
  await producer.send('feed.b', 0, [
    { key: Buffer.from('k'), value: Buffer.from('seen'), headers: [], timestampMs: null },
  ]);
  deepEqual(await client.values(1), ['seen']);
});
