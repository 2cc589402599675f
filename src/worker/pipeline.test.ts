import { deepEqual, equal, rejects } from 'node:assert/strict';
import { test } from 'node:test';
import { Pipeline } from './pipeline.ts';

test('there is room until the bound is reached, and again after an acknowledgement', async () => {
  const pipeline = new Pipeline<string>(() => {}, { maxInFlight: 2 });
  const first = Promise.withResolvers<void>();
  const second = Promise.withResolvers<void>();
  await pipeline.submit('a', first.promise);
  let hasRoom = false;
  const submitted = pipeline.submit('b', second.promise).then(() => {
    hasRoom = true;
  });
  await Promise.resolve();
  equal(hasRoom, false);
  equal(pipeline.inFlight, 2);
  first.resolve();
  await submitted;
  equal(hasRoom, true);
  second.resolve();
  await pipeline.drain();
  equal(pipeline.inFlight, 0);
});

test('acknowledgements are told in the order of the submits, whatever their order was', async () => {
  const told: string[] = [];
  const pipeline = new Pipeline<string>((item) => told.push(item), { maxInFlight: 4 });
  const sends = ['a', 'b', 'c'].map((item) => ({ item, ...Promise.withResolvers<void>() }));
  for (const { item, promise } of sends) await pipeline.submit(item, promise);
  sends[2]!.resolve();
  sends[1]!.resolve();
  await sends[1]!.promise;
  deepEqual(told, []);
  sends[0]!.resolve();
  await pipeline.drain();
  deepEqual(told, ['a', 'b', 'c']);
});

test('a send that failed fails the next submit and the drain, and nothing behind it is acknowledged', async () => {
  const told: string[] = [];
  const pipeline = new Pipeline<string>((item) => told.push(item), { maxInFlight: 3 });
  await pipeline.submit('a', Promise.reject(new Error('no')));
  await rejects(pipeline.submit('b', Promise.resolve()), /no/);
  await rejects(pipeline.drain(), /no/);
  deepEqual(told, []);
  deepEqual(pipeline.pending, ['a', 'b']);
});
