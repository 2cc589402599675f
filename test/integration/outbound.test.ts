/**
 * Sources that are held to public addresses, against names that change their mind and servers that lead elsewhere. The
 * address 127.0.0.1 stands for a public one here, by being allowed; 127.0.0.2 is the one that only this machine can reach.
 */
import { deepEqual, equal, match } from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { test } from 'node:test';
import { type Lookup, publicOnly } from '../../src/net/outbound-policy.ts';
import { runSse } from '../support/sse-run.ts';
import { startSseServer } from '../support/sse-server.ts';
import { runSource } from '../support/websocket-run.ts';
import { WsServer } from '../support/ws-server.ts';

/** What listens on the inner address, at the port of a feed, and counts who comes. */
async function inner(port: number) {
  let connections = 0;
  const server = createServer((socket) => {
    connections++;
    socket.destroy();
  });
  server.listen(port, '127.0.0.2');
  await once(server, 'listening');
  return {
    connections: () => connections,
    async [Symbol.asyncDispose]() {
      server.close();
      await once(server, 'close');
    },
  };
}

/** The name is the public address the first time, and the inner one ever after. */
function changingName() {
  const asked: string[] = [];
  const lookup: Lookup = (host, _options, answer) => {
    const address = asked.length === 0 ? '127.0.0.1' : '127.0.0.2';
    asked.push(`${host} ${address}`);
    answer(null, [{ address, family: 4 }]);
  };
  return { asked, outbound: publicOnly(['127.0.0.1/32'], lookup) };
}

const twice = ['feed.test 127.0.0.1', 'feed.test 127.0.0.2'];
const forbidden = /Cannot connect to "[^"]+": not a public address/;

test('SSE: a name that is public at first and inner at the reconnect is not followed', async () => {
  await using server = await startSseServer((x) => x.open().write('id: 1\ndata: x\n\n').end());
  await using secret = await inner(server.port);
  const { asked, outbound } = changingName();
  await using run = runSse(`http://feed.test:${server.port}/`, {}, { outbound });
  await run.take(1);
  match((await run.failure()).message, forbidden);
  deepEqual([asked, server.exchanges.length, secret.connections()], [twice, 1, 0]);
});

test('WebSocket: a name that is public at first and inner at the reconnect is not followed', async () => {
  await using server = await WsServer.start({
    onOpen(peer) {
      peer.text('x');
      peer.close(1001);
    },
  });
  await using secret = await inner(server.port);
  const { asked, outbound } = changingName();
  await using run = runSource(`ws://feed.test:${server.port}/`, {}, { outbound });
  await run.take(1);
  match((await run.failure()).message, forbidden);
  deepEqual([asked, server.requests.length, secret.connections()], [twice, 1, 0]);
});

for (const host of ['127.0.0.2', '[::ffff:127.0.0.2]', 'inner.test']) {
  const lookup: Lookup = (name, _options, answer) =>
    answer(null, [{ address: name === 'inner.test' ? '127.0.0.2' : '127.0.0.1', family: 4 }]);
  const outbound = publicOnly(['127.0.0.1/32'], lookup);

  test(`SSE: a redirect to ${host} is not followed`, async () => {
    await using server = await startSseServer((x) => x.answer(302, { location: `http://${host}:${server.port}/` }));
    await using secret = await inner(server.port);
    await using run = runSse(`http://feed.test:${server.port}/`, {}, { outbound });
    match((await run.failure()).message, forbidden);
    deepEqual([server.exchanges.length, secret.connections()], [1, 0]);
  });

  test(`WebSocket: a redirect to ${host} is not followed`, async () => {
    await using server = await WsServer.start({
      answer: () => ({ kind: 'refuse', status: 302, headers: [`Location: ws://${host}:${server.port}/`] }),
    });
    await using secret = await inner(server.port);
    await using run = runSource(`ws://feed.test:${server.port}/`, {}, { outbound });
    match((await run.failure()).message, forbidden);
    equal(server.requests.length, 1);
    equal(secret.connections(), 0);
  });
}
