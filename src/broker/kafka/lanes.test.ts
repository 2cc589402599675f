import { deepEqual, rejects } from 'node:assert/strict';
import { test } from 'node:test';
import { Lanes } from './lanes.ts';

test('requests at the same time are spread, one at a time goes over the first, one that failed frees its place', async () => {
  const lanes = new Lanes(['a', 'b', 'c']);
  const taken: string[] = [];
  const open = Array.from({ length: 4 }, () => Promise.withResolvers<void>());
  const take = (request: number): Promise<void> =>
    lanes.run(async (purpose) => {
      taken.push(purpose);
      await open[request]!.promise;
    });
  const running = [take(0), take(1), take(2), take(3)];
  deepEqual(taken, ['a', 'b', 'c', 'a']);
  open[1]!.reject(new Error('refused'));
  await rejects(running[1]!, /refused/);
  const next = lanes.run(async (purpose) => void taken.push(purpose));
  await next;
  deepEqual(taken.at(-1), 'b');
  for (const { resolve } of open) resolve();
  await Promise.all([running[0], running[2], running[3]]);
  for (let i = 0; i < 2; i++) await lanes.run(async (purpose) => void taken.push(purpose));
  deepEqual(taken.slice(-2), ['a', 'a']);
});
