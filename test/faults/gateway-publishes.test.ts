/** Publishes while the broker is away: how long they wait, how many bytes of them there may be, and what a drain does. */
import { deepEqual, equal, ok } from 'node:assert/strict';
import { after, test } from 'node:test';
import { gatewayStand } from '../support/gateway/stand.ts';

const stand = await gatewayStand();
after(() => stand[Symbol.asyncDispose]());

test('a publish that was never sent is `unavailable` when producer.deliveryTimeoutMs is over, however many wait before it', async () => {
  await stand.topic('waiting');
  await using served = await stand.gateway({ limits: { message: 500_000 } }, { deliveryTimeoutMs: 1000 });
  const client = await served.native();
  const pub = (id: number, value: string): object => ({ type: 'pub', id, topic: 'waiting', value });
  client.send(pub(1, 'first'));
  await client.next('ok');
  served.stoppable.stop();
  const large = 'x'.repeat(400_000);
  for (let id = 2; id <= 9; id++) client.send(pub(id, large));
  const startedMs = performance.now();
  const codes: unknown[] = [];
  for (let id = 2; id <= 9; id++) codes.push((await client.next('error', (frame) => frame['id'] === id))['code']);
  // Three batches are with the broker at once; one after the other the eight would take three times as long.
  ok(performance.now() - startedMs < 2500, `the last was answered after ${performance.now() - startedMs} ms`);
  deepEqual(new Set(codes), new Set(['unavailable']));
  served.stoppable.start();
  client.send(pub(10, 'after'));
  equal((await client.next('ok'))['offset'], 1);
});
