import { deepEqual, equal, match, ok } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { webSocketSource } from '../../src/connectors/websocket-source/connector.ts';
import { textsOf } from '../support/connector-context.ts';
import { runSource } from '../support/websocket-run.ts';
import { WsServer } from '../support/ws-server.ts';

const numbers = (to: number) => Array.from({ length: to }, (_, index) => String(index));

describe('stopping', () => {
  test('gives out what was received, closes politely and ends', async () => {
    await using server = await WsServer.start({
      onOpen: (peer) => {
        for (const text of numbers(100)) peer.text(text);
      },
    });
    await using run = runSource(server.url, { 'websocket.message.queue.size': '7' });
    await run.begin();
    run.stop();
    deepEqual(textsOf(await run.drain()), numbers(run.records.length));
    ok(run.records.length >= 14, `what was read of the socket is given out: ${run.records.length}`);
    equal(run.records.length, run.metric('messages_received_total'));
    const peer = await server.peer(0);
    await peer.untilClosed();
    deepEqual(peer.closeFrame, { code: 1000, reason: 'Connector shutdown' });
    const [before, after] = ['message_draining_started', 'message_draining_completed'].map(
      (event) => run.events(event).length,
    );
    deepEqual([before, after], [1, 1]);
    equal(run.metric('connected'), 0);
    equal(server.openSockets, 0);
  });

  test('does not wait long for a server that does not close', async () => {
    await using server = await WsServer.start({ closes: false, onOpen: (peer) => peer.text('x') });
    await using run = runSource(server.url);
    await run.take(1);
    const before = performance.now();
    run.stop();
    await run.drain();
    ok(performance.now() - before < 5000);
    await run.until(() => server.openSockets === 0, 'no socket left');
  });

  test('during the wait for a new attempt ends at once', async () => {
    await using server = await WsServer.start({ answer: () => ({ kind: 'refuse', status: 500 }) });
    await using run = runSource(server.url, { 'websocket.reconnect.interval.ms': '60000' });
    const pulled = run.begin();
    await run.until(() => run.events('reconnect_scheduled').length === 1, 'the wait');
    const before = performance.now();
    run.stop();
    equal(await pulled, false);
    ok(performance.now() - before < 30_000);
    equal(server.requests.length, 1);
  });

  test('before the start connects to nothing', async () => {
    await using server = await WsServer.start();
    await using run = runSource(server.url);
    run.stop();
    deepEqual(await run.drain(), []);
    equal(server.requests.length, 0);
  });

  test('is not needed where the one who pulls simply leaves', async () => {
    await using server = await WsServer.start({ onOpen: (peer) => peer.text('x') });
    const run = runSource(server.url, { 'websocket.message.queue.size': '1' });
    for await (const batch of webSocketSource.open({ 'websocket.url': server.url, 'kafka.topic': 't' }, run.context)) {
      equal(batch.records.length, 1);
      break;
    }
    await run.until(() => server.openSockets === 0, 'no socket left');
  });

  test('twice is as good as once', async () => {
    await using server = await WsServer.start({ onOpen: (peer) => peer.text('x') });
    await using run = runSource(server.url);
    await run.take(1);
    run.stop();
    run.stop();
    await run.drain();
    await run.until(() => server.openSockets === 0, 'no socket left');
  });
});

test('failed connections leave no socket behind', async () => {
  await using server = await WsServer.start({ answer: () => ({ kind: 'refuse', status: 500 }) });
  await using run = runSource(server.url, {
    'websocket.reconnect.interval.ms': '1',
    'websocket.reconnect.backoff.max.ms': '1',
    'websocket.reconnect.max.attempts': '50',
  });
  await run.failure();
  equal(server.requests.length, 51);
  equal(server.mostOpenSockets, 1);
  await run.until(() => server.openSockets === 0, 'no socket left');
});

test('metrics tell what was never there apart from what is over', async () => {
  await using server = await WsServer.start();
  await using run = runSource(server.url);
  const taken = run.take(1);
  const peer = await server.peer(0);
  await run.until(() => run.metric('connected') === 1, 'the connection');
  equal(run.metric('seconds_since_last_message'), -1);
  equal(run.metric('drop_ratio'), 0);
  equal(run.metric('queue_capacity'), 10_000);
  peer.text('x');
  await taken;
  ok(run.metric('seconds_since_last_message') >= 0);
  ok(run.metric('uptime_seconds') > 0);
  run.stop();
  await run.drain();
  equal(run.metric('uptime_seconds'), 0);
  equal(run.metric('connections_opened_total'), 1);
});

test('no secret shows up in the log, the status, the metrics or an error', async () => {
  await using server = await WsServer.start({
    onOpen: (peer) => {
      if (peer.request.number === 0) peer.close(1011, 'bad token canary-token');
      else peer.close(1008, 'canary-header is not known here');
    },
  });
  const url = server.url.replace('ws://', 'ws://user:canary-pass@').concat('?api_key=canary-query');
  await using run = runSource(url, {
    'websocket.auth.token': 'canary-token',
    'websocket.headers': 'X-Api-Key: canary-header',
    'websocket.subscription.messages': '[{"op":"auth","key":"canary-message"},{"op":"x","token":"canary-message"}]',
    'websocket.tls.passphrase': 'canary-passphrase',
  });
  const { message } = await run.failure();
  match(message, /code 1008/);
  equal(/canary/.test(run.everythingSaid() + message), false, run.everythingSaid());
});

describe('the probe', () => {
  const probe = (url: string, changes = {}) => {
    const { context } = runSource(url);
    return webSocketSource.probe!({ 'websocket.url': url, 'kafka.topic': 't', ...changes }, context);
  };

  test('connects, subscribes and shows the first message', async () => {
    await using server = await WsServer.start({
      onOpen: (peer) => {
        void peer
          .until(() => peer.texts.length === 1, 'the subscription')
          .then(() => peer.text(`got ${peer.texts[0]}`));
      },
    });
    deepEqual(await probe(server.url, { 'websocket.subscription.message': 'hello' }), {
      ok: true,
      sample: 'got hello',
      detail: 'connected, first message received',
    });
    const peer = await server.peer(0);
    equal(peer.closeFrame?.code, 1000);
    await peer.untilClosed();
  });

  test('shows the reason where there is none', async () => {
    await using server = await WsServer.start({ answer: () => ({ kind: 'refuse', status: 404 }) });
    const result = await probe(server.url);
    deepEqual(result, {
      ok: false,
      reason: `Cannot stay connected to "${server.url}": server answered the upgrade with 404 Not Found`,
    });
    equal(server.requests.length, 1);
  });

  test('says what is wrong with the configuration', async () => {
    const result = await probe('ws://h/', { 'websocket.message.queue.size': '0' });
    deepEqual(result, {
      ok: false,
      reason: 'Cannot start with websocket.message.queue.size "0": must be at least 1',
    });
  });
});
