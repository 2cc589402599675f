import { deepEqual, throws } from 'node:assert/strict';
import { test } from 'node:test';
import { comparisons, figuresOf } from './compare.ts';

const line = (broker: string, rate: number): string =>
  JSON.stringify({ benchmark: 'b', broker, count: 5, perSecond: { median: rate, min: rate, max: rate }, lost: 0 });

test('figures are the spreads of each line, under all else that it says', () => {
  const figures = figuresOf(`a headline\n${line('null', 7)}\n${line('kafka', 3)}\n`);
  deepEqual(
    [...figures],
    [
      ['b, null, count 5', { perSecond: 7 }],
      ['b, kafka, count 5', { perSecond: 3 }],
    ],
  );
});

test('ratios are those of each round, not of the middles', () => {
  const ours = [10, 40, 20].map((rate) => figuresOf(line('null', rate)));
  const theirs = [10, 10, 40].map((rate) => figuresOf(line('null', rate)));
  const [compared] = comparisons(ours, theirs);
  deepEqual(compared!.ratios['perSecond'], { median: 1, min: 0.5, max: 4 });
  deepEqual(compared!.here['perSecond'], { median: 20, min: 10, max: 40 });
});

test('what only one side has measured cannot be compared', () => {
  const ours = [figuresOf(line('null', 1))];
  throws(() => comparisons(ours, [figuresOf(line('kafka', 1))]), /Cannot compare perSecond of "b, null, count 5"/);
  throws(() => figuresOf('nothing\n'), /no figures/);
});
