import { deepEqual, equal, match } from 'node:assert/strict';
import { test } from 'node:test';
import { parsePointer } from './json-pointer.ts';
import { positionsProblem, readPositions, writePositions } from './number-positions.ts';
import type { SequenceSettings } from './numbering.ts';
import { type Gap, Sequence } from './sequence.ts';

const single: SequenceSettings = { number: parsePointer('/s'), channel: null, step: 1, scope: 'feed', maxChannels: 1 };
const many: SequenceSettings = { ...single, channel: parsePointer('/c'), maxChannels: 10_000 };

function follow(settings: SequenceSettings, window = 100) {
  const gaps: string[] = [];
  const onGap = ({ channel, from, to }: Gap): void => void gaps.push(`${channel}${from}-${to}`);
  const sequence = new Sequence({ step: settings.step, window, maxChannels: settings.maxChannels, onGap });
  return { sequence, gaps };
}

/** The same feed after a restart: what was written is read, as Kafka has it. */
function restarted(before: Sequence, settings: SequenceSettings, window = 100) {
  const stored = JSON.parse(JSON.stringify(writePositions(before.snapshot(), settings).members));
  const after = follow(settings, window);
  after.sequence.restore(readPositions(stored, settings), 0);
  after.sequence.opened(7);
  return { ...after, stored };
}

test('what is missing behind a restart is a gap, from the last number of each channel on', () => {
  const { sequence } = follow(many);
  sequence.opened(0);
  for (const [channel, number] of [
    ['a', 5],
    ['b', 90],
    ['', 3],
    ['__proto__', 8],
  ] as const)
    sequence.see(0, channel, number, 0);
  const { sequence: next, gaps, stored } = restarted(sequence, many);
  deepEqual([stored['number.a'], stored['number.b'], stored['number.'], stored.numbered], [5, 90, 3, '/s by /c']);
  deepEqual(
    [next.see(7, 'a', 8, 0), next.see(7, 'b', 91, 0), next.see(7, '', 5, 0), next.see(7, '__proto__', 10, 0)],
    ['next', 'next', 'next', 'next'],
  );
  deepEqual(gaps, ['a6-7', '4-4', '__proto__9-9']);
});

test('what the server repeats to the next run is known again; other bytes are a new count', () => {
  const first = follow(single);
  first.sequence.opened(0);
  for (let number = 1; number <= 300; number++)
    if (number !== 250) first.sequence.see(0, '', number, 0, 1_000 + number);
  const repeated = restarted(first.sequence, single, 400);
  deepEqual(
    [260, 250, 300, 301].map((number) => repeated.sequence.see(7, '', number, 0, 1_000 + number)),
    ['repeated', 'late', 'repeated', 'next'],
  );
  const anew = restarted(first.sequence, single, 400);
  deepEqual(
    [260, 261, 263].map((number) => anew.sequence.see(7, '', number, 0, 5_000 + number)),
    ['restarted', 'next', 'next'],
  );
  deepEqual([repeated.gaps, anew.gaps], [[], ['262-262']]);
  // Further back than what is stored: a server that begins again.
  equal(restarted(first.sequence, single, 400).sequence.see(7, '', 3, 0, 9), 'restarted');
});

test('a hole that was not told yet is told by the next run', () => {
  const { sequence, gaps } = follow({ ...single, step: 10 });
  sequence.opened(0);
  sequence.opened(1, 1);
  sequence.see(0, '', 15, 0);
  sequence.see(1, '', 15, 0);
  sequence.see(0, '', 45, 0);
  deepEqual(gaps, []);
  const settings = { ...single, step: 10 };
  const next = restarted(sequence, settings);
  deepEqual([next.stored.missing, next.stored.numbered], ['25-35', '/s in steps of 10']);
  next.sequence.see(7, '', 55, 0);
  deepEqual(next.gaps, ['25-35']);
});

test('numbers of another place, and what is no number, are not gone on from', () => {
  const offset = { numbered: '/s', number: 5 };
  equal(readPositions(offset, single).length, 1);
  equal(readPositions({ number: 5 }, single).length, 1, 'as somebody wrote it by hand');
  for (const [wrong, settings] of [
    [offset, { ...single, number: parsePointer('/other') }],
    [offset, { ...single, step: 2 }],
    [offset, many],
    [{ number: -1 }, single],
    [{ number: '5' }, single],
    [{ 'number.a': 5 }, single],
    [{ number: 5 }, many],
  ] as const)
    deepEqual(readPositions(wrong, settings), [], JSON.stringify(wrong));
});

test('what a person writes is checked', () => {
  equal(positionsProblem({ session_id: 'x', sequence: 5, number: 7, 'missing.a': '1-2,5-5' }), undefined);
  match(positionsProblem({ 'number.a': 1.5 })!, /^"number\.a" is 1\.5: must be the last number/);
  match(positionsProblem({ missing: '5' })!, /^"missing" holds "5": must be ranges/);
});

test('an offset holds the thousand channels used last, in a quarter of a million characters', () => {
  const { sequence } = follow(many);
  sequence.opened(0);
  for (let index = 0; index < 1_500; index++) sequence.see(0, `c${index}`, index, 0);
  const { members, left } = writePositions(sequence.snapshot(), many);
  deepEqual([members['number.c1499'], members['number.c500'], members['number.c499'], left], [1499, 500, undefined, 0]);
  const long = follow(many);
  long.sequence.opened(0);
  for (let index = 0; index < 500; index++) long.sequence.see(0, `${index}${'x'.repeat(1_000)}`, index, 0);
  const bounded = writePositions(long.sequence.snapshot(), many);
  equal(JSON.stringify(bounded.members).length < 300_000, true);
  equal(bounded.left, 500 - Object.keys(bounded.members).filter((key) => key.startsWith('number.')).length);
});
