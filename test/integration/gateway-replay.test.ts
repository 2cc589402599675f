/** Subscribers that read for themselves, and the places they share. */
import { deepEqual, equal, ok } from 'node:assert/strict';
import { after, test } from 'node:test';
import { countingBroker } from '../support/gateway/counting-broker.ts';
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

test('clients that are equally far behind share what is read of the log: it is not read anew for each of them', async () => {
  await stand.topic('shared-replay');
  for (let at = 0; at < count; at++) await stand.produce('shared-replay', [`${at}`.padEnd(20_000, '.')]);
  const { broker, asked } = countingBroker(stand.broker);
  await using served = await stand.gateway({ delivery: { replayReaders: 4 } }, {}, broker);
  const clients = await Promise.all(Array.from({ length: 50 }, () => served.native()));
  const offsets = await Promise.all(
    clients.map(async (client, at) => {
      // Some begin within what others read.
      const from = at % 5 === 4 ? { offsets: { 'shared-replay': { 0: 7 } } } : 'earliest';
      await client.subscribe(1, { topics: ['shared-replay'], from });
      return (await client.records(at % 5 === 4 ? count - 7 : count)).map(({ offset }) => offset);
    }),
  );
  for (const [at, seen] of offsets.entries()) {
    const first = at % 5 === 4 ? 7 : 0;
    deepEqual(
      seen,
      Array.from({ length: count - first }, (_, index) => first + index),
    );
  }
  // Each reader that goes ahead where another one stood may have fetched a piece in vain.
  ok(asked.records <= 6 * count, `${asked.records} records in ${asked.reads} reads`);
  equal(served.metric('readers{kind="replay"}'), 0);
  for (const client of clients) client.leave();
});
