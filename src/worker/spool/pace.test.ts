import { ok } from 'node:assert/strict';
import { test } from 'node:test';
import { Pace, paceMs } from './pace.ts';

const never = new AbortController().signal;

/** Whether it resolves before anything else happens. */
async function isOver(waiting: Promise<void>): Promise<boolean> {
  let over = false;
  void waiting.then(() => {
    over = true;
  });
  for (let turn = 0; turn < 5; turn++) await Promise.resolve();
  return over;
}

test('nobody waits for a forwarder that is up, or too far behind to come up', async () => {
  ok(await isOver(new Pace(() => false).wait(never)));
});

test('a batch waits until the forwarder has come up, not until it has read something', async () => {
  let behind = 2;
  const pace = new Pace(() => behind > 0);
  const waiting = pace.wait(never);
  behind--;
  pace.moved();
  ok(!(await isOver(waiting)));
  behind--;
  pace.moved();
  ok(await isOver(waiting));
});

test('a stop ends the wait', async () => {
  const stop = new AbortController();
  const waiting = new Pace(() => true).wait(stop.signal);
  stop.abort();
  ok(await isOver(waiting));
});

test('where the forwarder does not come up the wait ends by itself', async () => {
  const sinceMs = performance.now();
  await new Pace(() => true).wait(never);
  ok(performance.now() - sinceMs >= paceMs - 1);
});
