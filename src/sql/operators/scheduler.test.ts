import { deepEqual, equal, ok } from 'node:assert/strict';
import { test } from 'node:test';
import { seeded, testSeed } from '../../../test/support/random.ts';
import { Scheduler } from './scheduler.ts';

test(`timers fire in their order, and those that were called off do not (TEST_SEED=${testSeed})`, () => {
  const random = seeded(testSeed);
  const scheduler = new Scheduler();
  const clock = scheduler.clockFor(0, 0);
  const fired: number[] = [];
  const wanted: number[] = [];
  for (let i = 0; i < 2000; i++) {
    const due = Math.floor(random() * 1000);
    const callOff = clock.later(due, (at) => fired.push(at));
    if (random() < 0.2) {
      wanted.push(due);
      continue;
    }
    callOff();
    if (random() < 0.5) callOff(); // once more changes nothing
  }
  wanted.sort((a, b) => a - b);
  for (let to = 0; to <= 1000; to += 100) scheduler.advance(to);
  deepEqual(fired, wanted);
  equal(scheduler.nextDue, undefined);
});

test('what was called off takes no room for long', () => {
  const scheduler = new Scheduler();
  const clock = scheduler.clockFor(0, 0);
  for (let i = 0; i < 10_000; i++) clock.later(1_000_000 + i, () => {})();
  for (let due = 0; due < 100; due++) clock.later(due, () => {});
  scheduler.advance(99);
  // Only those that were called off since they were last taken out together.
  ok(scheduler.size < 200, `${scheduler.size} timers`);
});
