import { deepEqual, equal, ok } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { runSource } from '../support/websocket-run.ts';
import { WsServer } from '../support/ws-server.ts';

describe('subscriptions', () => {
  test('are sent in order on every open, as masked text frames', async () => {
    await using server = await WsServer.start();
    await using run = runSource(server.url, {
      'websocket.subscription.message': 'plain, with a comma',
      'websocket.subscription.messages': '[{"op":"auth","args":["k","s"]},"two"]',
    });
    const pulled = run.begin().catch(() => false);
    const wanted = ['plain, with a comma', '{"op":"auth","args":["k","s"]}', 'two'];
    const first = await server.peer(0);
    await first.until(() => first.texts.length === 3, 'three subscriptions');
    deepEqual(first.texts, wanted);
    ok(first.frames.every(({ masked }) => masked));
    first.close(1001);
    const second = await server.peer(1);
    await second.until(() => second.texts.length === 3, 'three subscriptions again');
    deepEqual(second.texts, wanted);
    deepEqual(
      run
        .events('subscription_sent')
        .slice(0, 3)
        .map(({ fields }) => fields['message_preview']),
      ['plain, with a comma', '***', 'two'],
    );
    run.stop();
    await pulled;
  });

  test('of nothing send nothing', async () => {
    await using server = await WsServer.start({ onOpen: (peer) => peer.text('x') });
    await using run = runSource(server.url, {
      'websocket.subscription.message': '',
      'websocket.subscription.messages': '[]',
    });
    await run.take(1);
    deepEqual((await server.peer(0)).frames, []);
  });

  test('longer than 64 KiB arrive whole', async () => {
    await using server = await WsServer.start({ onOpen: (peer) => peer.text('x') });
    const long = 'ü'.repeat(40_000);
    await using run = runSource(server.url, { 'websocket.subscription.message': long });
    await run.take(1);
    const peer = await server.peer(0);
    await peer.until(() => peer.texts.length === 1, 'the subscription');
    equal(peer.texts[0], long);
  });
});

describe('the upgrade request', () => {
  const linesFor = async (changes: Record<string, string>, path = '/feed') => {
    await using server = await WsServer.start({ onOpen: (peer) => peer.text('x') });
    const url = `ws://127.0.0.1:${server.port}${path}`;
    await using run = runSource(changes['websocket.url'] ?? url, changes);
    await run.take(1);
    const { lines, path: asked } = await server.request(0);
    return { lines, asked, port: server.port };
  };

  test('has exactly these lines', async () => {
    const { lines, port } = await linesFor({
      'websocket.headers': 'X-One: a:b , X-Two:  2',
      'websocket.auth.token': ' secret-token ',
    });
    deepEqual(
      lines.map((line) => line.replace(/^(Sec-WebSocket-Key: ).{24}$/, '$1<key>')),
      [
        `Host: 127.0.0.1:${port}`,
        'Upgrade: websocket',
        'Connection: Upgrade',
        'Sec-WebSocket-Key: <key>',
        'Sec-WebSocket-Version: 13',
        'Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits',
        'User-Agent: tributary',
        'X-One: a:b',
        'X-Two: 2',
        'Authorization: Bearer secret-token',
      ],
    );
  });

  test('keeps path and query as written', async () => {
    equal((await linesFor({}, '/a/../b;c=1/%2f?q=x y'.replace(' ', '%20'))).asked, '/a/../b;c=1/%2f?q=x%20y');
  });

  test('lets the configuration name another host and agent', async () => {
    const { lines } = await linesFor({ 'websocket.headers': 'host:feed.example,User-Agent:okhttp/4.12.0' });
    ok(lines.includes('host: feed.example') && lines.includes('User-Agent: okhttp/4.12.0'));
    equal(lines.filter((line) => /^(host|user-agent):/i.test(line)).length, 2);
  });

  test('offers no compression where it is off', async () => {
    const { lines } = await linesFor({ 'websocket.compression': 'false' });
    equal(
      lines.some((line) => /extensions/i.test(line)),
      false,
    );
  });

  test('offers subprotocols, and takes the one that the server chose', async () => {
    await using server = await WsServer.start({
      answer: () => ({ kind: 'upgrade', headers: ['Sec-WebSocket-Protocol: v2'] }),
      onOpen: (peer) => peer.text('x'),
    });
    await using run = runSource(server.url, { 'websocket.subprotocols': 'v2, v1' });
    await run.take(1);
    equal((await server.request(0)).headers['sec-websocket-protocol'], 'v2, v1');
    equal(run.events('websocket_opened')[0]?.fields['subprotocol'], 'v2');
  });
});

for (const [name, headers] of [
  ['a line break', 'X-A: 1\r\nX-Injected: 2'],
  ['a bare line feed', 'X-A: 1\nX-Injected: 2'],
  ['a name that is none', 'X A: 1'],
] as const) {
  test(`headers with ${name} fail the task before anything reaches the wire`, async () => {
    await using server = await WsServer.start();
    await using run = runSource(server.url, { 'websocket.headers': headers });
    equal(((await run.failure()) as Error & { code: string }).code, 'CONFIG_INVALID');
    equal(server.requests.length, 0);
  });
}

describe('heartbeats', () => {
  test('are sent at their interval, and replies that match are counted, not written', async () => {
    await using server = await WsServer.start();
    await using run = runSource(server.url, {
      'websocket.heartbeat.message': '{"op":"ping"}',
      'websocket.heartbeat.interval.ms': '15',
      'websocket.heartbeat.reply.pattern': '^\\{"op":"pong"',
    });
    const taken = run.take(1);
    const peer = await server.peer(0);
    await peer.until(() => peer.texts.length >= 3, 'three heartbeats');
    deepEqual(new Set(peer.texts), new Set(['{"op":"ping"}']));
    peer.text('{"op":"pong","n":1}');
    peer.text('{"op":"pong","n":2}');
    peer.text(`{"op":"pong","pad":"${'x'.repeat(5000)}"}`);
    const [record] = await taken;
    equal((record?.value as Uint8Array).length, 5022, 'a long message is no heartbeat reply');
    equal(run.metric('heartbeat_replies_total'), 2);
    equal(run.metric('messages_received_total'), 3);
  });
});
