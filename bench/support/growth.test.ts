import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import { describeStep, stepFrom } from './growth.ts';

const one = { grown: 1, cpu: 1.4, memoryMb: 173 };

test('a step says how many times the cost of the one before', () =>
  deepEqual(stepFrom(one, { grown: 10, cpu: 2.1, memoryMb: 346 }), { times: 10, cpu: 1.5, memory: 2 }));

const cases: readonly (readonly [cpu: number, memory: number, text: string])[] = [
  [1.5, 2, '1.5 times the processor time (less than linear), 2 times the memory (less than linear)'],
  [10, 0.9, '10 times the processor time (linear), 0.9 times the memory (less than linear)'],
  [12, 11, '12 times the processor time (worse than linear), 11 times the memory (worse than linear)'],
];
for (const [cpu, memory, text] of cases)
  test(`in words: ${text}`, () => equal(describeStep({ times: 10, cpu, memory }), `10 times as much takes ${text}`));
