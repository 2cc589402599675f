import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock } from '../../../test/support/manual-clock.ts';
import { RequestSpacing } from './request-spacing.ts';

const never = new AbortController().signal;

/** Everything that is due has been told. */
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('turns are as far apart as the rate wants, in the order they were asked for', async () => {
  const clock = new ManualClock(5000);
  const spacing = new RequestSpacing(10, clock);
  const turns: string[] = [];
  for (const name of ['a', 'b', 'c', 'd'])
    void spacing.turn(never).then(() => turns.push(`${name} at ${clock.monotonicMs() - 5000}`));
  await settled();
  equal(spacing.waitMs, 400);
  for (let ms = 0; ms < 300; ms++) {
    clock.advance(1);
    await settled();
  }
  deepEqual(turns, ['a at 0', 'b at 100', 'c at 200', 'd at 300']);
});

test('after a pause a turn is there at once, and no two are saved up', async () => {
  const clock = new ManualClock();
  const spacing = new RequestSpacing(2, clock);
  await spacing.turn(never);
  clock.advance(5000);
  equal(spacing.waitMs, 0);
  await spacing.turn(never);
  equal(spacing.waitMs, 500);
});

test('who is told to stop waits no longer, and no timer is left', async () => {
  const clock = new ManualClock();
  const spacing = new RequestSpacing(1, clock);
  const stop = new AbortController();
  await spacing.turn(stop.signal);
  const waiting = spacing.turn(stop.signal);
  equal(clock.timers, 1);
  stop.abort();
  await waiting;
  equal(clock.timers, 0);
});

test('without a rate nobody waits', async () => {
  const spacing = new RequestSpacing(null, new ManualClock());
  await spacing.turn(never);
  await spacing.turn(never);
  equal(spacing.waitMs, 0);
});
