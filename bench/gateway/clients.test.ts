import { deepEqual, throws } from 'node:assert/strict';
import { test } from 'node:test';
import { type FanResult, fanLosses } from './clients.ts';

/** Of three clients, to each of which five records went. */
const result = (messages: number, dup_or_back: number, missing = 0): FanResult => ({
  ...{ connections: 3, open: 3, failed: 0, closed: 0, errors: 0, open_s: 0, active_s: 1, last_s: 1 },
  ...{ messages, frames: messages, bytes: 0, lat_ms: { p50: 0, p99: 0, max: 0 }, seq: { missing, dup_or_back } },
});

const cases: readonly (readonly [what: string, result: FanResult, lost: number, doubled: number])[] = [
  ['each record once', result(15, 0), 0, 0],
  ['one missing', result(14, 0), 1, 0],
  ['nothing at all', result(0, 0), 15, 0],
  ['one twice', result(16, 1), 0, 1],
  ['one missing and another one twice', result(15, 1), 1, 1],
];

for (const [what, seen, lost, doubled] of cases)
  test(`clients that have got ${what}`, () => deepEqual(fanLosses(seen, 5), { lost, doubled }));

test('a record without a number cannot be checked', () =>
  throws(() => fanLosses(result(15, 0, 2), 5), /2 records have come without a number/));
