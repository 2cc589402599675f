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
    ['a count between the steps', { step: 10 }, [10, 11, 12, 13], ['next', 'restarted', 'restarted', 'restarted'], []],
    [
      'a new count with another phase',
      { step: 10 },
      [15, 25, 3, 13, 33],
      ['next', 'next', 'restarted', 'next', 'next'],
      ['23-23 (1)'],
    ],
    ['a hole before the first', {}, [7, 3, 4, 8], ['next', 'late', 'late', 'next'], ['5-6 (2)']],
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

describe('a server that counts anew', () => {
  const run = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => from + i);

  test('other bytes under a number that has come are a new count, of which each message is new', () => {
    const { sequence, gaps } = follow({ window: 10_000 });
    for (const number of run(1, 500)) sequence.see(0, '', number, 0, number);
    sequence.closed(0, 0);
    sequence.opened(1);
    const sightings = run(1, 500).flatMap((n) => (n === 7 ? [] : [sequence.see(1, '', n, 0, 1000 + n)]));
    deepEqual(sightings, ['restarted', ...Array(498).fill('next')]);
    deepEqual(gaps, ['7-7 (1)']);
  });

  test('the same bytes are repetitions, also where the count goes on behind them', () => {
    const { sequence, gaps } = follow({ window: 10_000 });
    for (const number of run(1, 500)) sequence.see(0, '', number, 0, number);
    sequence.closed(0, 0);
    sequence.opened(1);
    const sightings = run(401, 510).map((n) => sequence.see(1, '', n, 0, n));
    deepEqual(sightings, [...Array(100).fill('repeated'), ...Array(10).fill('next')]);
    deepEqual(gaps, []);
  });

  test('two servers may send other bytes under one number', () => {
    const { sequence, gaps } = follow();
    sequence.opened(1, 1);
    const seen = run(1, 50).flatMap((n) => [sequence.see(0, '', n, 0, n), sequence.see(1, '', n, 0, 1000 + n)]);
    deepEqual([seen.filter((sighting) => sighting === 'repeated').length, gaps], [50, []]);
    ok(!seen.includes('restarted'));
  });

  test('both of two connections follow, each when it goes back', () => {
    const { sequence, gaps } = follow();
    sequence.opened(1, 1);
    for (const n of run(1, 50)) for (const connection of [0, 1]) sequence.see(connection, '', n, 0, n);
    const sight = (connection: number, number: number, sum = number) => sequence.see(connection, '', number, 0, sum);
    deepEqual(
      [sight(0, 1, 901), sight(0, 2, 902), sight(1, 51), sight(1, 1, 901)],
      ['restarted', 'next', 'next', 'repeated'],
    );
    deepEqual(
      [sight(1, 2, 902), sight(1, 4, 904), sight(0, 3, 903), sight(0, 4, 904)],
      ['repeated', 'next', 'late', 'repeated'],
    );
    deepEqual(gaps, []);
  });
});

test('channels have numbers of their own, and the longest unused gives way where there are too many', () => {
  const { sequence, gaps } = follow({ maxChannels: 2 });
  for (const [channel, number] of [
    ['a', 1],
    ['b', 1],
    ['a', 2],
    ['b', 3],
    ['a', 3],
    ['c', 1],
    ['a', 5],
    ['b', 9],
  ] as const)
    sequence.see(0, channel, number, 0);
  deepEqual([gaps, sequence.channels, sequence.forgotten], [['b2-2 (1)', 'a4-4 (1)'], 2, 2]);
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
    deepEqual(gaps, ['2-2 (1)', '4-4 (1)']);
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

  test('a channel that falls silent tells its hole when it was waited for', () => {
    const { sequence, gaps, see } = follow({}, [0, 1]);
    see('0:1', '0:3');
    equal(sequence.dueAtMs, 5_000);
    sequence.tick(4_999);
    deepEqual(gaps, []);
    sequence.tick(5_000);
    deepEqual([gaps, sequence.dueAtMs], [['2-2 (1)'], Number.POSITIVE_INFINITY]);
    // It was given up, not taken for seen.
    deepEqual(see('1:1', '1:2', '1:3'), ['repeated', 'late', 'repeated']);
  });

  test('what only the slower one has is admitted, however far behind it is', () => {
    const { gaps, see } = follow({ window: 10 }, [0, 1]);
    see('0:1', '1:1', '0:2', '0:3', '0:4');
    for (let number = 6; number <= 40; number++) see(`0:${number}`);
    deepEqual(see('1:2', '1:4', '1:5', '1:5', '1:6'), ['repeated', 'repeated', 'late', 'repeated', 'repeated']);
    deepEqual(gaps, []);
  });

  test('one that begins more than a window behind is no new beginning while the other one leads', () => {
    const { sequence, gaps, see } = follow({ window: 10 });
    for (let number = 1; number <= 100; number++) see(`0:${number}`);
    sequence.opened(1);
    for (let number = 51; number <= 150; number++) {
      deepEqual(see(`1:${number}`, `0:${number + 50}`), ['repeated', 'next']);
    }
    deepEqual(gaps, []);
  });

  test('a message that was not taken is no repetition when the other one brings it', () => {
    for (const distance of [1, 50]) {
      const { sequence, gaps, see } = follow({ window: 10 }, [0, 1]);
      see('0:1', '1:1', '0:2');
      sequence.forgetLast();
      for (let number = 3; number <= 2 + distance; number++) see(`0:${number}`);
      deepEqual([see('1:2', '1:3'), gaps], [['late', 'repeated'], []]);
    }
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
    const window = [8, 64][round % 2]!;
    const told = new Set<number>();
    const onGap = ({ from, to }: Gap): void => {
      for (let number = from; number <= to; number++) {
        ok(!told.has(number), `${number} is told twice`);
        told.add(number);
      }
    };
    const { sequence } = follow({ window, onGap }, [0, 1]);
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
      equal(sighting === 'repeated', fresh.has(number), `${number} of ${connection} is ${sighting} (window ${window})`);
      fresh.add(number);
    }
    sequence.end();
    for (let number = 0; number <= 61; number++) equal(told.has(number), !fresh.has(number), `number ${number}`);
  }
});

test(`whatever is lost, replayed and counted anew over two connections, nothing new is dropped (seed ${testSeed})`, () => {
  const random = seeded(testSeed);
  const below = (most: number): number => Math.floor(random() * most);
  const rounds = fuzzRuns(200);
  for (let round = 0; round < rounds; round++) {
    const { sequence } = follow({ window: 1 + below(40), onGap: () => {} }, []);
    const places: { connection: number; run: number; number: number }[] = [];
    // Each run of the server has bytes of its own; what was seen of it, the model knows without a bound.
    const [seen, length] = [new Set<string>(), 20 + below(300)];
    let [run, connections] = [0, 0];
    for (let step = 0; step < 400; step++) {
      if (places.length < 2 && random() < 0.2) {
        const connection = connections++;
        sequence.opened(connection);
        places.push({ connection, run, number: below(length) });
        continue;
      }
      const index = below(places.length);
      const place = places[index];
      if (place === undefined) continue;
      if (random() < 0.02) {
        sequence.closed(place.connection, step);
        places.splice(index, 1);
        // A server restarts only once nobody is connected: what two runs of it send at one time nothing can tell apart.
        if (places.length === 0 && random() < 0.5) run++;
        continue;
      }
      place.number += random() < 0.1 ? 1 + below(30) : 1;
      const key = `${place.run}:${place.number}`;
      const sighting = sequence.see(place.connection, '', place.number, step, 1 + place.run * 1_000_000 + place.number);
      if (sighting === 'repeated') ok(seen.has(key), `${key} was never seen (round ${round}, step ${step})`);
      seen.add(key);
    }
  }
});
