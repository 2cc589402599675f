import { equal } from 'node:assert/strict';
import { test } from 'node:test';
import { quantile } from './tributary.ts';

const buckets = [
  { le: 1, count: 50 },
  { le: 2, count: 90 },
  { le: 8, count: 98 },
  { le: Number.POSITIVE_INFINITY, count: 100 },
];
const cases: readonly (readonly [q: number, value: number, what: string])[] = [
  [0.25, 0.5, 'half of the first bucket, which begins at 0'],
  [0.5, 1, 'its bound'],
  [0.7, 1.5, 'half of the second one'],
  [0.92, 3.5, 'a quarter of a wide one'],
  [0.99, Number.POSITIVE_INFINITY, 'beyond all bounds'],
];
for (const [q, value, what] of cases)
  test(`a quantile of ${q} is ${value}: ${what}`, () => equal(Math.round(quantile(buckets, q) * 1e9) / 1e9, value));

test('of nothing there is no quantile', () => equal(quantile([], 0.5), Number.NaN));

test('where all is in one bucket in the middle, a quantile lies in it', () => {
  const middle = [
    { le: 1, count: 0 },
    { le: 3, count: 10 },
    { le: 5, count: 10 },
  ];
  equal(quantile(middle, 0.5), 2);
});
