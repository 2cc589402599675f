import { deepEqual, equal, ok } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type ConnectorRun, textsOf } from '../support/connector-context.ts';
import { runSource } from '../support/websocket-run.ts';
import { type Peer, WsServer } from '../support/ws-server.ts';

const numbers = (from: number, to: number) => Array.from({ length: to - from }, (_, index) => String(from + index));

function sendAll(peer: Peer, count: number): void {
  for (const text of numbers(0, count)) peer.text(text);
}

/** Opens a connection, lets one message be taken, then sends `count` more while nobody takes. */
async function overflow(changes: Record<string, string>, count: number): Promise<[WsServer, ConnectorRun]> {
  const server = await WsServer.start();
  const run = runSource(server.url, { 'websocket.message.queue.size': '10', ...changes });
  const first = run.take(1);
  const peer = await server.peer(0);
  peer.text('first');
  await first;
  sendAll(peer, count);
  return [server, run];
}

describe('a queue that is full', () => {
  test('blocks by default: nothing is lost, nothing is out of order, and never more is held than the bound', async () => {
    const count = 20_000;
    await using server = await WsServer.start({ onOpen: (peer) => sendAll(peer, count) });
    await using run = runSource(server.url, { 'websocket.message.queue.size': '64' });
    let most = 0;
    while (run.records.length < count) {
      await run.begin();
      most = Math.max(most, run.batches.at(-1)!.records.length, run.metric('queue_size'));
    }
    deepEqual(textsOf(run.records), numbers(0, count));
    equal(most, 64);
    equal(run.metric('messages_dropped_total'), 0);
    ok(run.metric('pauses_total') > 0);
    ok(run.events('queue_high_utilization').length <= 1, 'one warning in 10 s');
  });

  test('drops the newest where the option says so, and counts', async () => {
    const [server, run] = await overflow({ 'websocket.overflow': 'drop-newest' }, 50);
    await using _server = server;
    await using _run = run;
    await run.until(() => run.metric('messages_received_total') === 51, 'all messages');
    equal(run.metric('queue_size'), 10);
    equal(run.metric('queue_utilization_ratio'), 1);
    equal(run.metric('messages_dropped_total', { reason: 'drop_newest' }), 40);
    deepEqual(textsOf(await run.take(11)), ['first', ...numbers(0, 10)]);
    equal(run.metric('drop_ratio'), 40 / 51);
    // The sequence has no gap: it is given when records are taken, as in the original.
    equal((run.batches.at(-1)?.offset as { sequence: number }).sequence, 11);
  });

  test('drops the oldest where the option says so, and counts', async () => {
    const [server, run] = await overflow({ 'websocket.overflow': 'drop-oldest' }, 5000);
    await using _server = server;
    await using _run = run;
    await run.until(() => run.metric('messages_received_total') === 5001, 'all messages');
    equal(run.metric('messages_dropped_total', { reason: 'drop_oldest' }), 4990);
    deepEqual(textsOf(await run.take(11)), ['first', ...numbers(4990, 5000)]);
  });

  test('says so at a bounded rate, with the number, and says the rest at the end', async () => {
    const [server, run] = await overflow({ 'websocket.overflow': 'drop-newest' }, 50);
    await using _server = server;
    await run.until(() => run.metric('messages_received_total') === 51, 'all messages');
    sendAll(await server.peer(0), 30);
    await run.until(() => run.metric('messages_received_total') === 81, 'more messages');
    run.stop();
    await run.drain();
    const lines = run.events('message_dropped').map(({ fields }) => fields);
    ok(lines.length <= 2);
    equal(
      lines.reduce((sum, { count }) => sum + Number(count), 0),
      70,
    );
    equal(lines[0]?.['reason'], 'queue_full');
  });

  for (const [overflow_, kept, dropped] of [
    ['block', ['aaaa', 'bbbb', 'cccc', 'dddd'], 0],
    ['drop-newest', ['aaaa', 'bbbb'], 2],
    ['drop-oldest', ['cccc', 'dddd'], 2],
  ] as const) {
    test(`is full by bytes as well as by number: ${overflow_}`, async () => {
      await using server = await WsServer.start();
      await using run = runSource(server.url, {
        'websocket.message.queue.bytes': '10',
        'websocket.overflow': overflow_,
      });
      const first = run.take(1);
      const peer = await server.peer(0);
      peer.text('x');
      await first;
      for (const text of ['aaaa', 'bbbb', 'cccc', 'dddd']) peer.text(text);
      if (overflow_ === 'block') await run.until(() => run.metric('paused') === 1, 'a pause');
      else await run.until(() => run.metric('messages_received_total') === 5, 'all messages');
      ok(run.metric('queue_bytes') <= 12);
      deepEqual(textsOf(await run.take(1 + kept.length)), ['x', ...kept]);
      equal(run.metric('messages_dropped_total'), dropped);
    });
  }

  test('takes one message that is larger than the bound when it is empty', async () => {
    await using server = await WsServer.start({ onOpen: (peer) => peer.text('longer than ten bytes') });
    await using run = runSource(server.url, {
      'websocket.message.queue.bytes': '10',
      'websocket.overflow': 'drop-newest',
    });
    deepEqual(textsOf(await run.take(1)), ['longer than ten bytes']);
  });
});

test('80 % of the queue is warned of, once', async () => {
  await using server = await WsServer.start();
  await using run = runSource(server.url, {
    'websocket.message.queue.size': '10',
    'websocket.overflow': 'drop-newest',
  });
  const first = run.take(1);
  const peer = await server.peer(0);
  peer.text('first');
  await first;
  for (const text of numbers(0, 7)) peer.text(text);
  await run.until(() => run.metric('queue_size') === 7, 'seven of ten');
  equal(run.events('queue_high_utilization').length, 0);
  for (const text of numbers(7, 10)) peer.text(text);
  await run.until(() => run.metric('queue_size') === 10, 'ten of ten');
  equal(run.events('queue_high_utilization').length, 1);
});

test('messages that came before the connection was lost are kept, however full the queue', async () => {
  const count = 200;
  await using server = await WsServer.start({
    onOpen(peer) {
      if (peer.request.number > 0) peer.text('back');
      else {
        sendAll(peer, count);
        peer.socket.end();
      }
    },
  });
  await using run = runSource(server.url, { 'websocket.message.queue.size': '5' });
  await run.begin();
  await run.until(() => server.openSockets === 0 || run.metric('paused') === 1, 'a pause');
  deepEqual(textsOf(await run.take(count + 1)), [...numbers(0, count), 'back']);
  equal(server.mostOpenSockets, 1);
});
