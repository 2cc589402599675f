import { deepEqual, equal } from 'node:assert/strict';
import { after, test } from 'node:test';
import { gatewayStand } from '../support/gateway/stand.ts';

const stand = await gatewayStand();
after(() => stand[Symbol.asyncDispose]());

const pingMs = 200;
/** Long past the time after which a silent peer is dropped. */
const longMs = 60_000;

test('a socket that the gateway does not read, because publishes wait for the broker, is not taken for half open', async () => {
  await stand.topic('paused');
  await using served = await stand.gateway({ pingMs, limits: { inflight: 1 } }, { deliveryTimeoutMs: 60_000 });
  const client = await served.native();
  client.send({ type: 'pub', id: 1, topic: 'paused', value: 'before' });
  await client.next('ok');
  served.stoppable.stop();
  client.send({ type: 'pub', id: 2, topic: 'paused', value: 'while away' });
  // The gateway's own ping comes although nothing is read: it is alive, and has ticked.
  await client.next('ping');
  served.advance(longMs);
  await client.next('ping');
  await client.next('ping');
  served.stoppable.start();
  equal((await client.next('ok'))['id'], 2);
  deepEqual(client.socket.closes.items, []);
  client.leave();
});

test('the half-open rule goes on where reading goes on', async () => {
  await stand.topic('resumed');
  await using served = await stand.gateway({ pingMs, limits: { inflight: 1 } });
  const client = await served.native();
  client.socket.mute();
  client.send({ type: 'pub', id: 1, topic: 'resumed', value: 'v' });
  await client.next('ok');
  await client.next('ping'); // what was heard until now has been seen
  served.advance(longMs);
  equal(await client.closed(), 1006);
});

test('bytes of a message that is not whole yet are a sign of life', async () => {
  await using served = await stand.gateway({ pingMs });
  const client = await served.native();
  client.socket.mute();
  // Header of a text frame of 16 masked bytes, and then one byte after the other.
  client.socket.raw(Buffer.from('81900000000000', 'hex').subarray(0, 6));
  for (const byte of '{"type":"ping"} ') {
    client.socket.raw(Buffer.from(byte));
    await client.next('ping');
    served.advance(8000);
  }
  await client.next('pong');
  await client.next('ping');
  served.advance(longMs);
  equal(await client.closed(), 1006);
});
