import { deepEqual, equal, ok } from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { describe, test } from 'node:test';
import { validate } from '../../src/config/config-def.ts';
import { config } from '../../src/connectors/websocket-source/spec.ts';
import { textsOf } from '../support/connector-context.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { runSource } from '../support/websocket-run.ts';
import { WsServer } from '../support/ws-server.ts';

const pinging = { 'websocket.ping.interval.ms': '30000', 'websocket.pong.timeout.ms': '40000' };
const isPing = ({ opcode }: { readonly opcode: number }): boolean => opcode === 0x9;

/** A run whose time stands still until it is moved. */
function timed(server: WsServer, config: Readonly<Record<string, string>> = {}) {
  const clock = new ManualClock(1_000_000);
  const run = runSource(server.url, config, { clock });
  return {
    clock,
    run,
    isOpen: () => run.until(() => run.metric('connected') === 1, 'the connection'),
    /** The connection was given up, for this reason; time goes on to the next one. */
    async reconnects(reason: string): Promise<void> {
      await run.until(() => run.metric('reconnects_total', { reason }) === 1, reason);
      await run.until(() => run.events('reconnect_scheduled').length === 1, 'the next attempt');
      clock.advance(1000);
    },
    [Symbol.asyncDispose]: () => run[Symbol.asyncDispose](),
  };
}

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
  await using timedRun = timed(server, pinging);
  const { run, clock } = timedRun;
  const taken = run.take(1);
  await timedRun.isOpen();
  clock.advance(30_000);
  const silent = await server.peer(0);
  await silent.until(() => silent.frames.some(isPing), 'the ping');
  clock.advance(39_999);
  equal(run.events('reconnect_scheduled').length, 0);
  clock.advance(1);
  await timedRun.reconnects('pong_timeout');
  deepEqual(textsOf(await taken), ['alive']);
  equal(server.mostOpenSockets, 1);
});

test('a peer that answers pings is kept, however quiet', async () => {
  await using server = await WsServer.start({ pongs: false });
  await using timedRun = timed(server, pinging);
  const { run, clock } = timedRun;
  const taken = run.take(1);
  const peer = await server.peer(0);
  await timedRun.isOpen();
  for (let pings = 1; pings <= 4; pings++) {
    clock.advance(30_000);
    await peer.until(() => peer.frames.filter(isPing).length >= pings, 'the ping');
    const pong = { opcode: 0xa, payload: peer.frames.findLast(isPing)!.payload };
    peer.send(pong);
    // What is answered stands behind the pong: whoever answers has heard it.
    const marker = Buffer.from(`${pings}`);
    peer.send({ opcode: 0x9, payload: marker });
    await peer.until(
      () => peer.frames.some(({ opcode, payload }) => opcode === 0xa && payload.equals(marker)),
      'a pong',
    );
  }
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
  await using run = runSource(server.url, {
    'websocket.ping.interval.ms': '30',
    'websocket.pong.timeout.ms': '40',
    'websocket.message.queue.size': '10',
  });
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
  const config = {
    'websocket.idle.timeout.ms': '40000',
    'websocket.ping.interval.ms': '5000',
    'websocket.pong.timeout.ms': '60000',
  };
  await using timedRun = timed(server, config);
  const { run, clock } = timedRun;
  deepEqual(textsOf(await run.take(1)), ['first']);
  const taken = run.take(2);
  clock.advance(40_000);
  await timedRun.reconnects('idle_timeout');
  deepEqual(textsOf(await taken), ['first', 'again']);
  deepEqual((await server.peer(0)).closeFrame, { code: 1000, reason: 'No messages' });
});

describe('what never answers', () => {
  test('a hung upgrade ends after the handshake timeout', async () => {
    await using server = await WsServer.start({
      answer: ({ number }) => (number === 0 ? { kind: 'hang' } : { kind: 'upgrade' }),
      onOpen: (peer) => peer.text('x'),
    });
    await using timedRun = timed(server, { 'websocket.handshake.timeout.ms': '40000' });
    const { run, clock } = timedRun;
    const taken = run.take(1);
    await server.request(0);
    clock.advance(40_000);
    await timedRun.reconnects('handshake_timeout');
    await taken;
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
