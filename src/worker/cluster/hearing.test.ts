import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import { GroupHearing, isCutOffAlone } from './hearing.ts';

const sessionTimeoutMs = 10_000;

test('a worker has heard its group since the last silence of half a session', () => {
  const hearing = new GroupHearing(sessionTimeoutMs);
  equal(hearing.at(0), undefined);
  for (const [heardAtMs, nowMs, agoMs, forMs] of [
    [100, 150, 50, 0],
    [5_100, 5_200, 100, 5_000],
    [5_100, 9_000, 3_900, 5_000],
    [10_101, 10_200, 99, 0],
    [10_400, 10_500, 100, 299],
  ] as const) {
    hearing.observe(heardAtMs);
    deepEqual(hearing.at(nowMs), { agoMs, forMs });
  }
});

test('a broker in this process has no group that answers', () => {
  const hearing = new GroupHearing(sessionTimeoutMs);
  hearing.observe(Number.POSITIVE_INFINITY);
  equal(hearing.at(0), undefined);
});

for (const { what, agoMs, forMs, silentForMs, isAlone } of [
  { what: 'hears all the time', agoMs: 300, forMs: 60_000, silentForMs: 10_000, isAlone: true },
  { what: 'hears since this silence began', agoMs: 300, forMs: 10_000, silentForMs: 10_000, isAlone: true },
  { what: 'does not hear either', agoMs: 9_800, forMs: 60_000, silentForMs: 10_000, isAlone: false },
  { what: 'has missed half a session', agoMs: 5_000, forMs: 60_000, silentForMs: 10_000, isAlone: false },
  { what: 'hears a Kafka that has just come back', agoMs: 0, forMs: 300, silentForMs: 3_600_000, isAlone: false },
  { what: 'hears it for a session', agoMs: 0, forMs: 14_999, silentForMs: 3_600_000, isAlone: false },
  { what: 'hears it for longer than it takes to find', agoMs: 0, forMs: 15_000, silentForMs: 3_600_000, isAlone: true },
]) {
  test(`another worker ${what}: this one is ${isAlone ? '' : 'not '}cut off alone`, () => {
    equal(isCutOffAlone({ agoMs, forMs }, silentForMs, sessionTimeoutMs), isAlone);
  });
}
