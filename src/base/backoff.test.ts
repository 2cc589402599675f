import { deepEqual, equal, ok } from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { backoffMs } from './backoff.ts';

const policy = { baseMs: 100, maxMs: 1000, jitter: 0.5 };

test('the delay doubles from the base to the bound', () => {
  deepEqual(
    [1, 2, 3, 4, 5, 6].map((attempt) => backoffMs(attempt, policy, () => 0)),
    [100, 200, 400, 800, 1000, 1000],
  );
});

test('jitter adds up to its share', () => {
  equal(
    backoffMs(3, policy, () => 0.5),
    500,
  );
  equal(
    backoffMs(9, policy, () => 0.999),
    1499.5,
  );
  equal(
    backoffMs(9, { ...policy, jitter: 0 }, () => 0.999),
    1000,
  );
});

test('no attempt and no policy gives less than nothing, more than the bound, or no number', () => {
  const finite = fc.double({ min: -1e9, max: 1e9, noNaN: true });
  const share = fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true });
  fc.assert(
    fc.property(fc.double({ noNaN: true }), finite, finite, share, share, (attempt, baseMs, maxMs, jitter, random) => {
      const delay = backoffMs(attempt, { baseMs, maxMs, jitter }, () => random);
      ok(delay >= 0 && delay <= Math.max(maxMs, 0) * 2, `${delay}`);
    }),
  );
});

test('later attempts never wait less', () => {
  for (let attempt = 1; attempt < 2000; attempt++)
    ok(backoffMs(attempt + 1, policy, () => 0) >= backoffMs(attempt, policy, () => 0));
});
