/** Subscribers that read for themselves, and the places they share. */
import { equal } from 'node:assert/strict';
import { after, test } from 'node:test';
import { gatewayStand } from '../support/gateway/stand.ts';

const stand = await gatewayStand();
after(() => stand[Symbol.asyncDispose]());

const count = 60;

test('a replay that nobody takes from gives way, and goes on where it stood when it is asked again', async () => {
  await stand.topic('behind');
  for (let at = 0; at < count; at++) await stand.produce('behind', [`${at}`.padEnd(20_000, '.')]);
  await using served = await stand.gateway({ delivery: { replayReaders: 1, ringBytes: 1000 } });
  const stalled = await served.native();
  // Without credit after the first record: the rest of what was read for it waits.
  await stalled.subscribe(1, { topics: ['behind'], from: 'earliest', window: 1 });
  const first = await stalled.next('data');
  const other = await served.native();
  await other.subscribe(1, { topics: ['behind'], from: 'earliest' });
  equal((await other.records(count)).length, count);
  await served.until('readers{kind="replay"}', (taken) => taken === 0);
  stalled.send({ type: 'ack', id: 1, seq: first['seq'], window: 10_000 });
  const rest = await stalled.records(count - 1);
  equal(rest[0]?.offset, 1);
  equal(rest.at(-1)?.offset, count - 1);
});
