import { deepEqual } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { fuzzRuns, seeded, testSeed } from '../../../test/support/random.ts';
import { beginRepair, nextRepair, type RepairEvent, type RepairFailure, type RepairState, without } from './repair.ts';

const policy = { step: 1, attempts: 3, backoff: { baseMs: 100, maxMs: 1_000, jitter: 0 }, untilMs: 61_000 };
const failure: RepairFailure = { label: 'unreachable', text: 'refused' };
const world = { nowMs: 1_000, random: () => 0 };
const answered = (first: number, last: number): RepairEvent => ({ kind: 'answered', first, last });
const failed = (isRetriable: boolean, leastPauseMs = 0): RepairEvent => ({
  kind: 'failed',
  failure: { ...failure, leastPauseMs },
  isRetriable,
});

/** `asking 5-9 #2, later 1-3`; `waiting until 1100`; `over`. */
function shown(state: RepairState): string {
  if (state.kind === 'over') return `over${state.failure === undefined ? '' : `: ${state.failure.text}`}`;
  const { range, later, attempt } = state;
  const text = `${range.from}-${range.to}${later.map(({ from, to }) => `, later ${from}-${to}`).join('')} #${attempt}`;
  return state.kind === 'asking' ? `asking ${text}` : `waiting ${text} until ${state.untilMs}`;
}

const asking: RepairState = { kind: 'asking', range: { from: 10, to: 19 }, later: [{ from: 1, to: 5 }], attempt: 2 };
const waiting: RepairState = { ...asking, kind: 'waiting', untilMs: 1_000 };
const over: RepairState = { kind: 'over', failure };

describe('what is asked for next', () => {
  const table: readonly (readonly [RepairState, RepairEvent, string])[] = [
    [asking, answered(10, 19), 'asking 1-5 #1'],
    [asking, answered(10, 14), 'asking 15-19, later 1-5 #1'],
    [asking, answered(15, 19), 'asking 10-14, later 1-5 #1'],
    [asking, answered(13, 15), 'asking 16-19, later 10-12, later 1-5 #1'],
    [{ ...asking, later: [] }, answered(10, 19), 'over'],
    [asking, { kind: 'nothing' }, 'asking 1-5 #1'],
    [{ ...asking, later: [] }, { kind: 'nothing' }, 'over'],
    [asking, failed(true), 'waiting 10-19, later 1-5 #2 until 1200'],
    [asking, failed(true, 5_000), 'waiting 10-19, later 1-5 #2 until 6000'],
    [asking, failed(true, 59_999), 'waiting 10-19, later 1-5 #2 until 60999'],
    [asking, failed(true, 60_000), 'over: refused'],
    [{ ...asking, attempt: 3 }, failed(true), 'over: refused'],
    [asking, failed(false), 'over: refused'],
    [asking, { kind: 'tick' }, 'asking 10-19, later 1-5 #2'],
    [asking, { kind: 'expired', failure }, 'over: refused'],
    [waiting, { kind: 'tick' }, 'asking 10-19, later 1-5 #3'],
    [{ ...waiting, untilMs: 1_001 }, { kind: 'tick' }, 'waiting 10-19, later 1-5 #2 until 1001'],
    [waiting, { kind: 'expired', failure }, 'over: refused'],
    [over, answered(1, 2), 'over: refused'],
    [over, { kind: 'nothing' }, 'over: refused'],
    [over, failed(true), 'over: refused'],
    [over, { kind: 'tick' }, 'over: refused'],
    [over, { kind: 'expired', failure: { label: 'timeout', text: 'later' } }, 'over: refused'],
  ];
  for (const [state, event, expected] of table) {
    test(`${shown(state)}, ${JSON.stringify(event)}`, () =>
      deepEqual(shown(nextRepair(state, event, world, policy)), expected));
  }

  test('of a hole that is too long the newest are', () => {
    deepEqual(shown(beginRepair({ from: 5, to: 1_000 }, 10, 1)), 'asking 991-1000 #1');
    deepEqual(shown(beginRepair({ from: 5, to: 95 }, 3, 10)), 'asking 75-95 #1');
    deepEqual(shown(beginRepair({ from: 5, to: 6 }, 10, 1)), 'asking 5-6 #1');
  });
});

test('what is left of a range', () => {
  deepEqual(without({ from: 1, to: 9 }, [1, 2, 5, 9], 1), [
    { from: 3, to: 4 },
    { from: 6, to: 8 },
  ]);
  deepEqual(without({ from: 10, to: 50 }, [20, 30], 10), [
    { from: 10, to: 10 },
    { from: 40, to: 50 },
  ]);
  deepEqual(without({ from: 1, to: 3 }, [1, 2, 3], 1), []);
  deepEqual(without({ from: 1, to: 3 }, [], 1), [{ from: 1, to: 3 }]);
});

test(`whatever a server has and however it cuts its answers, all of it is got at the ends of answers, in bounded questions (seed ${testSeed})`, () => {
  const random = seeded(testSeed);
  for (let run = 0; run < fuzzRuns(2_000); run++) {
    const size = 1 + Math.floor(random() * 40);
    const page = 1 + Math.floor(random() * 8);
    const newestFirst = random() < 0.5;
    // A server has all from some number on.
    const oldest = Math.floor(random() * size);
    const got = new Set<number>();
    let questions = 0;
    let state = beginRepair({ from: 0, to: size - 1 }, 1_000, 1);
    while (state.kind === 'asking') {
      const { from, to } = state.range;
      const held = Array.from({ length: to - from + 1 }, (_, index) => from + index).filter((n) => n >= oldest);
      const given = newestFirst ? held.slice(-page) : held.slice(0, page);
      for (const number of given) got.add(number);
      questions++;
      const event: RepairEvent = given.length === 0 ? { kind: 'nothing' } : answered(given[0]!, given.at(-1)!);
      state = nextRepair(state, event, world, policy);
    }
    deepEqual([state.kind, got.size], ['over', size - oldest]);
    deepEqual(questions <= Math.ceil((size - oldest) / page) + 2, true, `${questions} questions`);
  }
});
