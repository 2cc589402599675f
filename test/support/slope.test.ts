import { ok } from 'node:assert/strict';
import { test } from 'node:test';
import { seeded } from './random.ts';
import { slopeOf } from './slope.ts';

const seconds = Array.from({ length: 100 }, (_, at) => at);

for (const [what, valueAt, wanted] of [
  ['what stays', () => 7, 0],
  ['what grows', (at: number) => 3 * at - 1000, 3],
  ['a saw', (at: number) => at % 5, 0],
  ['what grows under a saw', (at: number) => at / 2 + 40 * (at % 5), 0.5],
] as const) {
  test(`the slope of ${what} is ${wanted}`, () => {
    const slope = slopeOf(seconds.map((at) => ({ atSeconds: at, value: valueAt(at) })));
    ok(Math.abs(slope - wanted) < 0.2, `${slope}`);
  });
}

test('chance alone has next to none, and too few readings have none', () => {
  const random = seeded(1);
  ok(Math.abs(slopeOf(seconds.map((at) => ({ atSeconds: at, value: random() })))) < 0.01);
  ok(slopeOf([]) === 0 && slopeOf([{ atSeconds: 3, value: 4 }]) === 0);
});
