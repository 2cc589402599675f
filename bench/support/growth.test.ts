import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import { type Cost, describeStep, eachAbove, stepFrom } from './growth.ts';
import { spread } from './stats.ts';

const cost = (grown: number, cpu: readonly number[], memoryMb: readonly number[]): Cost => {
  return { grown, runs: cpu.length, cpu: spread(cpu), memoryMb: spread(memoryMb) };
};
const one = cost(1, [1.4, 1, 2], [160, 200, 180]);

test('a step says how many times the cost of the one before, by the middle and by the runs furthest apart', () =>
  deepEqual(stepFrom(one, cost(10, [2.1, 4, 1.4], [360, 400, 320])), {
    times: 10,
    cpu: { median: 1.5, min: 0.7, max: 4 },
    memory: { median: 2, min: 1.6, max: 2.5 },
    runs: 3,
  }));

const cases: readonly (readonly [now: readonly number[], verdict: string])[] = [
  [[2, 2.1, 1.9], '1.43 (0.95 – 2.10) times the processor time (less than linear)'],
  [[16, 17, 15], '11.43 (7.50 – 17.00) times the processor time (linear within the spread)'],
  // The middle is below ten times, and yet two of the runs would be above.
  [[12, 9, 13], '8.57 (4.50 – 13.00) times the processor time (linear within the spread)'],
  [[22, 21, 23], '15.71 (10.50 – 23.00) times the processor time (worse than linear)'],
];
for (const [now, verdict] of cases)
  test(`in words: ${verdict}`, () => {
    const memory = '1.00 (0.80 – 1.25) times the memory (less than linear)';
    const told = describeStep(stepFrom(one, cost(10, now, [160, 180, 200])));
    equal(told, `10 times as much takes ${verdict}, ${memory}`);
  });

test('of one run it is said that its spread is not known', () =>
  equal(
    describeStep(stepFrom(cost(1, [1], [100]), cost(10, [12], [100]))),
    '10 times as much takes 12.00 (12.00 – 12.00) times the processor time (worse than linear), ' +
      '1.00 (1.00 – 1.00) times the memory (less than linear); one run each, so that the spread is not known',
  ));

test('what each of many takes is counted above the first one', () =>
  deepEqual(eachAbove({ grown: 1, mb: 170 }, 10, [260, 179, 350]), { median: 10, min: 1, max: 20 }));
