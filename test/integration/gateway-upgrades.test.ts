/** What clients send right behind a handshake, before anybody may expect it: it concerns their own connection alone. */
import { equal, match } from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { after, test } from 'node:test';
import { gatewayStand } from '../support/gateway/stand.ts';

const stand = await gatewayStand();
after(() => stand[Symbol.asyncDispose]());

const handshake = (path: string, more = ''): string =>
  `GET ${path} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n` +
  `Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n${more}\r\n`;

/** A frame without a mask, which no client may send. */
const unmasked = Buffer.from('810141', 'hex');

for (const path of ['/v2/broker/?topics=', '/v2/broker/', '/v1/ws', '/v1/ingest/early', '/nowhere']) {
  test(`a broken frame right behind the handshake at ${path} ends that connection, and nothing else`, async () => {
    await using served = await stand.gateway({ ingestAny: true });
    const native = path === '/v1/ws' ? 'Sec-WebSocket-Protocol: tributary.v1.json\r\n' : '';
    const socket = connect(Number(served.address.split(':')[1]), '127.0.0.1');
    socket.on('error', () => {});
    socket.write(Buffer.concat([Buffer.from(handshake(path, native)), unmasked]));
    let answer = '';
    socket.on('data', (data) => {
      answer += data.toString('latin1');
    });
    await once(socket, 'close');
    match(answer, path === '/nowhere' ? /^HTTP\/1\.1 404 / : /^HTTP\/1\.1 101 /);
    const other = await served.native();
    other.send({ type: 'ping' });
    await other.next('pong');
    await served.until('connections{protocol="json"}', (open) => open === 1);
  });
}

test('a v2 client that is refused with a close frame keeps its place until it has left', async () => {
  await using served = await stand.gateway({ limits: { connections: 1 } });
  const refused = connect(Number(served.address.split(':')[1]), '127.0.0.1');
  refused.write(handshake('/v2/broker/?topics='));
  await once(refused, 'data');
  equal((await served.open('/v2/broker/')).status, 503);
  refused.destroy();
  while ((await served.open('/v2/broker/')).status !== 101) await new Promise((resolve) => setImmediate(resolve));
});

test('a gateway that goes down does not wait for a client whose upgrade was refused', async () => {
  await using served = await stand.gateway();
  const refused = connect({ port: Number(served.address.split(':')[1]), host: '127.0.0.1', allowHalfOpen: true });
  refused.write(handshake('/nowhere'));
  await once(refused, 'data');
  const startedMs = performance.now();
  await served.gateway.drain();
  equal(performance.now() - startedMs < 4000, true);
  refused.destroy();
});
