/** Subscriptions of consumer groups (PROTOCOL.md, section 10.2). */
import { deepEqual, equal } from 'node:assert/strict';
import { after, test } from 'node:test';
import type { RawWebSocket } from '../conformance/runners/gateway/web-socket.ts';
import { gatewayStand, type Served } from '../support/gateway/stand.ts';

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

test('a v2 client that has answered has received: the next of its group goes on behind that', async () => {
  await stand.topic('answered');
  await using served = await stand.gateway();
  const first = await v2(served, 'answered');
  await stand.produce('answered', ['a']);
  deepEqual(await messages(first, 1), ['a']);
  first.close(1000);
  await stand.produce('answered', ['b']);
  deepEqual(await messages(await v2(served, 'answered'), 1), ['b']);
});

test('what a v2 client never answered for is handed out again, also where nothing was committed', async () => {
  await stand.topic('unanswered');
  await using served = await stand.gateway();
  const first = await v2(served, 'unanswered');
  first.mute();
  await stand.produce('unanswered', ['a']);
  deepEqual(await messages(first, 1), ['a']);
  first.destroy();
  await stand.produce('unanswered', ['b']);
  deepEqual(await messages(await v2(served, 'unanswered'), 2), ['a', 'b']);
});

test('a v2 client that has said goodbye takes nothing more, and keeps nothing from its group', async () => {
  await stand.topic('goodbye');
  await using served = await stand.gateway();
  const first = await v2(served, 'goodbye');
  await stand.produce('goodbye', ['a']);
  deepEqual(await messages(first, 1), ['a']);
  first.close(1000);
  first.pause(); // it never hangs up
  await stand.produce('goodbye', ['b']);
  deepEqual(await messages(await v2(served, 'goodbye'), 1), ['b']);
  first.destroy();
});

async function v2(served: Served, topic: string): Promise<RawWebSocket> {
  const { status, client } = await served.open(`/v2/broker/?topics=${topic}&group.id=g-${topic}`, ['kafka-text']);
  equal(status, 101);
  return client;
}

async function messages(client: RawWebSocket, count: number): Promise<unknown[]> {
  const found: unknown[] = [];
  while (found.length < count) {
    const unit = await client.units.until(
      60_000,
      () => 'a message',
      (units) => units.shift(),
    );
    if (unit.kind !== 'text') throw new Error(`a ${unit.kind} message`);
    found.push((JSON.parse(unit.text) as { message: unknown }).message);
  }
  return found;
}
