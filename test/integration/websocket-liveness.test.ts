import { deepEqual, equal, ok } from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { describe, test } from 'node:test';
import { validate } from '../../src/config/config-def.ts';
import { config } from '../../src/connectors/websocket-source/spec.ts';
import { textsOf } from '../support/connector-context.ts';
import { runSource } from '../support/websocket-run.ts';
import { WsServer } from '../support/ws-server.ts';

const quick = { 'websocket.ping.interval.ms': '30', 'websocket.pong.timeout.ms': '40' };

test('a half-open connection is found in at most 25 s by default', () => {
  const values = Object.fromEntries(validate(config, {}).map(({ name, value }) => [name, value]));
  ok(Number(values['websocket.ping.interval.ms']) + Number(values['websocket.pong.timeout.ms']) <= 25_000);
});

test('a peer that says nothing after a ping is given up, and the next connection works', async () => {
  await using server = await WsServer.start({
    pongs: false,
    onOpen: (peer) => {
      if (peer.request.number === 1) peer.text('alive');
    },
  });
  await using run = runSource(server.url, quick);
  deepEqual(textsOf(await run.take(1)), ['alive']);
  ok((await server.peer(0)).frames.some(({ opcode }) => opcode === 0x9));
  equal(run.metric('reconnects_total', { reason: 'pong_timeout' }), 1);
  equal(server.mostOpenSockets, 1);
});

test('a peer that answers pings is kept, however quiet', async () => {
  await using server = await WsServer.start();
  await using run = runSource(server.url, quick);
  const taken = run.take(1);
  const peer = await server.peer(0);
  await peer.until(() => peer.frames.filter(({ opcode }) => opcode === 0x9).length >= 4, 'four pings');
  peer.text('still there');
  await taken;
  equal(server.peers.length, 1);
});

test('pings of the server are answered with their payload', async () => {
  await using server = await WsServer.start({
    onOpen: (peer) => peer.send({ opcode: 0x9, payload: Buffer.from('are you there') }),
  });
  await using run = runSource(server.url);
  const pulled = run.begin().catch(() => false);
  const peer = await server.peer(0);
  await peer.until(() => peer.frames.length > 0, 'the pong');
  deepEqual([peer.frames[0]?.opcode, peer.frames[0]?.payload.toString()], [0xa, 'are you there']);
  run.stop();
  await pulled;
});

test('a paused socket does not count as a silent peer', async () => {
  const count = 3000;
  await using server = await WsServer.start({
    onOpen(peer) {
      for (let number = 0; number < count; number++) peer.text(`${number}`.padStart(1000, '.'));
    },
  });
  await using run = runSource(server.url, { ...quick, 'websocket.message.queue.size': '10' });
  await run.begin();
  const peer = await server.peer(0);
  const pings = () => peer.frames.filter(({ opcode }) => opcode === 0x9).length;
  await peer.until(() => pings() >= 5, 'pings while nothing is taken');
  equal(run.metric('paused'), 1);
  ok(
    peer.frames.some(({ opcode }) => opcode === 0xa),
    'pongs nobody asked for keep the server content',
  );
  const texts = textsOf(await run.take(count));
  deepEqual(
    texts.map((text) => Number(text.replaceAll('.', ''))),
    Array.from({ length: count }, (_, index) => index),
  );
  equal(server.peers.length, 1);
});

test('no message for the idle timeout subscribes anew over a new connection', async () => {
  await using server = await WsServer.start({
    onOpen: (peer) => peer.text(peer.request.number === 0 ? 'first' : 'again'),
  });
  await using run = runSource(server.url, { 'websocket.idle.timeout.ms': '40', 'websocket.ping.interval.ms': '5' });
  deepEqual(textsOf(await run.take(2)), ['first', 'again']);
  equal(run.metric('reconnects_total', { reason: 'idle_timeout' }), 1);
  deepEqual((await server.peer(0)).closeFrame, { code: 1000, reason: 'No messages' });
});

describe('what never answers', () => {
  test('a hung upgrade ends after the handshake timeout', async () => {
    await using server = await WsServer.start({
      answer: ({ number }) => (number === 0 ? { kind: 'hang' } : { kind: 'upgrade' }),
      onOpen: (peer) => peer.text('x'),
    });
    await using run = runSource(server.url, { 'websocket.handshake.timeout.ms': '40' });
    await run.take(1);
    equal(run.metric('reconnects_total', { reason: 'handshake_timeout' }), 1);
    equal(server.mostOpenSockets, 1);
  });

  test('TLS that never begins ends after the connection timeout', async () => {
    const sockets = new Set<Socket>();
    const silent = createServer((socket) => {
      sockets.add(socket);
      socket
        .on('error', () => {})
        .on('close', () => sockets.delete(socket))
        .resume();
    });
    silent.listen(0, '127.0.0.1');
    await once(silent, 'listening');
    try {
      const url = `wss://127.0.0.1:${(silent.address() as AddressInfo).port}/`;
      await using run = runSource(url, {
        'websocket.connection.timeout.ms': '40',
        'websocket.reconnect.max.attempts': '1',
      });
      equal(
        (await run.failure()).message,
        `Cannot stay connected to "${url}": gave up after 1 attempts to reconnect: no connection within 40 ms`,
      );
      await run.until(() => sockets.size === 0, 'no socket left');
    } finally {
      silent.close();
    }
  });

  test('a slow upgrade is waited for, with one socket only', async () => {
    await using server = await WsServer.start({ answer: () => ({ kind: 'hang' }) });
    await using run = runSource(server.url, { 'websocket.reconnect.interval.ms': '1' });
    const pulled = run.begin().catch(() => false);
    await server.request(0);
    await new Promise((resolve) => setImmediate(resolve));
    equal(server.openSockets, 1);
    run.stop();
    await pulled;
    await run.until(() => server.openSockets === 0, 'no socket left');
    equal(server.requests.length, 1);
  });
});
