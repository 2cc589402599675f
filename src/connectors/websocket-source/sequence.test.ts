import { deepEqual, equal, ok } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { fuzzRuns, seeded, testSeed } from '../../../test/support/random.ts';
import { type Gap, Sequence, type SequenceOptions } from './sequence.ts';

/** Follows numbers that come as `number`, or as `connection:number`; the gaps it told as `from-to`. */
function follow(changes: Partial<SequenceOptions> = {}, connections: readonly number[] = [0]) {
  const gaps: string[] = [];
  const sequence = new Sequence({
    ...{ step: 1, window: 100, maxChannels: 10 },
    onGap: ({ channel, from, to, missing }) => gaps.push(`${channel}${from}-${to} (${missing})`),
    ...changes,
  });
  for (const connection of connections) sequence.opened(connection);
  const see = (...numbers: (number | string)[]): string[] =>
    numbers.map((written) => {
      const [number, connection] = String(written).split(':').reverse().map(Number);
      return sequence.see(connection ?? 0, '', number!, 0);
    });
  return { sequence, gaps, see };
}

describe('one connection', () => {
  const cases: readonly (readonly [string, Partial<SequenceOptions>, number[], string[], string[]])[] = [
    ['numbers in a row', {}, [7, 8, 9], ['next', 'next', 'next'], []],
    ['a hole of one', {}, [7, 9], ['next', 'next'], ['8-8 (1)']],
    ['a hole of many, longer than the window', {}, [7, 5000, 5001], ['next', 'next', 'next'], ['8-4999 (4992)']],
    ['two holes', {}, [0, 2, 4], ['next', 'next', 'next'], ['1-1 (1)', '3-3 (1)']],
    ['one that comes again', {}, [7, 8, 8, 7], ['next', 'next', 'repeated', 'repeated'], []],
    ['one of a hole that comes late, and again', {}, [7, 9, 8, 8], ['next', 'next', 'late', 'repeated'], ['8-8 (1)']],
    ['one before the first', {}, [7, 6, 8], ['next', 'late', 'next'], []],
    ['a new beginning', {}, [900, 1, 2, 4], ['next', 'restarted', 'next', 'next'], ['3-3 (1)']],
    ['a step of ten', { step: 10 }, [15, 25, 55], ['next', 'next', 'next'], ['35-45 (2)']],
    ['one that has left the window', { window: 2 }, [7, 8, 9, 7], ['next', 'next', 'next', 'restarted'], []],
    [
      'places that are used again',
      { window: 3 },
      [0, 1, 2, 4, 3],
      ['next', 'next', 'next', 'next', 'late'],
      ['3-3 (1)'],
    ],
  ];
  for (const [name, changes, numbers, sightings, gaps] of cases) {
    test(name, () => {
      const followed = follow(changes);
      deepEqual([followed.see(...numbers), followed.gaps], [sightings, gaps]);
    });
  }

  test('what came between two connections is a gap', () => {
    const { sequence, gaps, see } = follow();
    see(1, 2);
    sequence.closed(0, 0);
    sequence.opened(1);
    see('1:5');
    deepEqual(gaps, ['3-4 (2)']);
  });
});

test('channels have numbers of their own, and the oldest gives way where there are too many', () => {
  const { sequence, gaps } = follow({ maxChannels: 2 });
  for (const [channel, number] of [
    ['a', 1],
    ['b', 1],
    ['a', 2],
    ['b', 3],
    ['c', 1],
    ['a', 9],
  ] as const)
    sequence.see(0, channel, number, 0);
  deepEqual([gaps, sequence.channels, sequence.forgotten], [['b2-2 (1)'], 2, 2]);
});

describe('two connections to one feed', () => {
  test('a hole that the other one fills is none', () => {
    const { gaps, see } = follow({}, [0, 1]);
    deepEqual(
      see('0:1', '1:1', '0:3', '1:2', '1:3', '0:4', '1:4').join(),
      'next,repeated,next,late,repeated,next,repeated',
    );
    deepEqual(gaps, []);
  });

  test('a hole of both is told once the slower one has passed it, as far as nobody filled it', () => {
    const { gaps, see } = follow({}, [0, 1]);
    see('0:1', '1:1', '0:9', '1:3', '1:5');
    deepEqual(gaps, []);
    see('1:9');
    deepEqual(gaps, ['2-2 (1)', '4-4 (1)', '6-8 (3)']);
  });

  test('a hole is told where the other one ends before it', () => {
    const { sequence, gaps, see } = follow({}, [0, 1]);
    see('0:1', '1:1', '0:3');
    sequence.closed(1, 0);
    deepEqual(gaps, ['2-2 (1)']);
  });

  test('the one that is left goes on from where it was', () => {
    const { sequence, gaps, see } = follow({}, [0, 1]);
    see('0:1', '1:1', '0:2', '0:5');
    sequence.closed(0, 0);
    deepEqual(see('1:2', '1:3', '1:4', '1:5', '1:6', '1:8').join(), 'repeated,late,late,repeated,next,next');
    deepEqual(gaps, ['7-7 (1)']);
  });

  test('one that does not carry the channel is waited for only so long', () => {
    const { sequence, gaps } = follow({}, [0, 1]);
    sequence.see(0, '', 1, 0);
    sequence.see(0, '', 3, 0);
    sequence.see(0, '', 4, 4_999);
    deepEqual(gaps, []);
    sequence.see(0, '', 5, 5_000);
    deepEqual(gaps, ['2-2 (1)']);
  });

  test('one that is behind by more than the window is no new beginning', () => {
    const { gaps, see } = follow({ window: 2 }, [0, 1]);
    see('0:1', '1:1', '0:2', '0:3', '0:4', '0:5', '0:6');
    deepEqual(see('1:2', '1:3', '0:7').join(), 'repeated,repeated,next');
    deepEqual(gaps, []);
  });
});

test(`whatever two connections leave out and repeat, each number is new once or in a gap (seed ${testSeed})`, () => {
  const random = seeded(testSeed);
  const rounds = fuzzRuns(300);
  for (let round = 0; round < rounds; round++) {
    const told = new Set<number>();
    const onGap = ({ from, to }: Gap): void => {
      for (let number = from; number <= to; number++) {
        ok(!told.has(number), `${number} is told twice`);
        told.add(number);
      }
    };
    const { sequence } = follow({ window: 64, onGap }, [0, 1]);
    // Both begin with the same number and end with the same: what is missing at the ends nobody can know.
    const queues = [0, 1].map(() => [
      0,
      ...Array.from({ length: 60 }, (_, i) => i + 1).filter(() => random() < 0.8),
      61,
    ]);
    const fresh = new Set<number>();
    while (queues.some((queue) => queue.length > 0)) {
      const connection = random() < 0.5 ? 0 : 1;
      const number = queues[connection]!.shift();
      if (number === undefined) continue;
      const sighting = sequence.see(connection, '', number, 0);
      equal(sighting === 'repeated', fresh.has(number), `${number} of ${connection} is ${sighting}`);
      fresh.add(number);
    }
    sequence.end();
    for (let number = 0; number <= 61; number++) equal(told.has(number), !fresh.has(number), `number ${number}`);
  }
});
