/** Subscriptions of consumer groups (PROTOCOL.md, section 10.2). */
import { deepEqual, equal } from 'node:assert/strict';
import { after, test } from 'node:test';
import { gatewayStand } from '../support/gateway/stand.ts';

const stand = await gatewayStand();
after(() => stand[Symbol.asyncDispose]());

test('a group with a pattern follows topics that come later, and goes on where it has committed', async () => {
  await stand.topic('fleet.a');
  await stand.topic('other');
  await stand.produce('fleet.a', ['a1', 'a2']);
  await using served = await stand.gateway();
  const client = await served.native();
  const ok = await client.subscribe(1, { pattern: 'fleet.*', group: 'g', from: 'earliest' });
  deepEqual(ok['partitions'], { 'fleet.a': 1 });
  const first = await client.next('data');
  equal((first['records'] as unknown[]).length, 2);
  client.send({ type: 'ack', id: 1, seq: first['seq'] });
  await stand.topic('fleet.b');
  await stand.produce('fleet.b', ['b1']);
  const again = await client.next('ok', (frame) => Object.keys(frame['partitions'] as object).length === 2);
  deepEqual(again['partitions'], { 'fleet.a': 1, 'fleet.b': 1 });
  deepEqual(await client.values(1), ['b1']);
  await stand.produce('fleet.a', ['a3']);
  deepEqual(await client.values(1), ['a3']);
  client.send({ type: 'end', id: 1 });
  await client.next('end');
  equal(served.metric('readers{kind="group"}'), 0);
});
